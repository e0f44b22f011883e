"""Boxes around things in images."""
