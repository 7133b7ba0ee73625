"""A result as one HTML file that needs nothing else."""

from sufficiency.report.page import write_report

__all__ = ["write_report"]
