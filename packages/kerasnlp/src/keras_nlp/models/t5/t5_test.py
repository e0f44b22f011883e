"""T5 beside Hugging Face's and KerasHub's."""

import functools
from pathlib import Path
from typing import ClassVar

import keras_nlp
from domain_core.testing import Seq2SeqFamilyContract, sentence_piece_model
from keras_nlp.models import T5Tokenizer


@functools.cache
def model():
    return sentence_piece_model(180, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)


SIZE = 280


class TestT5(Seq2SeqFamilyContract):
    models = keras_nlp.models
    name = "T5"
    arguments: ClassVar = {
        "vocabulary_size": SIZE,
        "num_layers": 2,
        "num_heads": 2,
        "hidden_dim": 16,
        "intermediate_dim": 24,
        "key_value_dim": 5,
        "activation": "gelu_approximate",
        "tie_embedding_weights": False,
        "relative_attention_max_distance": 20,
    }
    tensors = 52
    tokens = (0, 1)
    # Version 1.1; all distances beyond 10 are the same.
    foreign_config: ClassVar = {
        "vocab_size": SIZE,
        "num_layers": 2,
        "num_decoder_layers": 1,
        "num_heads": 2,
        "d_model": 16,
        "d_ff": 24,
        "d_kv": 5,
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
        "relative_attention_num_buckets": 8,
        "relative_attention_max_distance": 10,
        "decoder_start_token_id": 0,
    }
    variants: ClassVar = {
        "1.0": {
            "feed_forward_proj": "relu",
            "tie_word_embeddings": True,
            "num_decoder_layers": 2,
            "relative_attention_num_buckets": 32,
            "relative_attention_max_distance": 128,
        },
        "tied and not scaled": {
            "scale_decoder_outputs": False,
            "tie_word_embeddings": True,
            "feed_forward_proj": "gated-silu",
            "layer_norm_epsilon": 1e-3,
        },
        "exact GELU": {"feed_forward_proj": "gated-gelu_python"},
        "mT5": {"family": "MT5"},
        "tied mT5": {"family": "MT5", "tie_word_embeddings": True},
    }
    hub_arguments: ClassVar = {
        **{k: v for k, v in arguments.items() if not k.startswith("relative")},
    }
    hub_tokenizer: ClassVar = {"proto": "spiece.model"}
    # Its decoder begins with the end of texts.
    hub_packs_alike = False
    texts: ClassVar = ["the value of a string", "is it", "a good film"]

    @classmethod
    def tokenizer(cls):
        return T5Tokenizer(model())

    @classmethod
    def write_tokenizer(cls, folder: Path):
        (folder / "spiece.model").write_bytes(model())
