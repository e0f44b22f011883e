"""T5 and mT5 as Hugging Face has them, and T5 as KerasHub does."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from typing import Any

import keras

from domain_core import Converter, WeightMap
from domain_core.ops import canonical_activation
from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.presets.keras.converter import KerasConverter
from domain_core.presets.transformers.config_keys import HARMLESS
from domain_core.presets.transformers.reader import activation_name, foreign_activation
from domain_core.registry import Sharding
from domain_core.weights.weight_map import TRANSPOSE, Target
from keras_nlp.models import seq2seq_converters
from keras_nlp.models.llama_like import flag
from keras_nlp.models.t5 import tokenizer_files
from keras_nlp.models.t5.backbone import T5Backbone
from keras_nlp.models.t5.tasks import T5Seq2SeqLM
from keras_nlp.models.t5.tokenizer import T5Tokenizer

SHARDING: dict[str, Sharding] = {
    **seq2seq_converters.SHARDING,
    r"embeddings\.token_embedding\.reverse_embeddings": ("width", "vocabulary"),
    r"(encoder_)?context\.relative\.embeddings": (None, "heads"),
}
_TABLE, _OUTPUT = "embeddings.token_embedding", "lm_head.weight"
_ATTENTION = {"query": "q", "key": "k", "value": "v", "out": "o"}

# Hugging Face.

_GATED = "gated-"
_KIND = "feed_forward_proj"


def _feedforward(name: str) -> tuple[str, bool]:
    is_gated = name.startswith(_GATED)
    name = name.removeprefix(_GATED)
    if is_gated and name == "gelu":  # theirs means this by it
        return "gelu_approximate", True
    return activation_name({"hidden_act": name}), is_gated


def _foreign_feedforward(value: tuple[Any, bool]) -> str:
    name, is_gated = foreign_activation(value[0]), value[1]
    if is_gated:
        name = {"gelu_new": "gelu", "gelu": "gelu_python"}.get(name, name)
    return (_GATED if is_gated else "") + name


def _read(config: Config) -> Config:
    activation, is_gated = config.pop("feedforward")
    config |= {"activation": activation, "use_gated_activation": is_gated}
    if config["num_decoder_layers"] is None:  # the older ones say nothing
        return config
    return seq2seq_converters.as_number_of_decoder_layers(config)


def _write(config: Config) -> Config:
    config["feedforward"] = config["activation"], config["use_gated_activation"]
    if config["key_value_dim"] is None:
        config["key_value_dim"] = config["hidden_dim"] // config["num_heads"]
    if config["scale_output"] is None:
        config["scale_output"] = config["tie_embedding_weights"]
    return seq2seq_converters.filled_in(config)


def _table(kind: str) -> ConfigMap:
    return ConfigMap(
        renamed={
            "vocab_size": "vocabulary_size",
            "num_layers": "num_layers",
            "num_decoder_layers": ("num_decoder_layers", None),
            "num_heads": "num_heads",
            "d_model": "hidden_dim",
            "d_ff": "intermediate_dim",
            "d_kv": ("key_value_dim", 64),
            "dropout_rate": ("dropout", 0.1),
            "layer_norm_epsilon": ("layer_norm_epsilon", 1e-6),
            _KIND: Argument("feedforward", _feedforward, _foreign_feedforward, kind),
            "relative_attention_num_buckets": ("relative_attention_num_buckets", 32),
            "relative_attention_max_distance": (
                *("relative_attention_max_distance", 128),
            ),
            "tie_word_embeddings": flag("tie_embedding_weights", True),
            "scale_decoder_outputs": ("scale_output", None),
        },
        # What follows from others, and what older ones of version 1.0 say.
        ignored=(*HARMLESS, "dense_act_fn", "is_gated_act", "n_positions"),
        theirs=seq2seq_converters.WRITTEN,
        only=seq2seq_converters.FIXED,
        among_others=True,
        after_reading=_read,
        before_writing=_write,
    )


def _weights(is_gated: bool) -> WeightMap:
    entries: dict[str, Target] = {"shared.weight": f"{_TABLE}.embeddings"}
    gates = {"wi_0": "gate", "wi_1": "up"} if is_gated else {"wi": "up"}
    for stack, ours, parts in (
        ("encoder", "encoder_", ("SelfAttention", "DenseReluDense")),
        ("decoder", "", ("SelfAttention", "EncDecAttention", "DenseReluDense")),
    ):
        entries[f"{stack}.final_layer_norm.weight"] = f"{ours}norm.scale"
        entries[
            f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        ] = f"{ours}context.relative.embeddings"
        for index, part in enumerate(parts):
            theirs = f"{stack}.block.{{i}}.layer.{index}"
            name = {"S": "attention", "E": "cross_attention"}.get(part[0])
            path = f"{ours}blocks.{{i}}.{name or 'feedforward'}"
            entries[f"{theirs}.layer_norm.weight"] = f"{path}_norm.scale"
            layers = {v: k for k, v in _ATTENTION.items()}
            if name is None:
                layers = {**gates, "wo": "down"}
            for foreign, own in layers.items():
                entries[f"{theirs}.{part}.{foreign}.weight"] = (
                    *(f"{path}.{own}.kernel", TRANSPOSE),
                )
    return WeightMap(
        entries,
        # What repeats the table, and what was never used.
        ignored=(
            r"(encoder|decoder)\.embed_tokens\.weight",
            r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias"
            r"\.weight",
        ),
        outside={_OUTPUT: (f"{_TABLE}.reverse_embeddings", TRANSPOSE)},
    )


def _with_output(
    config: Config, names: Collection[str] | None, architecture: str
) -> Config:
    """Says whether the tables are tied, and the features scaled.

    Until version 4 of theirs one key said both. Since 5 all models are tied unless
    there are two tables, and another key says whether features are scaled; mT5's never
    are.
    """
    tied, scaled = config["tie_embedding_weights"], config["scale_output"]
    if scaled is None:
        scaled = tied and not architecture.startswith("MT5")
    if names is None:
        is_tied = tied and scaled
    else:
        is_tied = _OUTPUT not in names or (tied and scaled)
        if is_tied and not tied and not architecture.endswith(seq2seq_converters.HEAD):
            warnings.warn(
                f"Expected the output {_OUTPUT!r} among the weights, found none, "
                "though it is not the embedding's table. The features of such a model "
                "are right; scores of tokens, and text that it generates, mean "
                "nothing.",
                stacklevel=2,
            )
    config["tie_embedding_weights"] = is_tied
    config["scale_output"] = None if scaled == is_tied else scaled
    return config


def _transformers(model_type: str, is_gated: bool) -> Converter:
    is_mt5 = model_type == "mt5"
    kind = "gated-gelu" if is_mt5 else "relu"

    def writes(ours: Mapping[str, Any]) -> bool:
        return bool(ours["use_gated_activation"]) == is_gated

    def accepts(theirs: Mapping[str, Any], folder: Any) -> bool:
        return str(theirs.get(_KIND, kind)).startswith(_GATED) == is_gated

    return seq2seq_converters.transformers_converter(
        *(T5Backbone, model_type, model_type.upper()),
        table=_table(kind),
        weights=_weights(is_gated),
        output=_OUTPUT,
        token_ids={"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0},
        complete=_with_output,
        is_whole=lambda ours: not ours["tie_embedding_weights"],
        # mT5 is T5 with another vocabulary.
        writes=None if is_mt5 else writes,
        former_names=() if is_mt5 else ("T5WithLMHeadModel",),
        accepts=accepts,
        variant="gated" if is_gated else "",
        tokenizer_cls=T5Tokenizer,
        tokenizer=tokenizer_files.READ,
        write_tokenizer=tokenizer_files.write,
    )


# KerasHub and KerasNLP.

# What runs through the activation is called a gate here.
_HUB_GATES = {"input": "gate", "gate": "up", "output": "down"}
_TANH = "gelu_approximate"
_FUNCTION = {
    "module": "builtins",
    "class_name": "function",
    "config": f"keras_hub>{_TANH}",
    "registered_name": "function",
}


def _hub_activation(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value["config"].split(">")[-1] != _TANH or value["class_name"] != "function":
        raise ValueError("it is no activation that is known here")
    return _TANH


def _to_hub_activation(name: Any) -> Any:
    if not isinstance(name, str):
        raise ValueError("it is no name of an activation")
    name = canonical_activation(name)
    if name == _TANH:
        return _FUNCTION
    keras.activations.get(name)  # raises ValueError
    return name


def _hub_weights(config: Mapping[str, Any]) -> WeightMap:
    table = "layers/reversible_embedding_0/vars"
    entries: dict[str, Target] = {
        f"{table}/0": f"{_TABLE}.embeddings",
        "layers/t5_layer_norm_0/vars/0": "encoder_norm.scale",
        "layers/t5_layer_norm_1/vars/0": "norm.scale",
    }
    if not config["tie_embedding_weights"]:
        entries[f"{table}/1"] = f"{_TABLE}.reverse_embeddings"
    layers = config["num_layers"]
    for number in range(2 * layers):
        theirs = f"layers/t5_transformer_layer_{number}"
        stack = "encoder_" if number < layers else ""
        block = f"{stack}blocks.{number % layers}"
        if number % layers == 0:
            entries[f"{theirs}/self_attention/vars/0"] = (
                f"{stack}context.relative.embeddings"
            )
        attentions = {"self_attention": "attention"}
        if not stack:
            attentions["cross_attention"] = "cross_attention"
        for foreign, own in attentions.items():
            entries[f"{theirs}/{foreign}_layer_norm/vars/0"] = (
                f"{block}.{own}_norm.scale"
            )
            for part in ("query", "key", "value", "output"):
                entries[f"{theirs}/{foreign}/{part}_projector/vars/0"] = (
                    f"{block}.{own}.{part.replace('output', 'out')}.kernel"
                )
        feedforward = {"input": "up", "output": "down"}
        if config["use_gated_activation"]:
            feedforward = _HUB_GATES
        entries[f"{theirs}/layer_norm/vars/0"] = f"{block}.feedforward_norm.scale"
        for foreign, own in feedforward.items():
            entries[f"{theirs}/{foreign}_projector/vars/0"] = (
                f"{block}.feedforward.{own}.kernel"
            )
    return WeightMap(entries)


CONVERTERS: tuple[Converter | KerasConverter, ...] = (
    *(_transformers("t5", is_gated) for is_gated in (False, True)),
    *(_transformers("mt5", is_gated) for is_gated in (True, False)),
    seq2seq_converters.keras_converter(
        *(T5Backbone, T5Seq2SeqLM),
        *("key_value_dim", "use_gated_activation", "layer_norm_epsilon"),
        "tie_embedding_weights",
        renamed={
            "activation": Argument("activation", _hub_activation, _to_hub_activation)
        },
        ours={
            "relative_attention_num_buckets": 32,
            "relative_attention_max_distance": 128,
            "scale_output": None,
        },
        weights=_hub_weights,
    ),
)
