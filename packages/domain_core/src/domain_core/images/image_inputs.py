"""Reads images in the forms in which users hand them over."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from domain_core.arrays.operations import dtype_name, is_float, is_integer
from domain_core.images.decode import Limits, read_file
from domain_core.pipeline.samples import as_numpy

_LONGEST_PATH = 4096


def as_items(images: Any) -> tuple[list[Any], bool]:
    """Splits a batch into its images, without looking into them.

    Args:
        images: array `(H, W, C)` or `(B, H, W, C)`, a path, encoded bytes, a Pillow
            image; or a list, tuple or flat array of such.

    Returns:
        The images, and whether `images` was a single one.

    Raises:
        ValueError: if there is none, or an array has another number of axes.
    """
    if is_encoded_or_pillow(images):
        return [images], True
    if isinstance(images, list | tuple):
        items = list(images)
    else:
        array = _as_array(images, "`images`")
        if array.dtype.kind in "OSUT":
            if array.ndim == 0 and is_encoded_or_pillow(array.item()):
                return [array.item()], True
            if array.ndim != 1:
                raise ValueError(
                    "Expected paths, encoded images or arrays of objects in a flat "
                    f"array, received one of shape {array.shape}. Flatten it."
                )
            items = list(array)
        elif array.ndim == 4:
            items = list(array)
        else:
            return [array], True
    if not items:
        raise ValueError("`images` is empty: expected at least one image.")
    return items, False


def is_encoded_or_pillow(value: Any) -> bool:
    """Whether a value is one path, encoded image or Pillow image."""
    return isinstance(value, str | bytes | os.PathLike) or is_pillow(value)


def is_pillow(value: Any) -> bool:
    """Whether a value is a Pillow image; without importing Pillow."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(value, pillow.Image)


def load(item: Any, name: str, channels: int, limits: Limits) -> tuple[str, Any]:
    """Gets at an image, short of decoding a file.

    Args:
        item: what `as_items` gave.
        name: what to call the image in errors.
        channels: number of channels an array has to have.
        limits: see `Limits`.

    Returns:
        What to call it in errors; and the bytes of a file, the Pillow image it was, or
        an array `(H, W, C)`, uint8 or float32.

    Raises:
        ValueError: if it is no image, or not a fitting one.
    """
    if is_pillow(item):
        return name, item
    if isinstance(item, bytes):
        path = _as_path(item)
        if path is None:
            return name, item
        item = path
    if isinstance(item, str | os.PathLike):
        name = f"{name} ({os.fspath(item)!r:.300})"
        return name, read_file(item, name, limits)
    return name, _checked(_as_array(item, name), name, channels, limits)


def check_shape(
    shape: tuple[int | None, ...], name: str, channels: int | None = None
) -> None:
    """Raises ValueError unless a shape is that of an image or a batch, without a 0.

    Args:
        shape: `(H, W, C)` or `(B, H, W, C)`, as far as it is known.
        name: what to call the image in errors.
        channels: number of channels `C`; None for any.
    """
    if len(shape) not in (3, 4):
        advice = (
            " Add the axis of channels: `image[..., None]`." if len(shape) == 2 else ""
        )
        one = f"height, width, {channels or 'channels'}"
        raise ValueError(
            f"Expected {name} to have the shape ({one}) or (batch, {one}), received "
            f"{tuple(shape)}.{advice}"
        )
    if channels is not None and shape[-1] not in (channels, None):
        raise ValueError(
            f"Expected {name} to have {channels} channels, the last axis, received the "
            f"shape {tuple(shape)}."
            + (
                channels_first_advice(shape, (channels,))
                or " Convert it, or make an ImageConverter with "
                f"`channels={shape[-1]}`."
            )
        )
    if 0 in shape:
        raise ValueError(f"{name} has no pixels: its shape is {tuple(shape)}. Drop it.")


def channels_first_advice(
    shape: tuple[int | None, ...], usual: Sequence[int] = (1, 3, 4)
) -> str:
    """Returns what to do about a shape that has its channels first, "" if not so.

    Args:
        shape: of one image or a batch.
        usual: numbers of channels.
    """
    if len(shape) not in (3, 4) or shape[-1] in usual or shape[-3] not in usual:
        return ""
    return " Its channels come first: `np.moveaxis(image, -3, -1)` puts them last."


def check_dtype(dtype: Any, name: str) -> None:
    """Raises ValueError unless a dtype, of any library, is one of images.

    These are floats and integers, but for uint16: its values are hardly [0, 255].
    """
    advice = {
        "uint16": "Scale it: `(image // 256).astype('uint8')` if it uses all 16 bit.",
        "bool": "Scale it: `image.astype('uint8') * 255`.",
    }
    known = dtype_name(dtype)
    if known not in advice and (is_integer(dtype) or is_float(dtype)):
        return
    fallback = "Convert it with `astype`, to uint8 if its values are [0, 255]."
    raise ValueError(
        f"Expected {name} to be uint8 or float, received {known}. "
        f"{advice.get(known, fallback)}"
    )


def _as_path(data: bytes) -> str | None:
    """Returns the path that bytes are, as in a TensorFlow string; None if an image.

    Images hold bytes that are not printable, within their first dozen.
    """
    if len(data) > _LONGEST_PATH:
        return None
    try:
        text = os.fsdecode(data)
        text.encode()
    except UnicodeError:
        return None
    return text if text.isprintable() and text else None


def _as_array(value: Any, name: str) -> np.ndarray:
    if not hasattr(value, "__array__"):
        raise ValueError(
            f"{name} is of type {type(value).__name__}, which is no image. Expected an "
            "array (height, width, channels), a path, the bytes of a file or a Pillow "
            "image, or a list of such."
        )
    return as_numpy(value)


def _checked(array: np.ndarray, name: str, channels: int, limits: Limits) -> np.ndarray:
    if array.ndim == 4:
        raise ValueError(
            f"Expected {name} to be one image, received an array of shape "
            f"{array.shape}. Pass a batch as one array or one flat list."
        )
    check_shape(array.shape, name, channels)
    check_dtype(array.dtype.name, name)
    if array.shape[0] * array.shape[1] > limits.max_pixels:
        raise ValueError(
            f"{name} has the shape {array.shape}, expected at most "
            f"{limits.max_pixels:,} pixels. If it is meant to be as large, raise "
            "`max_pixels`."
        )
    if array.dtype == np.uint8:
        return array
    array = array.astype("float32", copy=False)
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} has values that are NaN or infinite, expected [0, 255]. Drop it, "
            "or replace them."
        )
    return array
