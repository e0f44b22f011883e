"""Image processors of Hugging Face `transformers`: reading and writing their file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

_OPTIONS = {
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "do_center_crop": False,
    "do_convert_rgb": True,
    "rescale_factor": 1 / 255,
    "image_mean": (0.5, 0.5, 0.5),
    "image_std": (0.5, 0.5, 0.5),
}
_CLIP_OPTIONS = {
    "resample": 3,
    "size": {"shortest_edge": 224},
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "image_mean": (0.48145466, 0.4578275, 0.40821073),
    "image_std": (0.26862954, 0.26130258, 0.27577711),
}
# What each image processor does where its file says nothing.
_PROCESSORS: dict[str, dict[str, Any]] = {
    "ConvNext": {"resample": 3, "size": {"shortest_edge": 384}, "crop_pct": 224 / 256},
    "ViT": {"resample": 2, "size": {"height": 224, "width": 224}},
    "DeiT": {
        "resample": 3,
        "size": {"height": 256, "width": 256},
        "do_center_crop": True,
        "crop_size": {"height": 224, "width": 224},
    },
    "CLIP": _CLIP_OPTIONS,
    "Bit": _CLIP_OPTIONS,
    "Sam": {
        "resample": 2,
        "size": {"longest_edge": 1024},
        "do_pad": True,
        "pad_size": {"height": 1024, "width": 1024},
        "image_mean": (0.485, 0.456, 0.406),
        "image_std": (0.229, 0.224, 0.225),
    },
}
_RESAMPLE = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")
# From this size on, ConvNext's processor stretches the image and crops nothing.
_UNCROPPED_SIZE = 384


def image_converter_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of an `ImageConverter` from a `preprocessor_config.json`.

    Args:
        config: of a ConvNext (ResNet's too), ViT, DeiT, CLIP, BiT or SAM image
            processor, in today's form or that of the feature extractors before.

    Raises:
        ValueError: if it is another processor's, or asks for what the converter lacks.
    """
    kind = config.get("image_processor_type") or config.get("feature_extractor_type")
    name = re.sub(r"(FeatureExtractor|ImageProcessor(Fast|Pil)?)$", "", kind or "")
    if name not in _PROCESSORS:
        raise ValueError(
            "Expected the image processor of one of "
            f"{sorted(_PROCESSORS)}, received {kind!r}."
        )
    defaults = {**_OPTIONS, **_PROCESSORS[name]}
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
    scale = options["rescale_factor"] if rescale else None
    mean = options["image_mean"] if normalize else None
    if set(size) == {"longest_edge"} and options.get("do_pad"):
        shape = _padded_size(size["longest_edge"], options["pad_size"])
        # Theirs fills up with 0 what is normalized.
        if mean is not None:
            means = np.asarray(mean, "float64")
            shape["pad_value"] = (means / (1.0 if scale is None else scale)).tolist()
    else:
        shape = _image_size(size, crop, options.get("crop_pct"))
    return {
        **shape,
        "interpolation": _RESAMPLE[options["resample"]],
        "scale": scale,
        "mean": mean,
        "std": options["image_std"] if normalize else None,
    }


def image_processor_config(converter: Any) -> dict[str, Any]:
    """Returns the `preprocessor_config.json` of an `ImageConverter`.

    The inverse of `image_converter_arguments`, which knows what was lost on the way.

    Raises:
        ValueError: if no processor resizes like this.
    """
    height, width = converter.image_size
    ratio, keep_aspect = converter.crop_ratio, converter.crop_to_aspect_ratio
    crop = {
        "do_center_crop": True,
        "crop_size": {"height": height, "width": width},
    }
    resized = {"height": int(height / ratio), "width": int(width / ratio)}
    shape: dict[str, Any]
    if converter.pad_to_aspect_ratio and height == width:
        name, shape = "Sam", _padded(height)
    elif not keep_aspect and ratio == 1:
        name, shape = "ViT", {"size": resized}
    elif not keep_aspect:
        name, shape = "DeiT", {"size": resized, **crop}
    elif height != width:
        raise ValueError(
            "Expected a square `image_size`, or crop_to_aspect_ratio=False, received "
            f"{(height, width)}: Hugging Face has no processor for this."
        )
    elif height < _UNCROPPED_SIZE:
        name = "ConvNext"
        shape = {"size": {"shortest_edge": height}, "crop_pct": ratio}
    else:
        name, shape = "CLIP", {"size": {"shortest_edge": resized["height"]}, **crop}
    return {
        "image_processor_type": f"{name}ImageProcessor",
        "do_resize": True,
        **shape,
        "resample": _RESAMPLE.index(converter.interpolation),
        **_scaling(converter),
    }


def _scaling(converter: Any) -> dict[str, Any]:
    scale, mean, std = converter.scale, converter.mean, converter.std
    if not isinstance(scale, int | float | None):
        raise ValueError(
            f"Expected one `scale` for all channels, received {scale}: Hugging Face's "
            "processors have no other. Put it into `std`."
        )
    config: dict[str, Any] = {
        "do_rescale": scale is not None,
        "do_normalize": mean is not None or std is not None,
    }
    if scale is not None:
        config["rescale_factor"] = scale
    if config["do_normalize"]:
        config["image_mean"] = 0.0 if mean is None else mean
        config["image_std"] = 1.0 if std is None else std
    return config


def _padded(edge: int) -> dict[str, Any]:
    """Returns how SAM's processor resizes images, and masks to a quarter."""
    return {
        "size": {"longest_edge": edge},
        "do_pad": True,
        "pad_size": {"height": edge, "width": edge},
        "mask_size": {"longest_edge": edge // 4},
        "mask_pad_size": {"height": edge // 4, "width": edge // 4},
        "processor_class": "SamProcessor",
    }


def _padded_size(edge: int, padded: Any) -> dict[str, Any]:
    if padded != {"height": edge, "width": edge}:
        raise ValueError(
            "Expected 'pad_size' to be as high and as wide as the longest edge of "
            f"'size', {edge}, received {padded!r:.200}: the converter fills up to what "
            "it resizes for."
        )
    return {
        "image_size": (edge, edge),
        "crop_to_aspect_ratio": False,
        "pad_to_aspect_ratio": True,
        "pad_position": "top_left",
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
