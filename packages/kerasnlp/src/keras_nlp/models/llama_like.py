"""What decoders that resemble Llama share: foreign names, and how they are sharded."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any

from domain_core import Converter, Head, WeightMap, dense_weights
from domain_core.layers.rotary_rates import as_scaling
from domain_core.presets.config_map import Argument, Config, ConfigMap, Entry
from domain_core.presets.keras.converter import DTYPE, KerasClass, KerasConverter
from domain_core.presets.transformers.config_keys import HARMLESS, ONLY
from domain_core.presets.transformers.reader import activation_name, foreign_activation
from domain_core.presets.transformers.tokenizer_files import (
    byte_pair_arguments,
    sentence_piece_arguments,
    write_byte_pair_json,
    write_sentence_piece,
)
from domain_core.registry import Sharding
from domain_core.tokenizers.byte_pair_tokenizer import BytePairTokenizer
from domain_core.weights.joined_heads import joined_first_heads, joined_heads
from domain_core.weights.weight_map import TRANSPOSE, Fused, Target
from keras_nlp.models.keras_hub_classes import (
    preprocessor_class,
    task_class,
    tokenizer_class,
)

# Axes as in `bert_like`; those of biases are in `BIAS_SHARDING`.
SHARDING: dict[str, Sharding] = {
    r"embeddings\.token_embedding\.embeddings": ("vocabulary", "width"),
    r"embeddings\.token_embedding\.reverse_embeddings": ("width", "vocabulary"),
    r"blocks\.\d+\.attention\.(query|key|value)\.kernel": ("width", "heads"),
    r"blocks\.\d+\.attention\.out\.kernel": ("heads", "width"),
    r"blocks\.\d+\.feedforward\.(gate|up)\.kernel": ("width", "intermediate"),
    r"blocks\.\d+\.feedforward\.down\.kernel": ("intermediate", "width"),
}
BIAS_SHARDING: dict[str, Sharding] = {
    r"blocks\.\d+\.attention\.(query|key|value)\.bias": ("heads",),
}
_WINDOW = (
    *("use_sliding_window_attention", "sliding_window_size"),
    "num_full_attention_layers",
)
_BLOCK, _TABLE = "blocks.{i}", "embeddings.token_embedding"


def with_window(arguments: Mapping[str, Any]) -> Config:
    """Returns arguments of `LlamaLikeBackbone`, given how Qwen's say what is local."""
    arguments = dict(arguments)
    used, size, full = map(arguments.pop, _WINDOW)
    if used:
        arguments["window"] = size
        arguments["is_local"] = _is_local(arguments["num_layers"], full)
    return arguments


def _without_layer_types(arguments: Config) -> Config:
    """Takes out "layer_types", which must be what the other arguments say.

    Raises:
        ValueError: if they are not.
    """
    given = arguments.pop("layer_types")
    full = arguments["num_full_attention_layers"]
    local = _is_local(arguments["num_layers"], full)
    used = arguments["use_sliding_window_attention"]
    kinds = ["sliding" if used and is_local else "full" for is_local in local]
    expected = [f"{kind}_attention" for kind in kinds]
    if given not in (None, expected):
        raise ValueError(
            f"The value {given!r:.200} of 'layer_types' can't be expressed here beside "
            f"'max_window_layers' {full}, only {expected!r:.200}."
        )
    return arguments


def _is_local(num_layers: int, full: int) -> list[bool]:
    return [index >= full for index in range(num_layers)]


# Hugging Face.


def _activation(name: str) -> str:
    return activation_name({"hidden_act": name})


def activation(absent: str) -> Argument:
    """Returns the entry of an activation's name."""
    return Argument("activation", _activation, foreign_activation, absent)


def _as_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("it is neither true nor false")
    return value


def flag(name: str, absent: bool = False) -> Argument:
    """Returns the entry of a key that is true or false."""
    return Argument(name, _as_bool, absent=absent)


