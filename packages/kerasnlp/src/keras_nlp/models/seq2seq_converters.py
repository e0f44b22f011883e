"""What models that read one text and write another share of foreign layouts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from domain_core import Converter, Head, WeightMap
from domain_core.presets.config_map import Config, ConfigMap, Entry
from domain_core.presets.keras.converter import DTYPE, KerasClass, KerasConverter
from domain_core.presets.transformers.config_keys import ONLY
from domain_core.registry import Sharding
from keras_nlp.models.keras_hub_classes import (
    preprocessor_class,
    task_class,
    tokenizer_class,
)

# Axes as in `bert_like`.
SHARDING: dict[str, Sharding] = {
    r"embeddings\.token_embedding\.embeddings": ("vocabulary", "width"),
    r"(encoder_)?blocks\.\d+\.(cross_)?attention\.(query|key|value)\.kernel": (
        *("width", "heads"),
    ),
    r"(encoder_)?blocks\.\d+\.(cross_)?attention\.out\.kernel": ("heads", "width"),
    r"(encoder_)?blocks\.\d+\.feedforward\.(gate|up)\.kernel": (
        *("width", "intermediate"),
    ),
    r"(encoder_)?blocks\.\d+\.feedforward\.down\.kernel": ("intermediate", "width"),
}
# Of Hugging Face's keys, those with one value that we have.
FIXED: dict[str, Any] = {
    **{k: v for k, v in ONLY.items() if k != "is_encoder_decoder"},
    "is_decoder": False,
}
WRITTEN = {"is_encoder_decoder": True}
HEAD = "ForConditionalGeneration"


def as_number_of_decoder_layers(config: Config) -> Config:
    """Leaves it open where it is that of the encoder; inverse of `filled_in`."""
    if config["num_decoder_layers"] == config["num_layers"]:
        config["num_decoder_layers"] = None
    return config


def filled_in(config: Config) -> Config:
    """Fills in the number of the decoder's layers where it is that of the encoder."""
    if config["num_decoder_layers"] is None:
        config["num_decoder_layers"] = config["num_layers"]
    return config


def transformers_converter(
    backbone: type,
    model_type: str,
    name: str,
    table: ConfigMap,
    weights: WeightMap,
    *,
    output: str,
    token_ids: Mapping[str, int],
    complete: Callable[[Config, Collection[str] | None, str], Config],
    is_whole: Callable[[Mapping[str, Any]], bool],
    writes: Callable[[Mapping[str, Any]], bool] | None,
    former_names: Collection[str] = (),
    **more: Any,
) -> Converter:
    """Returns the converter of a family in Hugging Face's layout.

    The head is the backbone's: what it has beside the table of tokens is a weight of
    the embeddings.

    Args:
        backbone: our class.
        model_type: how their config names the family.
        name: what the names of their classes begin with.
        table: of the config.
        weights: map of all weights.
        output: name of a tensor that is the head's.
        token_ids: ids of special tokens, for backbones without a tokenizer.
        complete: arguments of the backbone, the names of the tensors at hand, or None,
            and their name of the architecture or "", to all arguments.
        is_whole: whether a backbone with these arguments has weights of the head.
        writes: whether such a backbone is written as this; None to read alone.
        former_names: of the class with the head.
        **more: as in `Converter`.
    """
    where = "Hugging Face's config"

    def to_ours(theirs: Mapping[str, Any], names: Collection[str] | None) -> Config:
        architecture = str((theirs.get("architectures") or [""])[0])
        return complete(table.read(theirs, backbone, where), names, architecture)

    def to_theirs(ours: Mapping[str, Any]) -> Config:
        return {
            "architectures": [f"{name}{HEAD if is_whole(ours) else 'Model'}"],
            **token_ids,
            "forced_eos_token_id": None,  # a generation config says so
            **table.write(dict(ours), where),
        }

    head = Head(
        backbone.__name__.replace("Backbone", "Seq2SeqLM"),
        lambda config: {},
        WeightMap({output: ""}, ignored=(".*",)),
        lambda arguments: {},
    )
    return Converter(
        layout="transformers",
        model_type=model_type,
        config=to_ours,
        to_config=to_theirs if writes else None,
        weights=weights,
        heads=dict.fromkeys((f"{name}{HEAD}", *former_names), head),
        unknown=table.unknown,
        writes=writes,
        **more,
    )


def keras_converter(
    backbone: type,
    task: Any,
    *same: str,
    renamed: Mapping[str, Entry] | None = None,
    ours: Mapping[str, Any],
    weights: Callable[[Mapping[str, Any]], WeightMap],
) -> KerasConverter:
    """Returns the converter of a family in the layout of KerasNLP and KerasHub.

    Args:
        backbone: our class.
        task: our `Seq2SeqLM` of the family.
        *same: arguments that both have, besides the usual ones.
        renamed: their arguments that are meant otherwise here.
        ours: arguments that only ours has, with what theirs amounts to.
        weights: arguments of our backbone to the map of its weights.
    """
    config = ConfigMap(
        *("vocabulary_size", "num_layers", "num_heads", "hidden_dim"),
        *("intermediate_dim", "dropout", "trainable", *same),
        renamed={"dtype": DTYPE, **(renamed or {})},
        ours={"num_decoder_layers": None, **ours},
        before_writing=as_number_of_decoder_layers,
    )
    return KerasConverter(
        package="keras_hub",
        backbone=KerasClass(backbone, (backbone.__name__,), config),
        weights=weights,
        tokenizer=tokenizer_class(task.preprocessor_cls.tokenizer_cls),
        preprocessors=(preprocessor_class(task.preprocessor_cls),),
        tasks=(task_class(task),),
    )
