"""Losses of many weights on many samples, in blocks."""
