"""Weights of models: their paths, foreign names, tensors read in turn, construction."""
