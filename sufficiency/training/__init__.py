"""Nets are trained here, and nowhere else."""
