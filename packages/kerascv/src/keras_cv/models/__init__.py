"""Vision backbones and tasks. Empty in 0.1: the first families come with 0.2."""

__all__: list[str] = []
