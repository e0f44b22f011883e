"""Augmentation and other layers. Empty in 0.1: the first ones come with 0.2."""

__all__: list[str] = []
