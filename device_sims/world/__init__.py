"""One physical world that all simulated devices of a bench look at: pure, seeded, told the time."""
