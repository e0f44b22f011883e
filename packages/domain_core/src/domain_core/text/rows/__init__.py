"""Layers on rows of tokens: packers, maskers, random changes; in NumPy or in graphs."""
