"""Samples of any kind, by index: arrays, memory maps, datasets; checks and splits."""
