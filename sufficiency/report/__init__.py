"""A result as one HTML file that needs nothing else."""
