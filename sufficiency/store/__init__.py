"""Finished cells and trained centers on disk, found by what they are made of."""

from sufficiency.store.directory import Store
from sufficiency.store.fit_store import FitStore, remembered_seed

__all__ = ["FitStore", "Store", "remembered_seed"]