CONFIG: dict[str, Entry] = {
    "vocab_size": "vocabulary_size",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_query_heads",
    "num_key_value_heads": ("num_key_value_heads", None),
    "hidden_size": "hidden_dim",
    "intermediate_size": "intermediate_dim",
    "hidden_act": activation("silu"),
    "rms_norm_eps": ("layer_norm_epsilon", 1e-6),
    "max_position_embeddings": ("max_sequence_length", None),
    "rope_theta": ("rope_max_wavelength", 10000.0),
    "rope_scaling": ("rope_scaling", None),
    "tie_word_embeddings": flag("tie_word_embeddings"),
}
WINDOW: dict[str, Entry] = {
    "use_sliding_window": flag("use_sliding_window_attention"),
    # It is null where it is not used.
    "sliding_window": Argument("sliding_window_size", lambda size: size or 32768),
    "max_window_layers": ("num_full_attention_layers", 28),
    "layer_types": ("layer_types", None),
}
HEAD_DIM: dict[str, Entry] = {"head_dim": ("head_dim", None)}
ATTENTION_BIAS: dict[str, Entry] = {"attention_bias": flag("attention_bias")}
_ONLY = {
    "attention_dropout": 0.0,
    "partial_rotary_factor": 1.0,
    "use_bidirectional_attention": None,
    "use_mrope": False,
    "rope_interleaved": False,
}
# How it was split in training, and what is read with the scaling.
_HARMLESS = ("pretraining_tp", "rope_parameters", "hidden_activation")
_OUTPUT = "lm_head.weight"
_LENGTH = "original_max_position_embeddings"
# Ours to theirs.
ATTENTION = {
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
}
GATES = {"feedforward.gate": "mlp.gate_proj", "feedforward.up": "mlp.up_proj"}
# Where they are joined, as in Phi-3 and kin.
FUSED: dict[str, Target] = {
    "layers.{i}.self_attn.qkv_proj.weight": Fused(
        tuple(f"{_BLOCK}.{part}.kernel" for part in ATTENTION), TRANSPOSE
    ),
    "layers.{i}.mlp.gate_up_proj.weight": Fused(
        tuple(f"{_BLOCK}.{part}.kernel" for part in GATES), TRANSPOSE
    ),
}
_OUTS = {"attention.out": "self_attn.o_proj", "feedforward.down": "mlp.down_proj"}
_NORMS = {
    "attention_norm": "input_layernorm",
    "feedforward_norm": "post_attention_layernorm",
    "attention.query_norm": "self_attn.q_norm",
    "attention.key_norm": "self_attn.k_norm",
}
NORMS_AFTER = {
    "attention_norm": "input_layernorm",
    "attention_norm_after": "post_attention_layernorm",
    "feedforward_norm": "pre_feedforward_layernorm",
    "feedforward_norm_after": "post_feedforward_layernorm",
}


