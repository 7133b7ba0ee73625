"""Finished cells and trained centers on disk, found by what they are made of."""
