"""Imports both leaves in one process and runs a model of each."""

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

classifier = keras_cv.models.ImageClassifier(
    keras_cv.models.ResNetBackbone(
        stackwise_filters=[4],
        stackwise_blocks=[1],
        stackwise_strides=[1],
        include_rescaling=True,
    ),
    num_classes=3,
)
assert classifier.predict(np.ones((2, 32, 32, 3)), verbose=0).shape == (2, 3)

print(f"keras_nlp {keras_nlp.__version__} and keras_cv {keras_cv.__version__} agree")