def transformers_converter(
    backbone: type,
    model_type: str,
    tokenizer: Any,
    *,
    architecture: str = "",
    tokenizer_name: str = "",
    config: Mapping[str, Entry] | None = None,
    only: Mapping[str, Any] | None = None,
    scalings: Mapping[str, str] | None = None,
    fused: Mapping[str, Target] | None = None,
    norms: Mapping[str, str] = _NORMS,
    after_reading: Callable[[Config], Config] = lambda config: config,
    before_writing: Callable[[Config], Config] = lambda config: config,
    **variant: Any,
) -> Converter:
    """Returns the converter of a family in Hugging Face's layout.

    Args:
        backbone: our class.
        model_type: how their config names the family.
        tokenizer: our tokenizer's class.
        architecture: what the names of their classes begin with; "" for as ours.
        tokenizer_name: name of their tokenizer's class; "" for as ours.
        config: their further keys, and our arguments.
        only: further keys with the one value that we have.
        scalings: names of scalings of rotary positions that mean others.
        fused: entries in place of the projections of attention and the gates.
        norms: names of the norms of a block, ours to theirs.
        after_reading: as in `ConfigMap`.
        before_writing: as in `ConfigMap`.
        **variant: as in `Converter`, where two of our classes are one of theirs.
    """
    entries = {**CONFIG, **(config or {})}
    fixed = {**ONLY, **_ONLY, **(only or {})}
    parameters = inspect.signature(backbone).parameters
    has_factor = "rope_scaling_factor" in parameters

    def read(theirs: Config) -> Config:
        heads = theirs["num_query_heads"]
        if theirs["num_key_value_heads"] is None:
            theirs["num_key_value_heads"] = heads
        scaling = theirs["rope_scaling"] or {}
        kind = scaling.get("rope_type")
        if kind == "linear" and has_factor:
            theirs |= {"rope_scaling": None, "rope_scaling_factor": scaling["factor"]}
        if kind == "dynamic":  # for texts that are longer than their limit
            theirs["max_sequence_length"] = None
        if "max_window_layers" in entries:
            theirs = _without_layer_types(theirs)
        return after_reading(theirs)

    def write(ours: Config) -> Config:
        if has_factor and (factor := ours["rope_scaling_factor"]) != 1:
            ours["rope_scaling"] = {"rope_type": "linear", "factor": factor}
        if "head_dim" in parameters and ours["head_dim"] is None:
            ours["head_dim"] = ours["hidden_dim"] // ours["num_query_heads"]
        scaling = ours["rope_scaling"] or {}
        if scaling.get("rope_type") == "dynamic":
            ours["max_sequence_length"] = scaling[_LENGTH]
        if ours["max_sequence_length"] is None:
            del ours["max_sequence_length"]
        return before_writing(ours)

    table = ConfigMap(
        renamed=entries,
        ignored=(*HARMLESS, *_HARMLESS),
        only={k: v for k, v in fixed.items() if k not in entries},
        among_others=True,
        after_reading=read,
        before_writing=write,
    )

    return decoder_converter(
        *(backbone, model_type, tokenizer, table, _weights(fused, norms)),
        name=architecture or backbone.__name__.removesuffix("Backbone"),
        tokenizer_name=tokenizer_name,
        prepare=lambda theirs: _with_rope(theirs, scalings or {}),
        **variant,
    )


def decoder_converter(
    backbone: type,
    model_type: str,
    tokenizer: Any,
    table: ConfigMap,
    weights: WeightMap,
    *,
    name: str,
    head: str = "ForCausalLM",
    tokenizer_name: str = "",
    prepare: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda theirs: theirs,
    **variant: Any,
) -> Converter:
    """Returns the converter of a decoder, whose output is the backbone's.

    Args:
        backbone: our class.
        model_type: how their config names the family.
        tokenizer: our tokenizer's class.
        table: of the config.
        weights: map of all weights; "lm_head.weight" is the output.
        name: what the names of their classes begin with.
        head: how the name of their language model goes on.
        tokenizer_name: name of their tokenizer's class; "" for as ours.
        prepare: changes their config before it is read.
        **variant: as in `Converter`.
    """
    where = "Hugging Face's config"

    def to_ours(theirs: Mapping[str, Any], names: Collection[str] | None) -> Config:
        return _with_output(table.read(prepare(theirs), backbone, where), names)

    def to_theirs(ours: Mapping[str, Any]) -> Config:
        part = "Model" if ours["tie_word_embeddings"] else head
        return {
            "architectures": [f"{name}{part}"],
            # Else theirs has ids of the first of the family.
            **{f"{at}_token_id": None for at in ("bos", "eos", "pad")},
            **table.write(dict(ours), where),
        }

    read_tokenizer, write_tokenizer = _tokenizer(tokenizer, tokenizer_name)
    return Converter(
        layout="transformers",
        model_type=model_type,
        config=to_ours,
        to_config=to_theirs,
        weights=weights,
        heads={
            f"{name}{head}": Head(
                backbone.__name__.replace("Backbone", "CausalLM"),
                lambda config: {},
                # The output is the backbone's.
                WeightMap({_OUTPUT: ""}, ignored=(".*",)),
                lambda arguments: {},
            )
        },
        unknown=table.unknown,
        tokenizer_cls=tokenizer,
        tokenizer=read_tokenizer,
        write_tokenizer=write_tokenizer,
        **variant,
    )


def _tokenizer(cls: Any, name: str) -> tuple[Any, Any]:
    """Returns what reads and what writes the files of a tokenizer."""
    others = (name,) if name else ()
    if issubclass(cls, BytePairTokenizer):
        read = byte_pair_arguments(cls, others, generates=True)
        write: Any = write_byte_pair_json
    else:
        read = sentence_piece_arguments(cls, others, generates=True)
        write = functools.partial(write_sentence_piece, file="tokenizer.model")
    return read, functools.partial(write, name=name or cls.__name__)


