"""BERT trains without Keras' loop, too."""

import numpy as np

from domain_core.testing import TrainingContract
from keras_nlp.models import BertBackbone, BertClassifier


class TestBert(TrainingContract):
    @classmethod
    def make(cls):
        backbone = BertBackbone(
            vocabulary_size=20,
            num_layers=1,
            num_heads=2,
            hidden_dim=8,
            intermediate_dim=16,
            dropout=0.0,
            max_sequence_length=6,
        )
        return BertClassifier(backbone, num_classes=3, dropout=0.0)

    @classmethod
    def inputs(cls):
        rng = np.random.default_rng(0)
        return {
            "token_ids": rng.integers(0, 20, (4, 6)).astype("int32"),
            "segment_ids": np.zeros((4, 6), "int32"),
            "padding_mask": np.ones((4, 6), "int32"),
        }
