"""This library's own layout of presets."""
