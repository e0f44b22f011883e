"""Layers on rows of tokens: packers, maskers, random changes."""
