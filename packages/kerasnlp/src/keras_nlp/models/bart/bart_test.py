"""BART beside Hugging Face's and KerasHub's."""

import functools
import json
from pathlib import Path
from typing import ClassVar

import keras_nlp
from domain_core.testing import Seq2SeqFamilyContract
from domain_core.testing.texts import mixed_corpus
from keras_nlp.models import BartTokenizer

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SIZE = 300


@functools.cache
def pairs():
    train = keras_nlp.tokenizers.compute_byte_pair_vocabulary
    return train(iter(mixed_corpus()[::9]), SIZE, special_tokens=SPECIAL)


class TestBart(Seq2SeqFamilyContract):
    models = keras_nlp.models
    name = "Bart"
    arguments: ClassVar = {
        "vocabulary_size": SIZE,
        "num_layers": 2,
        "num_heads": 2,
        "hidden_dim": 16,
        "intermediate_dim": 24,
        "max_sequence_length": 80,
    }
    tensors = 91
    tokens = (2, 2)
    no_repeat_ngram_size = 2
    foreign_config: ClassVar = {
        "vocab_size": SIZE,
        "encoder_layers": 2,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 24,
        "decoder_ffn_dim": 24,
        "d_model": 16,
        "max_position_embeddings": 80,
        "scale_embedding": True,
    }
    variants: ClassVar = {
        "as published": {
            "scale_embedding": False,
            "decoder_layers": 2,
            "attention_dropout": 0.1,
            "activation_dropout": 0.1,
            "activation_function": "gelu_new",
        },
        "mBART": {"family": "MBart"},
    }
    exported_as: ClassVar = {"mBART": "MBart"}
    hub_arguments = arguments
    hub_tokenizer: ClassVar = {"vocabulary": "vocab.json", "merges": "merges.txt"}
    texts: ClassVar = ["the value of a string", "is it?", "é 漢字 👍"]

    @classmethod
    def tokenizer(cls):
        return BartTokenizer(*pairs())

    @classmethod
    def write_tokenizer(cls, folder: Path):
        ids, merges = pairs()
        (folder / "vocab.json").write_text(json.dumps(ids))
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
