from pathlib import Path
from typing import ClassVar

import pytest

import keras_nlp
from domain_core.testing import (
    DecoderFamilyContract,
    byte_fallback_model,
    write_llama_tokenizer,
)
from domain_core.text.sentence_piece.model import CONTROL, Piece, with_pieces
from keras_nlp.models import Phi3Backbone, Phi3CausalLMPreprocessor, Phi3Tokenizer

TURNS = ["<|assistant|>", "<|user|>", "<|end|>"]
FACTORS = {"short_factor": [1.0, 1.5], "long_factor": [2.0, 4.0]}


class TestPhi3(DecoderFamilyContract):
    models = keras_nlp.models
    name = "Phi3"
    arguments: ClassVar = {
        "vocabulary_size": 404,
        "num_layers": 2,
        "num_query_heads": 4,
        "num_key_value_heads": 2,
        "hidden_dim": 16,
        "intermediate_dim": 24,
    }
    tensors = 21
    foreign_config: ClassVar = {
        "vocab_size": 404,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        **{"pad_token_id": 0, "eos_token_id": 400},
        # Texts shorter than this, and longer ones, are turned at other rates.
        "original_max_position_embeddings": 8,
        "rope_parameters": {
            "rope_theta": 10000.0,
            "rope_type": "longrope",
            **FACTORS,
        },
    }
    variants: ClassVar = {
        "short texts": {"original_max_position_embeddings": 64},
        "partial, a window": {
            "hidden_size": 32,
            "sliding_window": 5,
            "rope_parameters": {
                "rope_theta": 10000.0,
                "rope_type": "default",
                "partial_rotary_factor": 0.75,
            },
        },
        "tied": {"rope_parameters": None, "tie_word_embeddings": True},
    }
    hub_arguments: ClassVar = {
        **arguments,
        "max_sequence_length": 48,
        # Theirs looks at the length of the rows, padding and all.
        "pretraining_sequence_length": 8,
        "rope_scaling_type": "su",
        "rope_scaling_short_factor": FACTORS["short_factor"],
        "rope_scaling_long_factor": FACTORS["long_factor"],
    }
    hub_tokenizer: ClassVar = {"proto": "tokenizer.model"}
    texts: ClassVar = [
        *("a good film!", "two  blanks\n\tand 1234", "é 漢字 👍"),
        "<|user|>\nreturns <|end|> a\n<|assistant|>\n",
    ]

    @classmethod
    def tokenizer(cls):
        return Phi3Tokenizer(byte_fallback_model())

    @classmethod
    def write_hub_tokenizer(cls, folder: Path):
        pieces = [Piece(token, 0.0, CONTROL) for token in ("<|endoftext|>", *TURNS)]
        model = with_pieces(byte_fallback_model(), pieces)
        (folder / "tokenizer.model").write_bytes(model)

    @classmethod
    def write_tokenizer(cls, folder: Path):
        tokens = {
            str(400 + place): {"content": token, "special": True, "rstrip": place > 0}
            for place, token in enumerate(["<|endoftext|>", *TURNS])
        }
        write_llama_tokenizer(
            folder,
            byte_fallback_model(),
            eos_token="<|endoftext|>",
            added_tokens_decoder=tokens,
            legacy=True,
        )


def test_ends_where_a_turn_ends():
    tokenizer = Phi3Tokenizer(byte_fallback_model(), added_tokens=TURNS)
    ends = [tokenizer.token_to_id(token) for token in ("<|endoftext|>", "<|end|>")]
    assert Phi3CausalLMPreprocessor(tokenizer).stop_token_ids == ends == [400, 403]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rope_scaling_type": "yarn"}, "to be 'su'"),
        ({"rope_scaling_type": "su"}, "missing: .*short_factor"),
        ({"max_sequence_length": 0}, "max_sequence_length"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        Phi3Backbone(**{**TestPhi3.arguments, **options})
