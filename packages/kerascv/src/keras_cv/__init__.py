"""Vision models and augmentation for Keras 3 on JAX, TensorFlow and PyTorch."""

from domain_core._installation import forbid_upstream

forbid_upstream("keras-cv", ours="kerascv")

from domain_core import list_presets as list_presets
from domain_core import upload_preset as upload_preset
from keras_cv import bounding_box as bounding_box
from keras_cv import callbacks as callbacks
from keras_cv import core as core
from keras_cv import datasets as datasets
from keras_cv import keypoint as keypoint
from keras_cv import layers as layers
from keras_cv import losses as losses
from keras_cv import metrics as metrics
from keras_cv import models as models
from keras_cv import visualization as visualization
from keras_cv._version import __version__ as __version__


def version() -> str:
    """Returns the version of the installed package."""
    return __version__
