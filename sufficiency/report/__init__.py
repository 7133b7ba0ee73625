"""A result as one HTML file that needs nothing else."""

from sufficiency.report.page import write_report
from sufficiency.report.questions import Asked

__all__ = ["Asked", "write_report"]
