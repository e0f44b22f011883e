import json
from pathlib import Path
from typing import ClassVar

import keras_nlp
from domain_core.testing import (
    DecoderFamilyContract,
    byte_fallback_model,
    byte_level_vocabulary,
)
from keras_nlp.models import (
    Llama3CausalLMPreprocessor,
    Llama3Tokenizer,
    LlamaTokenizer,
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
        return LlamaTokenizer(byte_fallback_model())

    @classmethod
    def write_tokenizer(cls, folder: Path):
        (folder / "tokenizer.model").write_bytes(byte_fallback_model())
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


SPECIAL = [
    *("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>"),
    *("<|end_header_id|>", "<|eot_id|>"),
]


class TestLlama3(DecoderFamilyContract):
    models = keras_nlp.models
    name = "Llama3"
    foreign_name = "Llama"
    arguments: ClassVar = {
        **TestLlama.arguments,
        "vocabulary_size": 270,
        "rope_max_wavelength": 500000,
    }
    tensors = 35
    foreign_config: ClassVar = {
        **TestLlama.foreign_config,
        "vocab_size": 270,
        "rope_parameters": {
            "rope_theta": 500000.0,
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8,
        },
    }
    hub_arguments: ClassVar = {
        **TestLlama.hub_arguments,
        "vocabulary_size": 270,
        "rope_frequency_adjustment_factor": 8.0,
        "rope_low_freq_factor": 1.0,
        "rope_high_freq_factor": 4.0,
        "rope_pretraining_sequence_length": 8,
    }
    hub_tokenizer: ClassVar = {"vocabulary": "vocab.json", "merges": "merges.txt"}
    texts: ClassVar = ["a good film!", "two  blanks\n\tand it's", "é 漢字 👍", "goods"]

    @classmethod
    def tokenizer(cls):
        return Llama3Tokenizer(
            *byte_level_vocabulary(SPECIAL), unsplittable_tokens=SPECIAL[2:]
        )

    @classmethod
    def write_tokenizer(cls, folder: Path):
        cls.tokenizer().save_tokenizer_json(folder / "tokenizer.json")
        options = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<|begin_of_text|>",
            "eos_token": "<|eot_id|>",
        }
        (folder / "tokenizer_config.json").write_text(json.dumps(options))

    @classmethod
    def write_hub_tokenizer(cls, folder: Path):
        vocabulary, merges = byte_level_vocabulary(SPECIAL)
        (folder / "vocab.json").write_text(json.dumps(vocabulary))
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")


def test_llama_3_stops_at_the_end_of_a_turn_too():
    preprocessor = Llama3CausalLMPreprocessor(TestLlama3.tokenizer())
    vocabulary, _ = byte_level_vocabulary(SPECIAL)
    ends = [vocabulary[token] for token in ("<|end_of_text|>", "<|eot_id|>")]
    assert preprocessor.stop_token_ids == ends


def test_texts_are_cut_as_llama_3_was_trained():
    # KerasHub cuts them as GPT-2 does, where a run of digits is one word.
    ids = TestLlama3.tokenizer()("1212")
    vocabulary, _ = byte_level_vocabulary(SPECIAL)
    assert ids.tolist() == [vocabulary[token] for token in ("12", "1", "2")]
