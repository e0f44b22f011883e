"""The layout of Hugging Face `transformers`.

Nothing in it runs: only listed keys of `config.json` are read, weights come from
safetensors, and a family's own tables say what goes where.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import keras

from domain_core.ops import canonical_activation
from domain_core.preset_errors import PresetCorruptError, PresetError
from domain_core.presets.chat_and_generation import (
    read_chat_template,
    read_generation_config,
)
from domain_core.presets.folder import Folder
from domain_core.presets.json_files import (
    json_value,
    read_json,
    warn_of_unknown_keys,
)
from domain_core.presets.layout import IMAGE_CONVERTER, Layout
from domain_core.presets.transformers.converter import Head
from domain_core.presets.transformers.image_processor import image_converter_arguments
from domain_core.presets.transformers.tensors import ForeignTensors
from domain_core.presets.transformers.tokenizer_options import raw_options
from domain_core.registry import find_converter
from domain_core.serialization import registered_class, registered_name
from domain_core.text.chat_template import chat_template_config
from domain_core.weights.allocation_budget import allocation_budget
from domain_core.weights.weight_map import WeightMap

if TYPE_CHECKING:
    from domain_core.backbone import Backbone
    from domain_core.task import Task

CONFIG = "config.json"
IMAGES = "preprocessor_config.json"
# Of several kinds of input, since version 5 of theirs.
PROCESSOR = "processor_config.json"
# Our names, and one of theirs for each.
_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_approximate": "gelu_new",
    "relu": "relu",
    "silu": "silu",
}
_HALF = ("float16", "bfloat16")
# What comes of files in which values are not of the types that they should be.
_ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
T = TypeVar("T")


def activation_name(config: Mapping[str, Any], key: str = "hidden_act") -> str:
    """Returns our name of the activation in a Hugging Face config.

    Raises:
        ValueError: if we have no such activation.
    """
    name = config.get(key, "gelu")
    ours = canonical_activation(name) if isinstance(name, str) else None
    if ours not in _ACTIVATIONS:
        raise ValueError(
            f"Expected {key!r} to be one of {sorted(_ACTIVATIONS.values())}, received "
            f"{name!r:.200}."
        )
    return ours


def foreign_activation(name: Any, argument: str = "activation") -> str:
    """Returns Hugging Face's name of an activation; inverse of `activation_name`.

    Raises:
        ValueError: if they have no such activation.
    """
    ours = canonical_activation(name) if isinstance(name, str) else None
    if ours not in _ACTIVATIONS:
        raise ValueError(
            f"Expected `{argument}` to be one of {sorted(_ACTIVATIONS)} to export, "
            f"received {name!r:.200}."
        )
    return _ACTIVATIONS[ours]


def label_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `num_classes` and `class_names` of a Hugging Face config.

    Raises:
        ValueError: if the head does not give one label per sample, or labels are not
            numbered.
    """
    if config.get("problem_type") not in (None, "single_label_classification"):
        raise ValueError(
            "Expected a single-label classifier, received 'problem_type' "
            f"{config['problem_type']!r}."
        )
    labels = config.get("id2label")
    if not labels:
        return {"num_classes": config.get("num_labels", 2), "class_names": None}
    try:
        names = [str(labels[key]) for key in sorted(labels, key=int)]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Expected 'id2label' to name labels by number, received {labels!r:.200}."
        ) from error
    return {"num_classes": len(names), "class_names": names}


