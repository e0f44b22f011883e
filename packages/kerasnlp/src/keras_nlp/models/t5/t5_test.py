"""T5 beside Hugging Face's and KerasHub's."""

import functools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from safetensors.numpy import load_file

import keras_nlp
from domain_core.preset_errors import PresetUnsafeError
from domain_core.presets.safetensors_writer import write_tensors
from domain_core.registry import find_converter
from domain_core.testing import (
    Seq2SeqFamilyContract,
    assert_close,
    reference,
    sentence_piece_model,
)
from domain_core.testing.seq2seq_family_contract import keras_hub_seq2seq
from domain_core.weights.tensor import Tensor
from keras_nlp.models import Seq2SeqLM, T5Backbone, T5Seq2SeqLM, T5Tokenizer


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

    def test_version_1_0_of_keras_hub(self, files):
        changes = {"use_gated_activation": False, "tie_embedding_weights": True}
        theirs = reference(
            "keras_hub",
            keras_hub_seq2seq,
            files=files,
            name="T5",
            sizes={**self.hub_arguments, **changes, "activation": "relu"},
            tokenizer=self.hub_tokenizer,
            inputs={key: value.tolist() for key, value in self.inputs().items()},
            texts=self.texts,
            lengths=[8, 8],
        )
        task = Seq2SeqLM.from_preset(theirs.folder / "preset")
        assert task.backbone.embeddings.score_scale == 0.25
        expected = self.real({"decoder_logits": theirs.arrays["decoder_logits"]})
        assert_close(self.real(task(self.inputs())), expected)


def tiny(**changes):
    return T5Backbone(**{**TestT5.arguments, **changes})


def write(folder, backbone, tensors=None, **changes):
    """As others wrote it: with more tensors, and another config."""
    backbone.export_to_transformers(folder)
    config = json.loads((folder / "config.json").read_text()) | changes
    kept = {key: value for key, value in config.items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(kept))
    tensors = load_file(folder / "model.safetensors") | (tensors or {})
    tensors = {key: array for key, array in tensors.items() if array is not None}
    write_tensors(
        folder,
        "model.safetensors",
        {name: Tensor.constant(array) for name, array in tensors.items()},
    )


TABLE = np.ones((SIZE, 16), "float32")


def test_tensors_that_files_repeat(tmp_path):
    backbone = tiny(tie_embedding_weights=True)
    bias = np.ones((32, 2), "float32")
    attention = "decoder.block.0.layer.1.EncDecAttention"
    repeated = {
        **{f"{stack}.embed_tokens.weight": TABLE for stack in ("encoder", "decoder")},
        "lm_head.weight": TABLE,
        f"{attention}.relative_attention_bias.weight": bias,
    }
    changes = {"scale_decoder_outputs": ..., "num_decoder_layers": ...}
    names = {"architectures": ["T5WithLMHeadModel"], **changes}
    write(tmp_path, backbone, repeated, **names)
    task = Seq2SeqLM.from_preset(tmp_path, preprocessor=None)
    assert type(task) is T5Seq2SeqLM
    assert_close(task.backbone.weight_paths(), backbone.weight_paths(), rtol=0, atol=0)
    config = task.backbone.get_config()
    assert config["tie_embedding_weights"] and config["scale_output"] is None
    assert config["num_decoder_layers"] is None


def test_version_5_says_in_two_keys_what_is_tied_and_what_is_scaled(tmp_path):
    """What it makes of a model of version 1.1 it calls tied."""
    backbone = tiny()
    write(tmp_path, backbone, tie_word_embeddings=True, scale_decoder_outputs=False)
    for load_weights in (True, False):
        again = T5Backbone.from_preset(tmp_path, load_weights)
        assert not again.tie_embedding_weights and again.scale_output is None
    assert again.embeddings.score_scale == 1
    both = tiny(scale_output=True)
    assert both.embeddings.score_scale == 0.25
    both.export_to_transformers(tmp_path / "both")
    again = T5Backbone.from_preset(tmp_path / "both")
    assert again.scale_output and not again.tie_embedding_weights


