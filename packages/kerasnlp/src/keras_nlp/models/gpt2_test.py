import json
import pickle
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from safetensors.numpy import load_file

import keras_nlp
from domain_core.presets.safetensors_writer import write_tensors
from domain_core.registry import find_converter
from domain_core.testing import DecoderFamilyContract, assert_close
from domain_core.weights.tensor import Tensor
from keras_nlp.models import (
    CausalLM,
    GPT2Backbone,
    GPT2CausalLMPreprocessor,
    GPT2Tokenizer,
)

MERGES = [
    *("Ġ f", "i l", "Ġf il", "Ġfil m", "g o", "o d", "go od", "Ġ good", "b a"),
    *("ba d", "Ġ bad", "Ġ a", "a n", "an d", "Ġ and", "o n", "on e"),
]


def vocabulary():
    """The tokens of all bytes, what merges make of them, and last the bound."""
    letters = [chr(i) for i in range(33, 127)] + [chr(i) for i in range(161, 173)]
    letters += [chr(i) for i in range(174, 256)] + [chr(256 + i) for i in range(68)]
    tokens = [*letters, *(m.replace(" ", "") for m in MERGES), "<|endoftext|>"]
    return {token: index for index, token in enumerate(tokens)}


SIZE = len(vocabulary())


class TestGPT2(DecoderFamilyContract):
    models = keras_nlp.models
    name = "GPT2"
    arguments: ClassVar = {
        "vocabulary_size": SIZE,
        "num_layers": 2,
        "num_heads": 2,
        "hidden_dim": 16,
        "intermediate_dim": 24,
        "max_sequence_length": 96,
    }
    tensors = 36
    foreign_config: ClassVar = {
        "vocab_size": SIZE,
        "n_embd": 16,
        "n_layer": 2,
        "n_head": 2,
        "n_positions": 96,
        "bos_token_id": SIZE - 1,
        "eos_token_id": SIZE - 1,
    }
    variants: ClassVar = {
        "untied": {"tie_word_embeddings": False, "resid_pdrop": 0.3},
        "another feed-forward": {
            "n_inner": 24,
            "activation_function": "relu",
            "layer_norm_epsilon": 1e-3,
        },
    }
    hub_arguments = arguments
    hub_tokenizer: ClassVar = {"vocabulary": "vocab.json", "merges": "merges.txt"}
    texts: ClassVar = [
        *("a good film!", "badly bad  film", "é 漢字 👍", "film\n\tgood. 123's"),
        "one<|endoftext|> and one",
    ]

    @classmethod
    def tokenizer(cls):
        return GPT2Tokenizer(vocabulary(), MERGES)

    @classmethod
    def write_tokenizer(cls, folder: Path):
        (folder / "vocab.json").write_text(json.dumps(vocabulary()))
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES]) + "\n")
        options = {"model_max_length": 96, "tokenizer_class": "GPT2Tokenizer"}
        (folder / "tokenizer_config.json").write_text(json.dumps(options))


def write_as_published(folder, backbone, **changes):
    """As the first checkpoints are: no prefix, no output, but masks of attention."""
    backbone.export_to_transformers(folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"architectures": ["GPT2LMHeadModel"], "n_ctx": 96, **changes}
    (folder / "config.json").write_text(json.dumps(config))
    tensors = {
        **load_file(folder / "model.safetensors"),
        "h.0.attn.bias": np.tri(96, dtype="float32")[None, None],
        "h.1.attn.masked_bias": np.array(-1e4, "float32"),
    }
    write_tensors(
        folder,
        "model.safetensors",
        {name: Tensor.constant(array) for name, array in tensors.items()},
    )
    return tensors


@pytest.fixture
def backbone():
    return GPT2Backbone(**TestGPT2.arguments)


def test_checkpoints_as_they_were_published(backbone, tmp_path):
    tensors = write_as_published(tmp_path, backbone)
    assert "wte.weight" in tensors
    task = CausalLM.from_preset(tmp_path, preprocessor=None)
    assert type(task) is keras_nlp.models.GPT2CausalLM
    assert_close(task.backbone.weight_paths(), backbone.weight_paths(), rtol=0, atol=0)


@pytest.mark.parametrize(
    "key",
    [
        *("scale_attn_weights", "scale_attn_by_inverse_layer_idx"),
        *("reorder_and_upcast_attn", "add_cross_attention"),
    ],
)
def test_refuses_what_it_cannot_express(backbone, tmp_path, key):
    write_as_published(tmp_path, backbone, **{key: key != "scale_attn_weights"})
    with pytest.raises(ValueError, match=f"of '{key}' can't be expressed"):
        CausalLM.from_preset(tmp_path)


