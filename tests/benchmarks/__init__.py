"""Ratios of running times, measured side by side in one run: ``python -m tests.benchmarks``."""
