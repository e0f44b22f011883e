"""The layout of Hugging Face `transformers`.

Nothing in it runs: only listed keys of `config.json` are read, weights come from
safetensors, and a family's own tables say what goes where.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import keras

from domain_core.ops import canonical_activation
from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.chat_and_generation import (
    read_chat_template,
    read_generation_config,
)
from domain_core.presets.folder import Folder
from domain_core.presets.json_files import json_value, read_json, write_json
from domain_core.presets.layout import IMAGE_CONVERTER, Layout
from domain_core.presets.safetensors_reader import TensorFiles
from domain_core.presets.tokenizer_assets import check_asset
from domain_core.presets.transformers.image_processor import image_converter_arguments
from domain_core.registry import find_converter
from domain_core.serialization import registered_class, registered_name
from domain_core.text.chat_template import chat_template_config
from domain_core.text.vocabulary import write_vocabulary
from domain_core.weights.weight_map import WeightMap

if TYPE_CHECKING:
    from domain_core.backbone import Backbone
    from domain_core.task import Task
    from domain_core.tokenizers.bert_word_piece_tokenizer import BertWordPieceTokenizer

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
IMAGES = "preprocessor_config.json"
TOKENIZER = "tokenizer_config.json"
_VOCABULARY = "vocab.txt"
# Thousands of reserved tokens stand in some.
_MAX_TOKENIZER_BYTES = 8 * 2**20
# Our names, and one of theirs for each.
_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_approximate": "gelu_new",
    "relu": "relu",
    "silu": "silu",
}
_HALF = ("float16", "bfloat16")
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


def tokenizer_options(folder: Folder) -> dict[str, Any]:
    """Returns the content of `tokenizer_config.json`; {} where there is none."""
    if TOKENIZER not in folder:
        return {}
    return read_json(folder, TOKENIZER, _MAX_TOKENIZER_BYTES)


def word_piece_arguments(folder: Folder) -> dict[str, Any]:
    """Returns the arguments of a WordPiece tokenizer in Hugging Face's layout."""
    options = tokenizer_options(folder)
    check_asset(folder, _VOCABULARY)
    return {
        "vocabulary": str(folder.require(_VOCABULARY)),
        "lowercase": options.get("do_lower_case", True),
        "strip_accents": options.get("strip_accents"),
        "split_on_cjk": options.get("tokenize_chinese_chars", True),
    }


def write_word_piece(
    tokenizer: BertWordPieceTokenizer, directory: Path, max_length: int | None
) -> None:
    """Writes the files of BERT's tokenizer; inverse of `word_piece_arguments`.

    Args:
        tokenizer: a BERT tokenizer.
        directory: where to write.
        max_length: number of tokens that the model takes at most.
    """
    write_vocabulary(directory / _VOCABULARY, tokenizer.get_vocabulary())
    options = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": tokenizer.lowercase,
        "strip_accents": tokenizer.strip_accents,
        "tokenize_chinese_chars": tokenizer.split_on_cjk,
        "unk_token": tokenizer.oov_token,
        "cls_token": tokenizer.start_token,
        "sep_token": tokenizer.end_token,
        "pad_token": tokenizer.pad_token,
        "mask_token": tokenizer.mask_token,
        "model_max_length": max_length,
    }
    given = {key: value for key, value in options.items() if value is not None}
    write_json(directory / TOKENIZER, given)


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


class TransformersLayout(Layout):
    """Reads `config.json`, `model.safetensors` and what stands beside them."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._config = read_json(folder, CONFIG)
        model_type = json_value(self._config, "model_type", str, CONFIG, folder)
        self._entry, self._converter = find_converter("transformers", model_type)
        architectures = self._config.get("architectures") or [None]
        self._head = self._converted(
            lambda config: self._converter.heads.get(architectures[0])
        )

    @staticmethod
    def recognizes(folder: Folder) -> bool:
        """Whether a preset has this layout."""
        return CONFIG in folder and "model_type" in read_json(folder, CONFIG)

    def backbone(self, load_weights: bool) -> tuple[type, dict[str, Any]]:
        names = None
        if load_weights:
            with TensorFiles(self._folder, WEIGHTS) as tensors:
                names = tensors.shapes().keys()
        config = self._converted(self._converter.config, names)
        # Single precision is what nobody chose: the global policy may say otherwise.
        dtype = self._config.get("dtype", self._config.get("torch_dtype"))
        if dtype in _HALF:
            config["dtype"] = dtype
        return self._entry.cls, config

    def has_weights(self) -> bool:
        return True

    def weight_shapes(self, head: bool) -> Collection[tuple[int, ...]] | None:
        with TensorFiles(self._folder, WEIGHTS) as tensors:
            return tensors.shapes().values()

    def assign_backbone(self, backbone: Backbone) -> None:
        self._assign(self._converter.weights, backbone.weight_paths())

    def task(self) -> tuple[type, dict[str, Any]] | None:
        if self._head is None:
            return None
        package = str(registered_name(self._entry.cls)).split(">")[0]
        cls = registered_class(f"{package}>{self._head.task}")
        return cls, self._converted(self._head.config)

    def assign_head(self, task: Task) -> None:
        assert self._head is not None, "task() said that there is no head"
        self._assign(self._head.weights, task.head_weight_paths())

    def tokenizer(self, cls: type, **kwargs: Any) -> Any:
        tokenizer_cls = self._converter.tokenizer_cls
        if tokenizer_cls is None or self._converter.tokenizer is None:
            return None
        if not issubclass(tokenizer_cls, cls):
            raise ValueError(
                f"Expected a preset for {cls.__name__}; {self._folder.label!r} is "
                f"for {tokenizer_cls.__name__}. Call its `from_preset` instead."
            )
        arguments = self._converter.tokenizer(self._folder)
        template = read_chat_template(self._folder, tokenizer_options(self._folder))
        arguments |= chat_template_config(template)
        return tokenizer_cls(**{**arguments, **kwargs})

    def image_converter(self) -> Any:
        if IMAGES not in self._folder:
            return None
        config = read_json(self._folder, IMAGES)
        return registered_class(IMAGE_CONVERTER)(**image_converter_arguments(config))

    def preprocessor(self) -> Any:
        return None

    def generation_config(self) -> dict[str, Any] | None:
        return read_generation_config(self._folder)

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
        with TensorFiles(self._folder, WEIGHTS) as tensors:
            weight_map.assign(variables, tensors.shapes(), tensors.read)