def _weights(fused: Mapping[str, Target] | None, norms: Mapping[str, str]) -> WeightMap:
    parts = _OUTS if fused else {**ATTENTION, **GATES, **_OUTS}
    entries: dict[str, Target] = {
        "embed_tokens.weight": f"{_TABLE}.embeddings",
        "norm.weight": "norm.scale",
        **(fused or {}),
    }
    for ours, theirs in parts.items():
        entries |= dense_weights(f"layers.{{i}}.{theirs}", f"{_BLOCK}.{ours}")
    for ours, theirs in norms.items():
        entries[f"layers.{{i}}.{theirs}.weight"] = f"{_BLOCK}.{ours}.scale"
    return WeightMap(
        entries,
        # Heads for other tasks, and what was once stored of the angles.
        ignored=(r"(score|classifier|qa_outputs)\..*", r".*\.rotary_emb\.inv_freq"),
        optional_prefix="model.",
        outside={_OUTPUT: (f"{_TABLE}.reverse_embeddings", TRANSPOSE)},
    )


def _with_rope(theirs: Mapping[str, Any], scalings: Mapping[str, str]) -> Config:
    """Returns a config with what is said of rotary positions in one form.

    Until version 4 "rope_theta" stood beside "rope_scaling", whose "rope_type" was once
    a "type"; since 5 all are "rope_parameters".
    """
    scaling = dict(theirs.get("rope_parameters") or theirs.get("rope_scaling") or {})
    theirs = dict(theirs)
    for key in ("rope_theta", "partial_rotary_factor"):
        if key in scaling:
            theirs[key] = scaling.pop(key)
    former = scaling.pop("type", "default")
    kind = scaling.pop("rope_type", former)
    kind = {"su": "longrope", **scalings}.get(kind, kind)
    if kind in ("default", "linear"):
        scaling.pop(_LENGTH, None)
    elif kind == "dynamic":  # they look at nothing else
        scaling[_LENGTH] = theirs["max_position_embeddings"]
    elif not scaling.get(_LENGTH):
        usual = theirs.get("max_position_embeddings")
        scaling[_LENGTH] = theirs.get(_LENGTH) or usual
    if kind == "longrope" and not {"factor", "attention_factor"} & scaling.keys():
        scaling["factor"] = theirs["max_position_embeddings"] / scaling[_LENGTH]
    scaling = as_scaling({"rope_type": kind, **scaling})
    return {**theirs, "rope_scaling": None if kind == "default" else scaling}


def _with_output(ours: Config, names: Collection[str] | None) -> Config:
    if names is None or ours["tie_word_embeddings"] or _OUTPUT in names:
        return ours
    warnings.warn(
        f"Expected the output {_OUTPUT!r} among the weights, found none, though it is "
        "not the embedding's table. The features of such a model are right; scores of "
        "tokens, and text that it generates, mean nothing.",
        stacklevel=2,
    )
    return {**ours, "tie_word_embeddings": True}


# KerasHub and KerasNLP.

_HUB_BLOCKS = {
    "attention.query": "_self_attention_layer/_query_dense",
    "attention.key": "_self_attention_layer/_key_dense",
    "attention.value": "_self_attention_layer/_value_dense",
    "attention.out": "_self_attention_layer/_output_dense",
    "attention.query_norm": "_self_attention_layer/_query_dense_layer_norm",
    "attention.key_norm": "_self_attention_layer/_key_dense_layer_norm",
    "attention_norm": "_self_attention_layernorm",
    "feedforward_norm": "_feedforward_layernorm",
    "feedforward.gate": "_feedforward_gate_dense",
    "feedforward.up": "_feedforward_intermediate_dense",
    "feedforward.down": "_feedforward_output_dense",
}


