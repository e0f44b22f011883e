from pathlib import Path
from typing import ClassVar

import pytest

import keras_nlp
from domain_core.testing import EncoderFamilyContract
from keras_nlp.models import DistilBertBackbone, DistilBertTokenizer

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "##ly", "film"]
WORDS += [*"abcdefgh.,!?", "##s", "é"]


class TestDistilBert(EncoderFamilyContract):
    models = keras_nlp.models
    name = "DistilBert"
    arguments: ClassVar = {
        "vocabulary_size": len(WORDS),
        "num_layers": 2,
        "num_heads": 2,
        "hidden_dim": 16,
        "intermediate_dim": 24,
        "max_sequence_length": 12,
    }
    output_shapes = (3, 12, 16)
    tensors = 36
    foreign_config: ClassVar = {
        "vocab_size": len(WORDS),
        "dim": 16,
        "hidden_dim": 24,
        "n_layers": 2,
        "n_heads": 2,
        "max_position_embeddings": 12,
    }
    foreign_epsilon = 1e-12
    hub_tokenizer: ClassVar = {"vocabulary": "vocab.txt", "lowercase": True}
    texts: ClassVar = [
        "A good film!",
        "badly BAD goodlys",
        "é films\n\tgood.",
        "",
        "un",
    ]

    @classmethod
    def tokenizer(cls):
        return DistilBertTokenizer(WORDS, lowercase=True)

    @classmethod
    def write_tokenizer(cls, folder: Path):
        (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")


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
        DistilBertBackbone(**{**TestDistilBert.arguments, **options})
