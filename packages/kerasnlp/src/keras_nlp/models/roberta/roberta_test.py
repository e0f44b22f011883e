import json
from pathlib import Path
from typing import ClassVar

import keras_nlp
from domain_core.testing import EncoderFamilyContract
from keras_nlp.models import RobertaClassifierPreprocessor, RobertaTokenizer

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


def vocabulary():
    letters = [chr(i) for i in range(33, 127)] + [chr(i) for i in range(161, 173)]
    letters += [chr(i) for i in range(174, 256)] + [chr(256 + i) for i in range(68)]
    tokens = [*SPECIAL, *letters, *(merge.replace(" ", "") for merge in MERGES)]
    return {token: index for index, token in enumerate(tokens)}


class TestRoberta(EncoderFamilyContract):
    models = keras_nlp.models
    name = "Roberta"
    arguments: ClassVar = {
        "vocabulary_size": len(vocabulary()),
        "num_layers": 2,
        "num_heads": 2,
        "hidden_dim": 16,
        "intermediate_dim": 24,
        "max_sequence_length": 36,
    }
    output_shapes = (3, 12, 16)
    tensors = 36
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
    hub_tokenizer: ClassVar = {"vocabulary": "vocab.json", "merges": "merges.txt"}
    texts: ClassVar = [
        *("a good film!", "badly bad  film", "é 漢字 👍", "", "film\n\tgood. 123's"),
    ]

    @classmethod
    def tokenizer(cls):
        return RobertaTokenizer(vocabulary(), MERGES)

    @classmethod
    def write_tokenizer(cls, folder: Path):
        (folder / "vocab.json").write_text(json.dumps(vocabulary()))
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES]) + "\n")


def test_special_tokens_in_texts():
    ids = TestRoberta.tokenizer()("a <mask> b</s>").tolist()
    table = vocabulary()
    expected = [table[t] for t in ("a", "<mask>", "Ġ", "b", "</s>")]
    assert ids == expected
    plain = RobertaTokenizer(vocabulary(), MERGES, special_tokens="text")
    assert not set(plain("a <mask></s>").tolist()) & set(range(5))


def test_segments_are_told_apart_by_two_separators():
    preprocessor = RobertaClassifierPreprocessor(TestRoberta.tokenizer(), 10)
    row = preprocessor(("a", "b"))["token_ids"].tolist()
    table = vocabulary()
    assert row == [0, table["a"], 2, 2, table["b"], 2, 1, 1, 1, 1]
