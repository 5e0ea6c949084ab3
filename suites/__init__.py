"""Test suites that users run."""