def keras_converter(
    backbone: type,
    task: Any,
    *same: str,
    config: Mapping[str, Entry] | None = None,
    name: str = "",
    layer: str,
    norm: str,
    blocks: Mapping[str, str] = _HUB_BLOCKS,
    heads_first: bool = False,
    after_reading: Callable[[Config], Config] = lambda config: config,
    before_writing: Callable[[Config], Config] = lambda config: config,
) -> KerasConverter:
    """Returns the converter of a family in the layout of KerasNLP and KerasHub.

    Args:
        backbone: our class.
        task: our causal language model.
        *same: arguments that ours takes by name alone, and theirs has, too.
        config: their arguments that are called or meant otherwise here.
        name: what the names of their classes begin with; "" for as ours.
        layer: name of the layers that are blocks.
        norm: name of the last norm.
        blocks: the parts of a block, ours to theirs.
        heads_first: whether the axis of heads is the first of their kernels.
        after_reading: as in `ConfigMap`.
        before_writing: as in `ConfigMap`.
    """
    own = backbone.__name__.removesuffix("Backbone")

    def called(item: Any) -> Any:
        names = tuple(one.replace(own, name or own, 1) for one in item.names)
        return dataclasses.replace(item, names=names)

    def write(arguments: Config) -> Config:
        for name in limit:
            del arguments[name]
        usual = arguments["hidden_dim"] // arguments["num_query_heads"]
        if "head_dim" in only_ours and arguments["head_dim"] == usual:
            arguments["head_dim"] = None
        return before_writing(arguments)

    renamed: dict[str, Entry] = {"dtype": DTYPE, **(config or {})}
    elsewhere = {"name", "trainable", *map(_argument_name, renamed.values())}
    parameters = [
        parameter
        for parameter in inspect.signature(backbone).parameters.values()
        if parameter.name not in elsewhere
    ]
    # What a constructor takes by name alone is our addition, its default theirs.
    additions = {
        p.name: p.default
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.name not in same
    }
    limit = additions.keys() & {"max_sequence_length"}  # not part of the model
    only_ours = {k: v for k, v in additions.items() if k not in limit}
    table = ConfigMap(
        *(p.name for p in parameters if p.name not in additions),
        "trainable",
        renamed=renamed,
        ours=only_ours,
        after_reading=after_reading,
        before_writing=write,
    )
    return KerasConverter(
        package="keras_hub",
        backbone=called(KerasClass(backbone, (backbone.__name__,), table)),
        weights=lambda config: _hub_weights(
            config, f"layers/{layer}_{{i}}", f"layers/{norm}_0", blocks, heads_first
        ),
        tokenizer=called(tokenizer_class(task.preprocessor_cls.tokenizer_cls)),
        preprocessors=(called(preprocessor_class(task.preprocessor_cls)),),
        tasks=(called(task_class(task)),),
    )


def _argument_name(entry: Entry) -> str:
    if isinstance(entry, Argument):
        return entry.name
    return entry if isinstance(entry, str) else entry[0]


def _hub_weights(
    config: Mapping[str, Any],
    layer: str,
    last: str,
    blocks: Mapping[str, str],
    heads_first: bool,
) -> WeightMap:
    heads, kept = config["num_query_heads"], config["num_key_value_heads"]
    table = "layers/reversible_embedding_0/vars"
    entries: dict[str, Target] = {
        f"{table}/0": f"{_TABLE}.embeddings",
        f"{last}/vars/0": "norm.scale",
    }
    if not config["tie_word_embeddings"]:
        entries[f"{table}/1"] = f"{_TABLE}.reverse_embeddings"
    for ours, theirs in blocks.items():
        weights = f"{layer}/{theirs}/vars"
        if "_norm" in ours:
            entries[f"{weights}/0"] = f"{_BLOCK}.{ours}.scale"
        elif ours == "attention.out":
            entries[f"{weights}/0"] = (
                f"{_BLOCK}.{ours}.kernel",
                joined_heads(0, heads),
            )
        elif ours.startswith("attention"):
            number = heads if ours == "attention.query" else kept
            kernel, bias = joined_heads(1, number), joined_heads(0, number)
            if heads_first:
                kernel = joined_first_heads(number)
            entries[f"{weights}/0"] = (f"{_BLOCK}.{ours}.kernel", kernel)
            entries[f"{weights}/1"] = (f"{_BLOCK}.{ours}.bias", bias)
        else:
            entries[f"{weights}/0"] = f"{_BLOCK}.{ours}.kernel"
    return WeightMap(entries)
