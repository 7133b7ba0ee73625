"""Finished cells and trained centres on disk, found by what they are made of."""

from sufficiency.store.directory import Store
from sufficiency.store.memory import FitMemory, remembered_seed

__all__ = ["FitMemory", "Store", "remembered_seed"]
