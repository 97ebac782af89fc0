"""Runs Alkaid's test suites and sums them up."""
