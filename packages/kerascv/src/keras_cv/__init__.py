"""Vision models and augmentation for Keras 3 on JAX, TensorFlow and PyTorch."""

from domain_core._installation import forbid_upstream

forbid_upstream("keras-cv", ours="kerascv")

from keras_cv import layers, models
from keras_cv._version import __version__

__all__ = ["__version__", "layers", "models", "version"]


def version() -> str:
    """Returns the version of the installed package."""
    return __version__
