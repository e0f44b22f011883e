import json
from pathlib import Path
from typing import ClassVar

import keras_nlp
from domain_core.testing import DecoderFamilyContract, sentence_piece_model
from keras_nlp.models import LlamaTokenizer


def proto():
    """Byte pairs that fall back on bytes, and keep all white space, as Llama's."""
    return sentence_piece_model(
        400,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        character_coverage=0.98,
    )


def stretched(rope_type, **values):
    """Stretched beyond texts of 8 tokens."""
    return {
        "rope_parameters": {
            "rope_theta": 10000.0,
            "rope_type": rope_type,
            "original_max_position_embeddings": 8,
            **values,
        }
    }


class TestLlama(DecoderFamilyContract):
    models = keras_nlp.models
    name = "Llama"
    arguments: ClassVar = {
        "vocabulary_size": 400,
        "num_layers": 2,
        "num_query_heads": 4,
        "num_key_value_heads": 2,
        "hidden_dim": 16,
        "intermediate_dim": 24,
        "attention_bias": True,
        "mlp_bias": True,
    }
    tensors = 35
    foreign_config: ClassVar = {
        "vocab_size": 400,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 6,
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 128,
    }
    variants: ClassVar = {
        "tied, one head of keys": {
            "tie_word_embeddings": True,
            "num_key_value_heads": 1,
        },
        "biases": {"attention_bias": True, "mlp_bias": True, "head_dim": 4},
        "linear": stretched("linear", factor=4.0),
        "dynamic": {
            "max_position_embeddings": 8,
            "rope_parameters": {"rope_type": "dynamic", "factor": 4.0},
        },
        "yarn": stretched("yarn", factor=4.0),
        "longrope": stretched(
            "longrope",
            short_factor=[1.0, 1.5, 2.0],
            long_factor=[1.0, 3.0, 8.0],
            factor=4.0,
        ),
        "llama3": stretched(
            "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0
        ),
    }
    hub_arguments: ClassVar = {
        "vocabulary_size": 400,
        "num_layers": 2,
        "num_query_heads": 4,
        "num_key_value_heads": 2,
        "hidden_dim": 16,
        "intermediate_dim": 24,
        "rope_max_wavelength": 500.0,
        "layer_norm_epsilon": 1e-5,
    }
    hub_tokenizer: ClassVar = {"proto": "tokenizer.model"}
    texts: ClassVar = [
        "a good film!",
        "two  blanks\n\tand 1234",
        "é 漢字 👍",
        "returns",
    ]

    @classmethod
    def tokenizer(cls):
        return LlamaTokenizer(proto())

    @classmethod
    def write_tokenizer(cls, folder: Path):
        (folder / "tokenizer.model").write_bytes(proto())
        options = {
            "tokenizer_class": "LlamaTokenizer",
            "add_bos_token": True,
            "add_eos_token": False,
            "bos_token": "<s>",
            "eos_token": "</s>",
            "unk_token": "<unk>",
            "padding_side": "left",
            "legacy": False,
        }
        (folder / "tokenizer_config.json").write_text(json.dumps(options))
