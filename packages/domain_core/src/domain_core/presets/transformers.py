"""The layout of Hugging Face `transformers`.

Nothing in it runs: only listed keys of `config.json` are read, weights come from
safetensors, and a family's own tables say what goes where.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import keras

from domain_core.presets.folder import Folder
from domain_core.presets.json_files import read_json
from domain_core.presets.layout import Layout
from domain_core.presets.tensor_files import TensorFiles
from domain_core.registry import find_converter
from domain_core.serialization import registered_class, registered_name
from domain_core.weight_map import WeightMap

_CONFIG = "config.json"
_WEIGHTS = "model.safetensors"
_IMAGES = "preprocessor_config.json"
_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_approximate",
    "gelu_pytorch_tanh": "gelu_approximate",
    "relu": "relu",
    "silu": "silu",
}
_IMAGE_OPTIONS = {
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "do_center_crop": False,
    "do_convert_rgb": True,
    "rescale_factor": 1 / 255,
    "image_mean": (0.5, 0.5, 0.5),
    "image_std": (0.5, 0.5, 0.5),
}
_CLIP_IMAGE_OPTIONS = {
    "resample": 3,
    "size": {"shortest_edge": 224},
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "image_mean": (0.48145466, 0.4578275, 0.40821073),
    "image_std": (0.26862954, 0.26130258, 0.27577711),
}
# What each image processor does where its file says nothing.
_IMAGE_PROCESSORS: dict[str, dict[str, Any]] = {
    "ConvNext": {"resample": 3, "size": {"shortest_edge": 384}, "crop_pct": 224 / 256},
    "ViT": {"resample": 2, "size": {"height": 224, "width": 224}},
    "DeiT": {
        "resample": 3,
        "size": {"height": 256, "width": 256},
        "do_center_crop": True,
        "crop_size": {"height": 224, "width": 224},
    },
    "CLIP": _CLIP_IMAGE_OPTIONS,
    "Bit": _CLIP_IMAGE_OPTIONS,
}
_RESAMPLE = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")
# From this size on, ConvNext's processor stretches the image and crops nothing.
_UNCROPPED_SIZE = 384


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


def word_piece_arguments(folder: Folder) -> dict[str, Any]:
    """Returns the arguments of a WordPiece tokenizer in Hugging Face's layout."""
    options: dict[str, Any] = {}
    if "tokenizer_config.json" in folder:
        options = read_json(folder, "tokenizer_config.json")
    return {
        "vocabulary": str(folder.require("vocab.txt")),
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


def image_converter_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of an `ImageConverter` from a `preprocessor_config.json`.

    Args:
        config: of a ConvNext (ResNet's too), ViT, DeiT, CLIP or BiT image processor, in
            today's form or that of the feature extractors before.

    Raises:
        ValueError: if it is another processor's, or asks for what the converter lacks.
    """
    kind = config.get("image_processor_type") or config.get("feature_extractor_type")
    name = re.sub(r"(FeatureExtractor|ImageProcessor(Fast|Pil)?)$", "", kind or "")
    if name not in _IMAGE_PROCESSORS:
        raise ValueError(
            "Expected the image processor of one of "
            f"{sorted(_IMAGE_PROCESSORS)}, received {kind!r}."
        )
    defaults = {**_IMAGE_OPTIONS, **_IMAGE_PROCESSORS[name]}
    given = {key: value for key, value in config.items() if value is not None}
    for key, value in given.items():
        if key.startswith("do_") and value and key not in defaults:
            raise ValueError(f"{key!r} of an image processor can't be expressed here.")
    options = {**defaults, **given}
    if not options["do_resize"]:
        raise ValueError("Expected 'do_resize': a model takes images of one size.")
    if options["resample"] not in range(len(_RESAMPLE)):
        raise ValueError(
            f"Expected 'resample' in [0, {len(_RESAMPLE)}), received "
            f"{options['resample']!r}."
        )
    size = _edges(options["size"], defaults["size"])
    crop = None
    if options["do_center_crop"]:
        square = {"height": 0, "width": 0}
        crop = _edges(options.get("crop_size", options["size"]), square)
        if set(crop) != set(square):
            raise ValueError(
                f"Expected 'crop_size' to be a height and a width, received {crop}."
            )
    rescale, normalize = options["do_rescale"], options["do_normalize"]
    return {
        **_image_size(size, crop, options.get("crop_pct")),
        "interpolation": _RESAMPLE[options["resample"]],
        "scale": options["rescale_factor"] if rescale else None,
        "mean": list(options["image_mean"]) if normalize else None,
        "std": list(options["image_std"]) if normalize else None,
    }


def _edges(size: Any, default: Mapping[str, int]) -> dict[str, int]:
    """Returns a size with its edges named; an int stands for those of the default."""
    if isinstance(size, int):
        return dict.fromkeys(default, size)
    return {key: value for key, value in size.items() if value is not None}


def _image_size(
    size: dict[str, int], crop: dict[str, int] | None, crop_pct: float | None
) -> dict[str, Any]:
    if crop_pct is not None and set(size) == {"shortest_edge"}:
        edge = size["shortest_edge"]
        if edge >= _UNCROPPED_SIZE:
            return {"image_size": (edge, edge), "crop_to_aspect_ratio": False}
        return {"image_size": (edge, edge), "crop_ratio": crop_pct}
    if set(size) == {"shortest_edge"} and crop and crop["height"] == crop["width"]:
        resized = (size["shortest_edge"],) * 2
    elif set(size) == {"height", "width"}:
        resized = (size["height"], size["width"])
        crop = crop or size
    else:
        raise ValueError(
            "Expected 'size' to be a height and a width, or a shortest edge with a "
            f"square 'crop_size', received {size} and {crop}: without these, images "
            "have no size in common."
        )
    target = (crop["height"], crop["width"])
    ratio = target[0] / resized[0]
    if int(target[0] / ratio) < resized[0]:  # by rounding
        ratio = math.nextafter(ratio, 0)
    if ratio > 1 or tuple(int(length / ratio) for length in target) != resized:
        raise ValueError(
            "Expected 'crop_size' to be the same part, at most all, of the height and "
            f"of the width that images are resized to, received {crop} of {size}."
        )
    return {
        "image_size": target,
        "crop_to_aspect_ratio": "shortest_edge" in size,
        "crop_ratio": ratio,
    }


class TransformersLayout(Layout):
    """Reads `config.json`, `model.safetensors` and what stands beside them."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._config = read_json(folder, _CONFIG)
        self._entry, self._converter = find_converter(
            "transformers", self._config["model_type"]
        )
        architecture = (self._config.get("architectures") or [None])[0]
        self._head = self._converter.heads.get(architecture)

    @staticmethod
    def recognizes(folder: Folder) -> bool:
        """Whether a preset has this layout."""
        return _CONFIG in folder and "model_type" in read_json(folder, _CONFIG)

    def backbone(self, load_weights: bool) -> tuple[type, dict[str, Any]]:
        if not load_weights:
            return self._entry.cls, self._converter.config(self._config, None)
        with TensorFiles(self._folder, _WEIGHTS) as tensors:
            names = tensors.shapes().keys()
            return self._entry.cls, self._converter.config(self._config, names)

    def has_weights(self) -> bool:
        return True

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
                f"Expected a preset for {cls.__name__}; {self._folder.label!r} is "
                f"for {tokenizer_cls.__name__}. Call its `from_preset` instead."
            )
        return tokenizer_cls(**{**self._converter.tokenizer(self._folder), **kwargs})

    def image_converter(self) -> Any:
        if _IMAGES not in self._folder:
            return None
        from domain_core.images import ImageConverter

        config = read_json(self._folder, _IMAGES)
        return ImageConverter(**image_converter_arguments(config))

    def preprocessor(self) -> Any:
        return None

    def _assign(
        self, weight_map: WeightMap, variables: Mapping[str, keras.Variable]
    ) -> None:
        with TensorFiles(self._folder, _WEIGHTS) as tensors:
            weight_map.assign(variables, tensors.shapes(), tensors.read)