def label_config(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the labels as in a Hugging Face config; inverse of `label_arguments`."""
    names = arguments["class_names"]
    if names is None:
        return {"num_labels": arguments["num_classes"]}
    return {
        "id2label": {str(label): name for label, name in enumerate(names)},
        "label2id": {name: label for label, name in enumerate(names)},
    }


def classifier_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a text classifier with the head of a config.

    Raises:
        ValueError: if the head does not give one label per sample.
    """
    dropout = config.get("classifier_dropout")
    if dropout is None:
        dropout = config.get("hidden_dropout_prob", 0.1)
    return {**label_arguments(config), "dropout": dropout}


def classifier_config(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the inverse of `classifier_arguments`."""
    return {**label_config(arguments), "classifier_dropout": arguments["dropout"]}


def _architecture(config: Mapping[str, Any]) -> str | None:
    """Returns the class that a checkpoint was saved from, None if it is not told."""
    names = config.get("architectures") or [None]
    if not isinstance(names, list) or not isinstance(names[0], str | None):
        raise TypeError(f"'architectures' is {names!r:.80}")
    return names[0]


def _is_tied(config: Mapping[str, Any]) -> bool:
    return is_tied(config)["tie_word_embeddings"]


def is_tied(config: Mapping[str, Any]) -> dict[str, bool]:
    """Returns the argument that says whether scores repeat the token embedding.

    Raises:
        TypeError: if the config says something else than yes or no.
    """
    tied = config.get("tie_word_embeddings", True)
    if not isinstance(tied, bool):
        raise TypeError(f"'tie_word_embeddings' is {tied!r:.80}")
    return {"tie_word_embeddings": tied}


class TransformersLayout(Layout):
    """Reads `config.json`, `model.safetensors` and what stands beside them."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._config = read_json(folder, CONFIG)
        model_type = json_value(self._config, "model_type", str, CONFIG, folder)
        self._entry, self._converter = find_converter(
            "transformers", model_type, self._config, folder
        )
        self._warned = False

    @staticmethod
    def recognizes(folder: Folder) -> bool:
        """Whether a preset has this layout."""
        return CONFIG in folder and "model_type" in read_json(folder, CONFIG)

    def backbone(self, load_weights: bool) -> tuple[type, dict[str, Any]]:
        names = None
        if load_weights:
            names = self._tensor_names
        self._warn_of_unknown_keys()
        config = self._converted(self._converter.config, names)
        # Single precision is what nobody chose: the global policy may say otherwise.
        dtype = self._config.get("dtype", self._config.get("torch_dtype"))
        if dtype in _HALF:
            config["dtype"] = dtype
        return self._entry.cls, config

    def has_backbone(self) -> bool:
        return True

    def has_weights(self) -> bool:
        return True

    def weight_shapes(self, head: bool) -> Collection[tuple[int, ...]] | None:
        with ForeignTensors(self._folder) as tensors:
            return tensors.shapes().values()

    def weight_bytes(self) -> int | None:
        return self._folder.weight_bytes()

    def assign_backbone(self, backbone: Backbone) -> None:
        self._assign(self._converter.weights, backbone.weight_paths())

    def task(
        self, cls: type = object, *, load_weights: bool = False
    ) -> tuple[type, dict[str, Any]] | None:
        heads = self._heads(load_weights)
        fitting = [head for head in heads if issubclass(self._class_of(head), cls)]
        for head in fitting or heads:
            # Objects inside a config are small; what is large has a file of its own.
            with allocation_budget([], self._folder.label):
                return self._class_of(head), self._converted(head.config)
        return None

    def assign_head(self, task: Task) -> None:
        for head in self._heads(load_weights=True):
            if isinstance(task, self._class_of(head)):
                weights = head.weights_of(self._converted(_is_tied))
                return self._assign(weights, task.head_weight_paths())
        raise AssertionError("`task` said that there is no head")

    def tokenizer(self, cls: type, **kwargs: Any) -> Any:
        tokenizer_cls = self._converter.tokenizer_cls
        if tokenizer_cls is None or self._converter.tokenizer is None:
            return None
        if not issubclass(tokenizer_cls, cls):
            raise ValueError(
                f"Expected a preset for {cls.__name__}; {self._folder.label!r} is "
                f"for {tokenizer_cls.__name__}. Call its `from_preset` instead."
            )
        try:
            arguments = self._converter.tokenizer(self._folder)
            template = read_chat_template(self._folder, raw_options(self._folder))
            arguments |= chat_template_config(template)
            if not kwargs:
                return tokenizer_cls(**arguments)
        except PresetError:
            raise
        except _ODD as error:
            raise self._odd_tokenizer(tokenizer_cls, error) from error
        return tokenizer_cls(**{**arguments, **kwargs})

    def _odd_tokenizer(self, cls: type, error: Exception) -> PresetCorruptError:
        return PresetCorruptError(
            f"Expected the files of a {cls.__name__} in the preset "
            f"{self._folder.label!r}: {str(error)[:1000]}"
        )

    def image_converter(self) -> Any:
        config: Any = None
        if IMAGES in self._folder:
            config = read_json(self._folder, IMAGES)
        elif PROCESSOR in self._folder:
            config = read_json(self._folder, PROCESSOR).get("image_processor")
        if not isinstance(config, dict):
            return None
        return registered_class(IMAGE_CONVERTER)(**image_converter_arguments(config))

    def preprocessor(self) -> Any:
        return None

    def generation_config(self) -> dict[str, Any] | None:
        return read_generation_config(self._folder)

    def _heads(self, load_weights: bool) -> list[Head]:
        """Returns the trained heads: first what the config names, then what is there.

        Args:
            load_weights: whether the file of the weights may be asked.
        """
        heads = self._converter.heads
        architecture = self._converted(_architecture)
        named = [heads[architecture]] if architecture and architecture in heads else []
        if not load_weights:
            return named
        return named + [
            head
            for head in heads.values()
            if head not in named
            and architecture not in head.mistaken_for
            and head.weights.is_in(self._tensor_names)
        ]

    def _class_of(self, head: Head) -> type:
        package = str(registered_name(self._entry.cls)).split(">")[0]
        return registered_class(f"{package}>{head.task}")

    @functools.cached_property
    def _tensor_names(self) -> Collection[str]:
        with ForeignTensors(self._folder) as tensors:
            return tensors.shapes().keys()

    def _warn_of_unknown_keys(self) -> None:
        look = self._converter.unknown
        if look and not self._warned and (unknown := look(self._config)):
            warn_of_unknown_keys(self._folder, CONFIG, unknown)
        self._warned = True

    def _converted(self, convert: Callable[..., T], *arguments: Any) -> T:
        """Calls what reads the config; it expects the keys and types of its family."""
        where = f"{CONFIG!r} of the preset {self._folder.label!r}"
        try:
            return convert(self._config, *arguments)
        except KeyError as error:
            raise PresetCorruptError(
                f"Expected the key {error.args[0]!r} in {where}, received "
                f"{sorted(self._config)[:20]}. Download the preset again."
            ) from error
        except (AttributeError, LookupError, TypeError) as error:
            raise PresetCorruptError(
                f"Expected values of the usual types in {where}: {error}. Download the "
                "preset again."
            ) from error

    def _assign(
        self, weight_map: WeightMap, variables: Mapping[str, keras.Variable]
    ) -> None:
        with ForeignTensors(self._folder) as tensors:
            weight_map.assign(variables, tensors.shapes(), tensors.read)
