"""From a trained center to the numbers of one (repeat, size)."""
