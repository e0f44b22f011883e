"""BART beside Hugging Face's and KerasHub's."""

import functools
import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import keras_nlp
from domain_core.registry import find_converter
from domain_core.testing import Seq2SeqFamilyContract
from domain_core.testing.texts import mixed_corpus
from keras_nlp.models import BartBackbone, BartSeq2SeqLM, BartTokenizer, Seq2SeqLM

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


def tiny(**changes):
    return BartBackbone(**{**TestBart.arguments, **changes})


def write(folder, backbone, **changes):
    """With another config."""
    backbone.export_to_transformers(folder)
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("decoder_attention_heads", 4),
        ("decoder_ffn_dim", 25),
        ("tie_word_embeddings", False),
        ("normalize_before", True),
        ("normalize_embedding", False),
        ("add_final_layer_norm", True),
        ("static_position_embeddings", True),
        ("scale_embedding", 4.0),
        ("is_decoder", True),
    ],
)
def test_refuses_what_it_cannot_express(tmp_path, key, value):
    write(tmp_path, tiny(), **{key: value})
    with pytest.raises(ValueError, match=f"{key}' can't be expressed"):
        BartBackbone.from_preset(tmp_path)


def test_nothing_is_added_to_scores_where_nothing_is_stored(tmp_path):
    write(tmp_path / "bare", tiny())
    theirs = json.loads((tmp_path / "bare" / "config.json").read_text())
    assert theirs["architectures"] == ["BartModel"]
    assert not BartBackbone.from_preset(tmp_path / "bare").output_bias
    backbone = tiny(output_bias=True, num_decoder_layers=1)
    bias = np.arange(SIZE, dtype="float32")
    backbone.embeddings.output_bias.assign(bias)
    write(tmp_path / "whole", backbone)
    for load_weights in (True, False):
        task = Seq2SeqLM.from_preset(
            tmp_path / "whole", load_weights=load_weights, preprocessor=None
        )
        assert type(task) is BartSeq2SeqLM and task.backbone.output_bias
        assert task.backbone.num_decoder_layers == 1
    again = BartBackbone.from_preset(tmp_path / "whole")
    assert np.asarray(again.weight_paths()["embeddings.output_bias"]).tolist() == (
        bias.tolist()
    )


def test_ids_of_tokens_are_those_of_the_tokenizer(tmp_path):
    ids, merges = pairs()
    moved = {token: SIZE - 1 - index for token, index in ids.items()}
    cls = keras_nlp.models.BartSeq2SeqLMPreprocessor
    preprocessor = cls(BartTokenizer(moved, merges), 80, 80)
    BartSeq2SeqLM(tiny(), preprocessor).export_to_transformers(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for key, token in (
        ("bos_token_id", "<s>"),
        ("pad_token_id", "<pad>"),
        ("eos_token_id", "</s>"),
        ("decoder_start_token_id", "</s>"),
    ):
        assert config[key] == moved[token]
    assert config["forced_eos_token_id"] is None


def test_the_published_config_is_that_of_the_preset():
    config = {
        "model_type": "bart",
        "architectures": ["BartForConditionalGeneration"],
        **{"activation_dropout": 0.0, "attention_dropout": 0.0, "dropout": 0.1},
        **{"activation_function": "gelu", "add_bias_logits": False},
        **{"add_final_layer_norm": False, "normalize_before": False},
        **{"classif_dropout": 0.0, "classifier_dropout": 0.0, "init_std": 0.02},
        **{"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1},
        **{"d_model": 1024, "decoder_start_token_id": 2, "early_stopping": True},
        **{"decoder_attention_heads": 16, "encoder_attention_heads": 16},
        **{"decoder_ffn_dim": 4096, "encoder_ffn_dim": 4096},
        **{"decoder_layerdrop": 0.0, "encoder_layerdrop": 0.0},
        **{"decoder_layers": 12, "encoder_layers": 12, "num_hidden_layers": 12},
        **{"force_bos_token_to_be_generated": True, "gradient_checkpointing": False},
        **{"forced_bos_token_id": 0, "forced_eos_token_id": 2, "min_length": 56},
        **{"is_encoder_decoder": True, "length_penalty": 2.0, "max_length": 142},
        **{"max_position_embeddings": 1024, "no_repeat_ngram_size": 3},
        **{"normalize_embedding": True, "num_beams": 4, "output_past": True},
        **{"prefix": " ", "save_step": 58, "scale_embedding": False},
        **{"static_position_embeddings": False, "vocab_size": 50264},
        "task_specific_params": {"summarization": {"num_beams": 4}},
    }
    _, converter = find_converter("transformers", "bart")
    assert converter.unknown(config) == []
    ours = converter.config(config, None)
    preset = BartBackbone.presets["bart_large_en_cnn"].config
    small = {**preset, "hidden_dim": 16, "vocabulary_size": 5, "num_layers": 1}
    usual = BartBackbone(**{**small, "max_sequence_length": 8}).get_config()
    usual |= {"max_sequence_length": 1024, **preset}
    # Those that Keras publishes have no such bias, and drop attention as all else.
    usual |= {"output_bias": True, "attention_dropout": 0.0}
    assert {key: usual[key] for key in ours} == ours
    distilled = {**config, "decoder_layers": 6}
    assert converter.config(distilled, None)["num_decoder_layers"] == 6


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("num_decoder_layers", 1),
        ("scale_embedding", True),
        ("normalize_first", True),
        ("output_bias", True),
        ("activation", "relu"),
        ("attention_dropout", 0.3),
        ("layer_norm_epsilon", 1e-3),
    ],
)
def test_refuses_what_keras_hub_cannot_express(tmp_path, argument, value):
    with pytest.raises(ValueError, match=f"'{argument}'"):
        tiny(**{argument: value}).save_to_preset(tmp_path / "p", layout="keras")
    assert not (tmp_path / "p").exists()
