"""Ten seconds that say whether a bench is worth a longer run."""
