import json
from pathlib import Path
from typing import ClassVar

import numpy as np

import keras_nlp
from domain_core.testing import (
    BackboneContract,
    EncoderFamilyContract,
    MaskedLMContract,
    TaskContract,
)
from keras_nlp.models import (
    RobertaBackbone,
    RobertaClassifier,
    RobertaClassifierPreprocessor,
    RobertaMaskedLM,
    RobertaMaskedLMPreprocessor,
    RobertaTextEmbedder,
    RobertaTextEmbedderPreprocessor,
    RobertaTokenizer,
)

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
MERGES = [
    "Ġ f",
    "i l",
    "Ġf il",
    "Ġfil m",
    "g o",
    "o d",
    "go od",
    "Ġ good",
    "b a",
    "ba d",
]
TEXTS = ["a good film!", "badly bad  film", "é 漢字 👍", "", "film\n\tgood. 123's"]


def vocabulary():
    letters = [chr(i) for i in range(33, 127)] + [chr(i) for i in range(161, 173)]
    letters += [chr(i) for i in range(174, 256)] + [chr(256 + i) for i in range(68)]
    tokens = [*SPECIAL, *letters, *(merge.replace(" ", "") for merge in MERGES)]
    return {token: index for index, token in enumerate(tokens)}


SIZES = {
    "vocabulary_size": len(vocabulary()),
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 16,
    "intermediate_dim": 24,
    "max_sequence_length": 36,
}


def make_tokenizer():
    return RobertaTokenizer(vocabulary(), MERGES)


class TestRoberta(EncoderFamilyContract):
    models = keras_nlp.models
    name = "Roberta"
    sizes = SIZES
    foreign_name = "Roberta"
    foreign_config: ClassVar = {
        "vocab_size": len(vocabulary()),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "max_position_embeddings": 38,
        "type_vocab_size": 1,
        "pad_token_id": 1,
        "layer_norm_eps": 1e-5,
    }
    foreign_epsilon = 1e-5
    export_options: ClassVar = {"num_segments": 1}
    texts = TEXTS

    @classmethod
    def tokenizer(cls):
        return make_tokenizer()

    @classmethod
    def hub_tokenizer(cls, hub):
        return hub.RobertaTokenizer(vocabulary(), MERGES)

    @classmethod
    def write_tokenizer(cls, folder: Path):
        (folder / "vocab.json").write_text(json.dumps(vocabulary()))
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES]) + "\n")


class TestRobertaBackbone(BackboneContract):
    cls = RobertaBackbone
    arguments = SIZES
    output_shapes = (2, 8, 16)
    tensors = 36

    @classmethod
    def inputs(cls):
        mask = np.ones((2, 8), "int32")
        mask[1, 5:] = 0
        ids = np.random.default_rng(0).integers(0, 20, (2, 8)).astype("int32")
        return {"token_ids": ids, "padding_mask": mask}


class TestRobertaClassifier(TaskContract):
    cls = RobertaClassifier

    @classmethod
    def make(cls):
        preprocessor = RobertaClassifierPreprocessor(make_tokenizer(), 12)
        return RobertaClassifier(RobertaBackbone(**SIZES), 4, preprocessor)

    @classmethod
    def samples(cls):
        return TEXTS, [0, 3, 1, 2, 0]


class TestRobertaMaskedLM(MaskedLMContract):
    cls = RobertaMaskedLM

    @classmethod
    def make(cls):
        preprocessor = RobertaMaskedLMPreprocessor(
            make_tokenizer(), 12, mask_selection_length=3
        )
        return RobertaMaskedLM(RobertaBackbone(**SIZES), preprocessor)

    @classmethod
    def samples(cls):
        return TEXTS, None


class TestRobertaTextEmbedder(TaskContract):
    cls = RobertaTextEmbedder

    @classmethod
    def make(cls):
        preprocessor = RobertaTextEmbedderPreprocessor(make_tokenizer(), 12)
        embedder = RobertaTextEmbedder(RobertaBackbone(**SIZES), preprocessor)
        embedder.compile(loss="mse")
        return embedder

    @classmethod
    def samples(cls):
        return TEXTS, np.zeros((5, 16), "float32")


def test_special_tokens_in_texts():
    ids = make_tokenizer()("a <mask> b</s>").tolist()
    table = vocabulary()
    expected = [table[t] for t in ("a", "<mask>", "Ġ", "b", "</s>")]
    assert ids == expected
    plain = RobertaTokenizer(vocabulary(), MERGES, special_tokens="text")
    assert not set(plain("a <mask></s>").tolist()) & set(range(5))


def test_segments_are_told_apart_by_two_separators():
    preprocessor = RobertaClassifierPreprocessor(make_tokenizer(), 10)
    row = preprocessor(("a", "b"))["token_ids"].tolist()
    table = vocabulary()
    assert row == [0, table["a"], 2, 2, table["b"], 2, 1, 1, 1, 1]