def test_feed_forwards_are_four_times_as_wide_where_nothing_is_said(tmp_path):
    backbone = GPT2Backbone(**{**TestGPT2.arguments, "intermediate_dim": 64})
    write_as_published(tmp_path, backbone, n_inner=None)
    again = GPT2Backbone.from_preset(tmp_path)
    assert again.intermediate_dim == 64


def test_rates_of_dropout(tmp_path):
    backbone = GPT2Backbone(
        **TestGPT2.arguments, dropout=0.2, attention_dropout=0.2, embedding_dropout=0.0
    )
    backbone.export_to_transformers(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    rates = [config[f"{name}_pdrop"] for name in ("resid", "attn", "embd")]
    assert rates == [0.2, 0.2, 0.0]
    again = GPT2Backbone.from_preset(tmp_path)
    assert (again.dropout, again.attention_dropout) == (0.2, None)
    assert again.embedding_dropout == 0.0
    assert again.embeddings.dropout == 0.0
    assert again.blocks[1].attention.dropout == 0.2


def test_one_token_bounds_texts_and_none_pads_them():
    tokenizer = TestGPT2.tokenizer()
    bound = SIZE - 1
    assert tokenizer.start_token_id == tokenizer.end_token_id == bound
    assert tokenizer.pad_token_id == 0
    x, y, weight = GPT2CausalLMPreprocessor(tokenizer, 5)("! a")
    first, second = tokenizer("! a")
    assert first == 0  # a token like any other
    assert x["token_ids"].tolist() == [bound, first, second, bound, 0]
    assert x["padding_mask"].tolist() == [1, 1, 1, 1, 0]
    assert y.tolist() == [first, second, bound, 0, 0]
    assert weight.tolist() == [1, 1, 1, 0, 0]
    assert tokenizer.detokenize([bound, 0, second]) == "<|endoftext|>! a"


def test_the_former_preprocessor_gives_inputs_alone():
    preprocessor = keras_nlp.models.GPT2Preprocessor(TestGPT2.tokenizer(), 5)
    bound = SIZE - 1
    first, second = preprocessor.tokenizer("! a")
    x = preprocessor("! a")
    assert x["token_ids"].tolist() == [bound, first, second, bound, 0]
    assert x["padding_mask"].tolist() == [1, 1, 1, 1, 0]
    x, y, weight = preprocessor(["! a"], [3], [0.5], sequence_length=3)
    assert x["token_ids"].tolist() == [[bound, first, bound]]
    assert (y, weight) == ([3], [0.5])
    again = pickle.loads(pickle.dumps(preprocessor))
    assert again.get_config() == preprocessor.get_config()


def test_refuses_texts_beyond_its_positions(backbone):
    ids = np.ones((1, 97), "int32")
    with pytest.raises(ValueError, match="at most 96 positions, received 97"):
        backbone({"token_ids": ids, "padding_mask": ids})


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("num_layers", 0),
        ("max_sequence_length", None),
        ("dropout", 1.0),
        ("attention_dropout", -0.1),
    ],
)
def test_refuses_bad_arguments(argument, value):
    with pytest.raises(ValueError, match=f"Expected `{argument}`"):
        GPT2Backbone(**{**TestGPT2.arguments, argument: value})


def test_the_published_config_is_that_of_the_preset():
    config = {
        "model_type": "gpt2",
        "activation_function": "gelu_new",
        "architectures": ["GPT2LMHeadModel"],
        **{"attn_pdrop": 0.1, "embd_pdrop": 0.1, "resid_pdrop": 0.1},
        **{"bos_token_id": 50256, "eos_token_id": 50256},
        "initializer_range": 0.02,
        "layer_norm_epsilon": 1e-05,
        **{"n_ctx": 1024, "n_positions": 1024},
        **{"n_embd": 768, "n_head": 12, "n_layer": 12},
        **{"summary_type": "cls_index", "summary_use_proj": True},
        **{"summary_activation": None, "summary_first_dropout": 0.1},
        "summary_proj_to_labels": True,
        "task_specific_params": {"text-generation": {"do_sample": True}},
        "vocab_size": 50257,
    }
    _, converter = find_converter("transformers", "gpt2")
    assert converter.unknown(config) == []
    ours = converter.config(config, None)
    declared = GPT2Backbone.presets["gpt2_base_en"].config
    assert {key: ours[key] for key in declared} == declared
    assert ours["activation"] == "gelu_approximate"
    assert ours["attention_dropout"] is ours["embedding_dropout"] is None
