from pathlib import Path
from typing import ClassVar

import keras_nlp
from domain_core.testing import (
    DecoderFamilyContract,
    byte_fallback_model,
    write_llama_tokenizer,
)
from keras_nlp.models import MistralTokenizer


class TestMistral(DecoderFamilyContract):
    models = keras_nlp.models
    name = "Mistral"
    arguments: ClassVar = {
        "vocabulary_size": 400,
        "num_layers": 2,
        "num_query_heads": 4,
        "num_key_value_heads": 2,
        "hidden_dim": 16,
        "intermediate_dim": 24,
        "sliding_window": 5,
    }
    tensors = 21
    foreign_config: ClassVar = {
        "vocab_size": 400,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 6,
        "sliding_window": 5,
        "max_position_embeddings": 128,
    }
    variants: ClassVar = {
        "no window": {"sliding_window": None, "rope_parameters": {"rope_theta": 1e6}}
    }
    hub_arguments: ClassVar = {**arguments, "head_dim": 6, "layer_norm_epsilon": 1e-5}
    hub_tokenizer: ClassVar = {"proto": "tokenizer.model"}
    texts: ClassVar = [
        "a good film!",
        "two  blanks\n\tand 1234",
        "é 漢字 👍",
        "returns",
    ]

    @classmethod
    def tokenizer(cls):
        return MistralTokenizer(byte_fallback_model())

    @classmethod
    def write_tokenizer(cls, folder: Path):
        write_llama_tokenizer(folder, byte_fallback_model())

    @classmethod
    def write_hub_tokenizer(cls, folder: Path):
        (folder / "tokenizer.model").write_bytes(byte_fallback_model())
