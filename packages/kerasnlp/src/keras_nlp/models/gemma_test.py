import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import keras_nlp
from domain_core.registry import find_converter
from domain_core.testing import (
    DecoderFamilyContract,
    assert_close,
    reference,
    sentence_piece_model,
    to_numpy,
)
from keras_nlp.models import CausalLM, GemmaBackbone, GemmaTokenizer


def proto(**options):
    """Byte pairs that fall back on bytes, with Gemma's tokens in Gemma's order."""
    return sentence_piece_model(
        400,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=False,
        split_digits=True,
        character_coverage=0.98,
        **{"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3},
        **{"pad_piece": "<pad>", "eos_piece": "<eos>", "bos_piece": "<bos>"},
        **options,
    )


class GemmaContract(DecoderFamilyContract):
    """What both generations share."""

    models = keras_nlp.models
    hub_tokenizer: ClassVar = {"proto": "tokenizer.model"}
    texts: ClassVar = [
        *("a good film!", "two  blanks\n\tand 1234", "é 漢字 👍", " returns"),
    ]

    @classmethod
    def tokenizer(cls):
        return GemmaTokenizer(proto())

    @classmethod
    def write_tokenizer(cls, folder: Path):
        (folder / "tokenizer.model").write_bytes(proto())
        options = {
            "tokenizer_class": "GemmaTokenizer",
            "add_bos_token": True,
            "add_eos_token": False,
            "bos_token": "<bos>",
            "eos_token": "<eos>",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
            "padding_side": "left",
        }
        (folder / "tokenizer_config.json").write_text(json.dumps(options))


class TestGemma(GemmaContract):
    name = "Gemma"
    hub_arguments: ClassVar = {
        "vocabulary_size": 400,
        "num_layers": 2,
        "num_query_heads": 4,
        "num_key_value_heads": 1,
        "hidden_dim": 16,
        "intermediate_dim": 48,
        "head_dim": 6,
    }
    arguments: ClassVar = {
        **hub_arguments,
        "attention_bias": True,
        "tie_word_embeddings": False,
    }
    tensors = 29
    foreign_config: ClassVar = {
        "vocab_size": 400,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "head_dim": 6,
        "max_position_embeddings": 128,
    }
    variants: ClassVar = {
        "untied, biases": {"tie_word_embeddings": False, "attention_bias": True},
    }

    # On torch: what is computed here is part of what the second generation does.
    def test_writes_what_transformers_does(self, task, foreign):
        super().test_writes_what_transformers_does(task, foreign)

    @pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
    def test_half_precision(self, dtype, foreign, logits):
        super().test_half_precision(dtype, foreign, logits)


class TestGemma2(GemmaContract):
    name = "Gemma"
    foreign_name = "Gemma2"
    hub_arguments: ClassVar = {
        **TestGemma.hub_arguments,
        "num_layers": 3,
        "use_post_ffw_norm": True,
        "use_post_attention_norm": True,
        "attention_logit_soft_cap": 5.0,
        "final_logit_soft_cap": 3.0,
        "use_sliding_window_attention": True,
        "sliding_window_size": 7,
    }
    arguments: ClassVar = {
        **hub_arguments,
        "final_logit_soft_cap": 30.0,
        "attention_bias": True,
        "tie_word_embeddings": False,
    }
    tensors = 48
    foreign_config: ClassVar = {
        **TestGemma.foreign_config,
        "num_hidden_layers": 3,
        "attn_logit_softcapping": 5.0,
        "final_logit_softcapping": 3.0,
        "sliding_window": 7,
        "attn_implementation": "eager",  # others bend no scores
    }
    variants: ClassVar = {
        "no caps": {
            "attn_logit_softcapping": None,
            "final_logit_softcapping": None,
            "num_key_value_heads": 2,
            "query_pre_attn_scalar": 4,  # as 27B: hidden_size / num_attention_heads
        },
    }
    test_declared_sizes = None  # of both: above


def features(**arguments):
    """Of one text, by weights that do not depend on the arguments."""
    backbone = GemmaBackbone(**{**TestGemma2.hub_arguments, **arguments})
    draw = np.random.default_rng(0)
    for path, weight in sorted(backbone.weight_paths().items()):
        weight.assign(draw.normal(size=weight.shape))
    ids = np.arange(12, dtype="int32")[None]
    return to_numpy(backbone({"token_ids": ids, "padding_mask": np.ones_like(ids)}))


def test_both_scales_of_queries():
    """KerasHub's 27B has the first, whatever is said."""
    by_head = features(query_head_dim_normalize=True)
    by_width = features(query_head_dim_normalize=False)
    assert np.abs(by_head - by_width).max() > 0.1
    assert_close(by_head, features(query_scale_dim=6), rtol=0, atol=0)
    assert_close(by_width, features(query_scale_dim=16 / 4), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("scalar", "by_head", "own"), [(6, True, None), (4, False, None), (5, True, 5)]
)
def test_scales_of_queries_in_configs(tmp_path, scalar, by_head, own):
    config = write_config(tmp_path, query_pre_attn_scalar=scalar)
    backbone = GemmaBackbone.from_preset(tmp_path, load_weights=False)
    assert backbone.query_head_dim_normalize is by_head
    assert backbone.query_scale_dim == own
    backbone.export_to_transformers(tmp_path / "again")
    again = json.loads((tmp_path / "again" / "config.json").read_text())
    for key in ("query_pre_attn_scalar", "sliding_window", "intermediate_size"):
        assert again[key] == config[key]
    assert again["layer_types"] == [
        *("sliding_attention", "full_attention", "sliding_attention")
    ]


def write_config(folder, **changes):
    config = {"model_type": "gemma2", **TestGemma2.foreign_config, **changes}
    del config["attn_implementation"]
    (folder / "config.json").write_text(json.dumps(config))
    return config


def test_refuses_other_windows(tmp_path):
    types = ["full_attention", "sliding_attention", "sliding_attention"]
    write_config(tmp_path, layer_types=types)
    with pytest.raises(ValueError, match="'layer_types' to be .*'sliding_attention'"):
        CausalLM.from_preset(tmp_path, load_weights=False)


def test_gelu_of_the_first_configs_is_the_tanh_form(tmp_path):
    config = {"model_type": "gemma", **TestGemma.foreign_config, "hidden_act": "gelu"}
    config |= {"hidden_activation": None}
    (tmp_path / "config.json").write_text(json.dumps(config))
    backbone = GemmaBackbone.from_preset(tmp_path, load_weights=False)
    assert backbone.activation == "gelu_approximate"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_embeddings_are_scaled_in_the_dtype_of_the_model(dtype):
    """The root of 48 is 6.928; in bfloat16, 6.9375."""
    backbone = GemmaBackbone(
        **{**TestGemma.hub_arguments, "hidden_dim": 48}, dtype=dtype
    )
    backbone.token_embedding.embeddings.assign(np.ones((400, 48)))
    context = {"positions": np.zeros((1, 1), "int32")}
    (x,) = to_numpy(backbone.embeddings(np.ones((1, 1), "int32"), context)).ravel()[:1]
    assert float(x) == (6.9375 if dtype == "bfloat16" else np.float32(48**0.5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"intermediate_dim": 49}, "an even `intermediate_dim`.* 49"),
        ({"use_post_ffw_norm": False}, "norms after both parts"),
        ({"num_query_heads": 0}, "`num_query_heads` to be a positive"),
        ({"sliding_window_size": 0}, "window"),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        GemmaBackbone(**{**TestGemma2.hub_arguments, **arguments})


def test_special_tokens():
    tokenizer = TestGemma.tokenizer()
    names = ("pad", "end", "start")
    assert [getattr(tokenizer, f"{name}_token_id") for name in names] == [0, 1, 2]


def saved_tokenizer(folder, files, texts):
    """Writes a tokenizer as version 5 does, and its ids. See `reference`."""
    import json

    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(files)
    tokenizer.save_pretrained(folder)
    ids = tokenizer(texts, add_special_tokens=False).input_ids
    (folder / "ids.json").write_text(json.dumps(ids))


def test_runs_of_white_space_are_pieces_without_a_model_file(tmp_path):
    """They are added tokens, too, which only `tokenizer.json` says there."""
    TestGemma2.write_tokenizer(tmp_path)
    runs = ["\n\n", "▁▁"]
    model = proto(user_defined_symbols=",".join(runs))
    (tmp_path / "tokenizer.model").write_bytes(model)
    options = json.loads((tmp_path / "tokenizer_config.json").read_text())
    named = ["<pad>", "<eos>", "<bos>", "<unk>"]
    flags = dict.fromkeys(("lstrip", "rstrip", "single_word", "normalized"), False)
    options["added_tokens_decoder"] = {
        str(place): {"content": token, "special": token in named, **flags}
        for place, token in enumerate(named + runs)
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(options))
    write_config(tmp_path)
    texts = [*TestGemma2.texts, "a   b  c", "x\n\n\n  y"]
    theirs = reference("transformers", saved_tokenizer, files=tmp_path, texts=texts)
    assert not (theirs.folder / "tokenizer.model").exists()
    ids = json.loads((theirs.folder / "ids.json").read_text())
    assert 5 in ids[-2]
    assert 4 in ids[-1]
    write_config(theirs.folder)
    assert GemmaTokenizer.from_preset(theirs.folder)(texts) == ids
    assert GemmaTokenizer(model)(texts) == ids


PUBLISHED = {
    "vocab_size": 256000,
    "hidden_act": "gelu",
    "head_dim": 256,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-06,
    "rope_theta": 10000.0,
    "initializer_range": 0.02,
    "use_cache": True,
    "bos_token_id": 2,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.42.0",
}
SECOND = {
    "hidden_act": "gelu_pytorch_tanh",
    "hidden_activation": "gelu_pytorch_tanh",
    "cache_implementation": "hybrid",
    "attn_logit_softcapping": 50.0,
    "final_logit_softcapping": 30.0,
    "sliding_window": 4096,
}
SIZES = ("num_hidden_layers", "num_attention_heads", "num_key_value_heads")
WIDTHS = ("hidden_size", "intermediate_size")


@pytest.mark.parametrize(
    ("preset", "model_type", "sizes", "more"),
    [
        ("gemma_2b_en", "gemma", (18, 8, 1, 2048, 16384), {"rope_scaling": None}),
        (
            "gemma_7b_en",
            "gemma",
            (28, 16, 16, 3072, 24576),
            {"hidden_activation": None},
        ),
        (
            *("gemma2_2b_en", "gemma2", (26, 8, 4, 2304, 9216)),
            {**SECOND, "query_pre_attn_scalar": 256},
        ),
        (
            *("gemma2_27b_en", "gemma2", (46, 32, 16, 4608, 36864)),
            {**SECOND, "query_pre_attn_scalar": 144, "head_dim": 128},
        ),
    ],
)
def test_published_configs_are_those_of_presets(preset, model_type, sizes, more):
    config = {
        **PUBLISHED,
        "model_type": model_type,
        **dict(zip(SIZES + WIDTHS, sizes, strict=True)),
        **more,
    }
    _, converter = find_converter("transformers", model_type)
    assert converter.unknown(config) == []
    ours = converter.config(config, None)
    declared = GemmaBackbone.presets[preset].config
    assert {key: ours[key] for key in declared} == declared
    assert ours["activation"] == "gelu_approximate"
