"""The embedding of encoders, where it leaves its short way."""

import numpy as np

from domain_core import layers
from domain_core.testing import to_numpy


def test_lora_takes_part():
    ids = np.array([[1, 2, 1]], "int32")
    layer = layers.TextEmbedding(10, 6, hidden_dim=4)
    before = to_numpy(layer(ids))
    layer.token_embedding.enable_lora(2)
    for weight in layer.token_embedding.trainable_weights:
        weight.assign(np.arange(np.prod(weight.shape)).reshape(weight.shape))
    assert np.abs(to_numpy(layer(ids)) - before).max() > 0.1