def test_features_without_an_output(tmp_path):
    write(tmp_path, tiny(), {"lm_head.weight": None}, architectures=["T5Model"])
    with pytest.warns(UserWarning, match="Expected the output 'lm_head.weight'"):
        again = T5Backbone.from_preset(tmp_path)
    assert again.tie_embedding_weights and again.scale_output is False


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("feed_forward_proj", "gated-tanh"),
        ("feed_forward_proj", "maxout"),
        ("feed_forward_proj", 3),
        ("is_decoder", True),
        ("is_encoder_decoder", False),
        ("tie_word_embeddings", "yes"),
    ],
)
def test_refuses_what_it_cannot_express(tmp_path, key, value):
    write(tmp_path, tiny(), **{key: value})
    with pytest.raises(ValueError, match=f"of '{key}' can't be expressed"):
        T5Backbone.from_preset(tmp_path)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        (
            "t5_small_multi",
            {
                "architectures": ["T5WithLMHeadModel"],
                **{"d_ff": 2048, "d_kv": 64, "d_model": 512, "num_heads": 8},
                **{"num_layers": 6, "n_positions": 512, "output_past": True},
                "task_specific_params": {"summarization": {"num_beams": 4}},
            },
        ),
        (
            "flan_base_multi",
            {
                "architectures": ["T5ForConditionalGeneration"],
                **{"d_ff": 2048, "d_kv": 64, "d_model": 768, "num_heads": 12},
                **{"num_layers": 12, "num_decoder_layers": 12},
                **{"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
                "relative_attention_max_distance": 128,
            },
        ),
    ],
)
def test_published_configs_are_those_of_the_presets(name, theirs):
    usual = {
        **{"model_type": "t5", "decoder_start_token_id": 0, "dropout_rate": 0.1},
        **{"eos_token_id": 1, "initializer_factor": 1.0, "is_encoder_decoder": True},
        **{"layer_norm_epsilon": 1e-06, "pad_token_id": 0, "vocab_size": 32128},
        **{"relative_attention_num_buckets": 32, "use_cache": True},
    }
    theirs = usual | theirs
    _, converter = find_converter("transformers", "t5", theirs, SimpleNamespace())
    assert converter.unknown(theirs) == []
    ours = converter.config(theirs, None)
    preset = T5Backbone(**{**T5Backbone.presets[name].config, "num_layers": 1})
    expected = {**preset.get_config(), **T5Backbone.presets[name].config}
    assert {key: expected[key] for key in ours} == ours


def test_mt5_is_written_as_t5(tmp_path):
    write(tmp_path / "mt5", tiny(), model_type="mt5", scale_decoder_outputs=...)
    backbone = T5Backbone.from_preset(tmp_path / "mt5")
    assert not backbone.tie_embedding_weights
    backbone.export_to_transformers(tmp_path / "t5")
    config = json.loads((tmp_path / "t5" / "config.json").read_text())
    assert config["model_type"] == "t5"
    assert config["architectures"] == ["T5ForConditionalGeneration"]
    assert config["is_encoder_decoder"] and config["decoder_start_token_id"] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_decoder_layers": 1}, "'num_decoder_layers'"),
        ({"relative_attention_num_buckets": 16}, "'relative_attention_num_buckets'"),
        ({"scale_output": True}, "'scale_output'"),
    ],
)
def test_refuses_what_keras_hub_cannot_express(tmp_path, changes, message):
    usual = {"relative_attention_max_distance": 128, "num_decoder_layers": 2}
    backbone = tiny(**{**usual, **changes})
    with pytest.raises(ValueError, match=message):
        backbone.save_to_preset(tmp_path / "preset", layout="keras")
    assert not (tmp_path / "preset").exists()


def test_only_the_function_of_keras_hub_is_known(tmp_path):
    backbone = tiny(relative_attention_max_distance=128, num_decoder_layers=2)
    backbone.save_to_preset(tmp_path, layout="keras")
    text = (tmp_path / "config.json").read_text()
    assert "keras_hub>gelu_approximate" in text
    assert T5Backbone.from_preset(tmp_path).activation == "gelu_approximate"
    (tmp_path / "config.json").write_text(text.replace("keras_hub>gelu", "os>gelu"))
    with pytest.raises(PresetUnsafeError, match="'function'"):
        T5Backbone.from_preset(tmp_path)


def test_sentinels_of_keras_hub_are_the_usual_ones(tmp_path):
    cls = keras_nlp.models.T5Seq2SeqLMPreprocessor
    usual, fewer = (cls(T5Tokenizer(model(), extra_ids=n), 8, 8) for n in (100, 3))
    usual.save_to_preset(tmp_path / "usual", layout="keras")
    again = cls.from_preset(tmp_path / "usual")
    assert again.tokenizer.sentinel_ids == usual.tokenizer.sentinel_ids
    with pytest.raises(ValueError, match="'extra_ids'"):
        fewer.save_to_preset(tmp_path / "fewer", layout="keras")
