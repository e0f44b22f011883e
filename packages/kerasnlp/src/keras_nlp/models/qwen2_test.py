import json
from pathlib import Path
from typing import ClassVar

import keras_nlp
from domain_core.testing import DecoderFamilyContract, byte_level_vocabulary
from keras_nlp.models import Qwen2CausalLMPreprocessor, Qwen2Tokenizer

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


class TestQwen2(DecoderFamilyContract):
    models = keras_nlp.models
    name = "Qwen2"
    hub_name = "Qwen"
    arguments: ClassVar = {
        "vocabulary_size": 268,
        "num_layers": 2,
        "num_query_heads": 4,
        "num_key_value_heads": 2,
        "hidden_dim": 16,
        "intermediate_dim": 24,
        "tie_word_embeddings": False,
    }
    tensors = 27
    foreign_config: ClassVar = {
        "vocab_size": 268,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "rope_parameters": {"rope_theta": 1e6, "rope_type": "default"},
        # The first block sees all tokens, the second these.
        "use_sliding_window": True,
        "max_window_layers": 1,
        "sliding_window": 5,
    }
    variants: ClassVar = {
        "tied, no window": {"tie_word_embeddings": True, "use_sliding_window": False}
    }
    hub_arguments: ClassVar = {**arguments, "sliding_window_size": 5}
    hub_tokenizer: ClassVar = {"vocabulary": "vocab.json", "merges": "merges.txt"}
    texts: ClassVar = ["a good film!", "two  blanks\n\tand it's", "é 漢字 👍", "goods"]

    @classmethod
    def tokenizer(cls):
        return Qwen2Tokenizer(
            *byte_level_vocabulary(SPECIAL), unsplittable_tokens=SPECIAL[1:]
        )

    @classmethod
    def write_tokenizer(cls, folder: Path):
        cls.tokenizer().save_tokenizer_json(folder / "tokenizer.json")
        options = {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>"}
        (folder / "tokenizer_config.json").write_text(json.dumps(options))

    @classmethod
    def write_hub_tokenizer(cls, folder: Path):
        vocabulary, merges = byte_level_vocabulary(SPECIAL)
        (folder / "vocab.json").write_text(json.dumps(vocabulary))
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")


def test_no_token_begins_a_text_and_two_end_it():
    preprocessor = Qwen2CausalLMPreprocessor(TestQwen2.tokenizer(), 4)
    vocabulary, _ = byte_level_vocabulary(SPECIAL)
    end, turn = (vocabulary[token] for token in ("<|endoftext|>", "<|im_end|>"))
    inputs, _, _ = preprocessor("12")
    assert inputs["token_ids"].tolist() == [vocabulary["1"], vocabulary["2"], end, 0]
    assert preprocessor.stop_token_ids == [end, turn]
