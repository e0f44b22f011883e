from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import keras_nlp
from domain_core.testing import (
    BackboneContract,
    EncoderFamilyContract,
    MaskedLMContract,
    TaskContract,
)
from keras_nlp.models import (
    DistilBertBackbone,
    DistilBertClassifier,
    DistilBertClassifierPreprocessor,
    DistilBertMaskedLM,
    DistilBertMaskedLMPreprocessor,
    DistilBertTokenizer,
)

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "##ly", "film"]
WORDS += [*"abcdefgh.,!?", "##s", "é"]
TEXTS = ["A good film!", "badly BAD goodlys", "é [MASK] films\n\tgood.", "", "unknown"]
SIZES = {
    "vocabulary_size": len(WORDS),
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 16,
    "intermediate_dim": 24,
    "max_sequence_length": 12,
}


class TestDistilBert(EncoderFamilyContract):
    models = keras_nlp.models
    name = "DistilBert"
    sizes = SIZES
    foreign_name = "DistilBert"
    foreign_config: ClassVar = {
        "vocab_size": len(WORDS),
        "dim": 16,
        "hidden_dim": 24,
        "n_layers": 2,
        "n_heads": 2,
        "max_position_embeddings": 12,
    }
    foreign_epsilon = 1e-12
    texts: ClassVar = [text.replace("[MASK]", "") for text in TEXTS]

    @classmethod
    def tokenizer(cls):
        return DistilBertTokenizer(WORDS, lowercase=True)

    @classmethod
    def hub_tokenizer(cls, hub):
        return hub.DistilBertTokenizer(WORDS, lowercase=True)

    @classmethod
    def write_tokenizer(cls, folder: Path):
        (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")


class TestDistilBertBackbone(BackboneContract):
    cls = DistilBertBackbone
    arguments = SIZES
    output_shapes = (2, 8, 16)
    tensors = 36

    @classmethod
    def inputs(cls):
        mask = np.ones((2, 8), "int32")
        mask[1, 5:] = 0
        ids = np.random.default_rng(0).integers(0, 20, (2, 8)).astype("int32")
        return {"token_ids": ids, "padding_mask": mask}


class TestDistilBertClassifier(TaskContract):
    cls = DistilBertClassifier

    @classmethod
    def make(cls):
        tokenizer = DistilBertTokenizer(WORDS, lowercase=True)
        preprocessor = DistilBertClassifierPreprocessor(tokenizer, 12)
        return DistilBertClassifier(DistilBertBackbone(**SIZES), 4, preprocessor)

    @classmethod
    def samples(cls):
        return TEXTS, [0, 3, 1, 2, 0]


class TestDistilBertMaskedLM(MaskedLMContract):
    cls = DistilBertMaskedLM

    @classmethod
    def make(cls):
        tokenizer = DistilBertTokenizer(WORDS, lowercase=True)
        preprocessor = DistilBertMaskedLMPreprocessor(
            tokenizer, 12, mask_selection_length=3
        )
        return DistilBertMaskedLM(DistilBertBackbone(**SIZES), preprocessor)

    @classmethod
    def samples(cls):
        return TEXTS, None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 3}, "num_heads=3"),
        ({"dropout": 1.5}, "dropout"),
        ({"num_layers": 0}, "num_layers"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        DistilBertBackbone(**{**SIZES, **options})
