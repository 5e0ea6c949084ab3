"""What every driver, twin, fault and key store has to keep to: subclass a contract and give its fixtures."""
