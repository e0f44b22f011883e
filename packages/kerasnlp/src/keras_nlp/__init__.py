"""Text models and tokenizers for Keras 3 on JAX, TensorFlow and PyTorch."""

from domain_core._installation import forbid_upstream

forbid_upstream("keras-nlp", ours="kerasnlp")

from domain_core import list_presets as list_presets
from domain_core import upload_preset as upload_preset
from keras_nlp import layers as layers
from keras_nlp import metrics as metrics
from keras_nlp import models as models
from keras_nlp import samplers as samplers
from keras_nlp import tokenizers as tokenizers
from keras_nlp._version import __version__ as __version__


def version() -> str:
    """Returns the version of the installed package."""
    return __version__
