"""The layout of Hugging Face `transformers`, from a local directory.

Nothing in it runs: only listed keys of `config.json` are read, weights come from
safetensors, and a family's own tables say what goes where.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from domain_core.presets.files import TensorFiles, read_json, require
from domain_core.presets.layout import Layout
from domain_core.registry import find_converter
from domain_core.serialization import registered_class, registered_name
from domain_core.weight_map import WeightMap

_WEIGHTS = "model.safetensors"
_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_approximate",
    "gelu_pytorch_tanh": "gelu_approximate",
    "relu": "relu",
    "silu": "silu",
}


def activation_name(config: Mapping[str, Any], key: str = "hidden_act") -> str:
    """Returns our name of the activation in a Hugging Face config.

    Raises:
        ValueError: if we have no such activation.
    """
    name = config.get(key, "gelu")
    if name not in _ACTIVATIONS:
        raise ValueError(
            f"Expected {key!r} to be one of {sorted(_ACTIVATIONS)}, received {name!r}."
        )
    return _ACTIVATIONS[name]


def word_piece_arguments(directory: Path) -> dict[str, Any]:
    """Returns the arguments of a WordPiece tokenizer in Hugging Face's layout."""
    options: dict[str, Any] = {}
    if (directory / "tokenizer_config.json").is_file():
        options = read_json(directory, "tokenizer_config.json")
    return {
        "vocabulary": str(require(directory, "vocab.txt")),
        "lowercase": options.get("do_lower_case", True),
        "strip_accents": options.get("strip_accents"),
        "split_on_cjk": options.get("tokenize_chinese_chars", True),
    }


def classifier_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a classifier with the head of a Hugging Face config.

    Raises:
        ValueError: if the head does not give one label per sample.
    """
    if config.get("problem_type") not in (None, "single_label_classification"):
        raise ValueError(
            "Expected a single-label classifier, received 'problem_type' "
            f"{config['problem_type']!r}."
        )
    labels = config.get("id2label")
    dropout = config.get("classifier_dropout")
    if dropout is None:
        dropout = config.get("hidden_dropout_prob", 0.1)
    return {
        "num_classes": len(labels) if labels else config.get("num_labels", 2),
        "dropout": dropout,
    }


class TransformersLayout(Layout):
    """Reads a directory with `config.json` and `model.safetensors`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._config = read_json(directory, "config.json")
        self._entry, self._converter = find_converter(
            "transformers", self._config["model_type"]
        )
        architecture = (self._config.get("architectures") or [None])[0]
        self._head = self._converter.heads.get(architecture)

    @staticmethod
    def recognizes(directory: Path) -> bool:
        """Whether a directory has this layout."""
        return (directory / "config.json").is_file() and "model_type" in read_json(
            directory, "config.json"
        )

    def backbone(self) -> tuple[type, dict[str, Any]]:
        with TensorFiles(self._directory, _WEIGHTS) as tensors:
            names = tensors.shapes().keys()
            return self._entry.cls, self._converter.config(self._config, names)

    def assign_backbone(self, backbone: Any) -> None:
        self._assign(self._converter.weights, backbone.weight_paths())

    def task(self) -> tuple[type, dict[str, Any]] | None:
        if self._head is None:
            return None
        package = str(registered_name(self._entry.cls)).split(">")[0]
        cls = registered_class(f"{package}>{self._head.task}")
        return cls, self._head.config(self._config)

    def assign_head(self, task: Any) -> None:
        assert self._head is not None, "task() said that there is no head"
        self._assign(self._head.weights, task.head_weight_paths())

    def tokenizer(self, cls: type, **kwargs: Any) -> Any:
        tokenizer_cls = self._converter.tokenizer_cls
        if tokenizer_cls is None or self._converter.tokenizer is None:
            return None
        if not issubclass(tokenizer_cls, cls):
            raise ValueError(
                f"Expected a preset for {cls.__name__}; {str(self._directory)!r} is "
                f"for {tokenizer_cls.__name__}. Call its `from_preset` instead."
            )
        return tokenizer_cls(**{**self._converter.tokenizer(self._directory), **kwargs})

    def preprocessor(self) -> Any:
        return None

    def _assign(
        self, weight_map: WeightMap, variables: Mapping[str, keras.Variable]
    ) -> None:
        with TensorFiles(self._directory, _WEIGHTS) as tensors:
            weight_map.assign(variables, tensors.shapes(), tensors.read)
