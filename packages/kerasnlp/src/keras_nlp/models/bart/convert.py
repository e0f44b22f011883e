"""BART and mBART as Hugging Face has them, and BART as KerasHub does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from domain_core import Converter, WeightMap, dense_weights, norm_weights
from domain_core.presets.config_map import Config, ConfigMap
from domain_core.presets.keras.converter import KerasConverter
from domain_core.presets.transformers.config_keys import HARMLESS
from domain_core.presets.transformers.tokenizer_files import (
    byte_pair_arguments,
    write_byte_pair,
)
from domain_core.registry import Sharding
from domain_core.weights.joined_heads import joined_heads
from domain_core.weights.weight_map import UNBATCHED, Target
from keras_nlp.models import bert_like, llama_like, seq2seq_converters
from keras_nlp.models.bart.backbone import BartBackbone
from keras_nlp.models.bart.tasks import BartSeq2SeqLM
from keras_nlp.models.bart.tokenizer import BartTokenizer
from keras_nlp.models.keras_hub_classes import dense, norm

SHARDING: dict[str, Sharding] = {
    **{k.replace("(gate|up)", "up"): v for k, v in seq2seq_converters.SHARDING.items()},
    r"(encoder_)?embeddings\.positions": (None, "width"),
    r"(encoder_)?blocks\.\d+\.(cross_)?attention\.(query|key|value)\.bias": ("heads",),
    r"(encoder_)?blocks\.\d+\.feedforward\.up\.bias": ("intermediate",),
}
_TABLE = "embeddings.token_embedding"
# Ours to theirs; the first part of a decoder's name is ours without "encoder_".
_STACKS = {"encoder_": "encoder", "": "decoder"}

# Hugging Face.

_BIAS = "final_logits_bias"
_ATTENTION = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "out": "out_proj"}
_FEEDFORWARD = {"up": "fc1", "down": "fc2"}
# Arguments of ours that theirs have for each stack.
_SAME = {"num_heads": "attention_heads", "intermediate_dim": "ffn_dim"}


def _read(config: Config) -> Config:
    for ours, theirs in _SAME.items():
        value, other = config[ours], config.pop(f"decoder_{ours}")
        if value != other:
            raise ValueError(
                f"The values {value!r:.80} and {other!r:.80} of 'encoder_{theirs}' and "
                f"'decoder_{theirs}' can't be expressed here, only equal ones."
            )
    if config["attention_dropout"] == config["dropout"]:
        config["attention_dropout"] = None
    return seq2seq_converters.as_number_of_decoder_layers(config)


def _write(config: Config) -> Config:
    for ours in _SAME:
        config[f"decoder_{ours}"] = config[ours]
    if config["attention_dropout"] is None:
        config["attention_dropout"] = config["dropout"]
    return seq2seq_converters.filled_in(config)


def _table(normalize_first: bool) -> ConfigMap:
    return ConfigMap(
        renamed={
            "vocab_size": "vocabulary_size",
            "encoder_layers": "num_layers",
            "decoder_layers": "num_decoder_layers",
            "d_model": "hidden_dim",
            **{f"encoder_{theirs}": ours for ours, theirs in _SAME.items()},
            **{
                f"decoder_{theirs}": f"decoder_{ours}" for ours, theirs in _SAME.items()
            },
            "dropout": ("dropout", 0.1),
            "attention_dropout": ("attention_dropout", 0.0),
            "max_position_embeddings": ("max_sequence_length", 1024),
            "activation_function": llama_like.activation("gelu"),
            "scale_embedding": llama_like.flag("scale_embedding"),
        },
        ignored=(
            *HARMLESS,
            # What is drawn in training alone. (Where whole layers are left out, and
            # inside of the feed-forward parts, nothing is dropped here.)
            *("activation_dropout", "encoder_layerdrop", "decoder_layerdrop"),
            *("classif_dropout", "init_std", "num_hidden_layers", "add_bias_logits"),
            *("force_bos_token_to_be_generated", "save_step"),
        ),
        theirs=seq2seq_converters.WRITTEN,
        only={
            **seq2seq_converters.FIXED,
            "tie_word_embeddings": True,
            # Of the first versions.
            **{"normalize_before": normalize_first, "normalize_embedding": True},
            **{"add_final_layer_norm": normalize_first, "extra_pos_embeddings": 2},
            "static_position_embeddings": False,
        },
        ours={"normalize_first": normalize_first},
        among_others=True,
        after_reading=_read,
        before_writing=_write,
    )


def _weights(normalize_first: bool) -> WeightMap:
    entries: dict[str, Target] = {"shared.weight": f"{_TABLE}.embeddings"}
    for own, stack in _STACKS.items():
        layer, block = f"{stack}.layers.{{i}}", f"{own}blocks.{{i}}"
        parts = {"attention": "self_attn"}
        if not own:
            parts["cross_attention"] = "encoder_attn"
        entries[f"{stack}.embed_positions.weight"] = (
            *(f"{own}embeddings.positions", bert_like.LATE_POSITIONS),
        )
        entries |= norm_weights(f"{stack}.layernorm_embedding", f"{own}embeddings.norm")
        for ours, theirs in parts.items():
            entries |= norm_weights(
                f"{layer}.{theirs}_layer_norm", f"{block}.{ours}_norm"
            )
            for part, foreign in _ATTENTION.items():
                entries |= dense_weights(
                    f"{layer}.{theirs}.{foreign}", f"{block}.{ours}.{part}"
                )
        entries |= norm_weights(
            f"{layer}.final_layer_norm", f"{block}.feedforward_norm"
        )
        for part, foreign in _FEEDFORWARD.items():
            entries |= dense_weights(
                f"{layer}.{foreign}", f"{block}.feedforward.{part}"
            )
        if normalize_first:
            entries |= norm_weights(f"{stack}.layer_norm", f"{own}norm")
    return WeightMap(
        entries,
        # What repeats the table, and heads for other tasks.
        ignored=(
            r"(model\.)?(encoder|decoder)\.(embed_tokens\.weight|version)",
            r"lm_head\.weight|(classification_head|qa_outputs)\..*",
        ),
        optional_prefix="model.",
        outside={_BIAS: ("embeddings.output_bias", UNBATCHED)},
    )


def _with_bias(
    config: Config, names: Collection[str] | None, architecture: str
) -> Config:
    if names is None:
        has_bias = architecture.endswith(seq2seq_converters.HEAD)
    else:
        has_bias = _BIAS in names
    return {**config, "output_bias": has_bias}


def _transformers(model_type: str, name: str, normalize_first: bool) -> Converter:
    tokenizer: dict[str, Any] = {}
    if not normalize_first:  # mBART's has languages
        tokenizer = {
            "tokenizer_cls": BartTokenizer,
            # `transformers` 5 saves it under the name of RoBERTa's.
            "tokenizer": byte_pair_arguments(BartTokenizer, ("RobertaTokenizer",)),
            "write_tokenizer": write_byte_pair,
        }
    return seq2seq_converters.transformers_converter(
        *(BartBackbone, model_type, name),
        table=_table(normalize_first),
        weights=_weights(normalize_first),
        output=_BIAS,
        token_ids={
            **{"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2},
            "decoder_start_token_id": 2,
        },
        complete=_with_bias,
        is_whole=lambda ours: bool(ours["output_bias"]),
        writes=lambda ours: bool(ours["normalize_first"]) == normalize_first,
        **tokenizer,
    )


# KerasHub and KerasNLP.


def _hub_weights(config: Mapping[str, Any]) -> WeightMap:
    heads = config["num_heads"]
    # Theirs have an axis of heads `H`, ours join it with that of their width `h`.
    kernel, bias = joined_heads(1, heads), joined_heads(0, heads)
    entries: dict[str, Target] = {
        "layers/reversible_embedding_0/vars/0": f"{_TABLE}.embeddings",
    }
    for number, (own, stack) in enumerate(_STACKS.items()):
        layer, block = f"layers/transformer_{stack}_{{i}}", f"{own}blocks.{{i}}"
        entries |= norm(f"layers/layer_normalization_{number}", f"{own}embeddings.norm")
        entries[f"layers/position_embedding_{number}/vars/0"] = (
            f"{own}embeddings.positions"
        )
        parts = {"attention": "_self_attention_layer"}
        if not own:
            parts["cross_attention"] = "_cross_attention_layer"
        for ours, foreign in parts.items():
            entries |= norm(f"{layer}/{foreign}_norm", f"{block}.{ours}_norm")
            theirs, ours = f"{layer}/{foreign}", f"{block}.{ours}"
            for part in ("query", "key", "value"):
                entries[f"{theirs}/{part}_dense/vars/0"] = (
                    *(f"{ours}.{part}.kernel", kernel),
                )
                entries[f"{theirs}/{part}_dense/vars/1"] = (
                    *(f"{ours}.{part}.bias", bias),
                )
            # The first axis of the last kernel is that of heads.
            entries[f"{theirs}/output_dense/vars/0"] = (f"{ours}.out.kernel", bias)
            entries[f"{theirs}/output_dense/vars/1"] = f"{ours}.out.bias"
        feedforward = f"{layer}/_feedforward"
        entries |= norm(f"{feedforward}_layer_norm", f"{block}.feedforward_norm")
        entries |= dense(f"{feedforward}_intermediate_dense", f"{block}.feedforward.up")
        entries |= dense(f"{feedforward}_output_dense", f"{block}.feedforward.down")
    return WeightMap(entries)


CONVERTERS: tuple[Converter | KerasConverter, ...] = (
    _transformers("bart", "Bart", False),
    _transformers("mbart", "MBart", True),
    seq2seq_converters.keras_converter(
        *(BartBackbone, BartSeq2SeqLM, "max_sequence_length"),
        ours={
            "activation": "gelu",
            "attention_dropout": None,
            "scale_embedding": False,
            "normalize_first": False,
            "output_bias": False,
            "layer_norm_epsilon": 1e-5,
        },
        weights=_hub_weights,
    ),
)
