"""Imports both leaves in one process and builds a model of each."""

import numpy as np

import keras_cv
import keras_nlp

encoder = keras_nlp.models.BertBackbone(
    vocabulary_size=32, num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=16
)
output = encoder(
    {
        "token_ids": np.ones((2, 5), "int32"),
        "padding_mask": np.ones((2, 5), "int32"),
        "segment_ids": np.zeros((2, 5), "int32"),
    }
)
assert tuple(output["sequence_output"].shape) == (2, 5, 8)

# kerascv 0.1 has no models yet; the first version that has builds one here.
assert keras_cv.models.__all__ == []

print(f"keras_nlp {keras_nlp.__version__} and keras_cv {keras_cv.__version__} agree")
