"""Closed forms, one per file, each with its source and validity range; written independently of the sampler."""
