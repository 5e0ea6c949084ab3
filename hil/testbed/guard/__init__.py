"""Who may use real devices, and who makes them safe when nobody else does: lease, safe state, journal, guardian."""
