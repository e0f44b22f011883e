"""Resizing: where to, and by which weights.

Two engines give the same numbers: Pillow on the host, and two matrix products with
precomputed weights on tensors. Both follow Pillow, the reference of most published
vision models: a filter is stretched by the factor of reduction, sampled at the centres
of the source's pixels, and normalized over those that exist. Without antialiasing a
filter is not stretched, as in TensorFlow and OpenCV, which then serves on the host:
faster, but what lies between the pixels it looks at is lost.

Shapes: `H`, `W` source, `h`, `w` output, `C` channels.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

INTERPOLATIONS = {
    "nearest": 0,
    "lanczos": 1,
    "bilinear": 2,
    "bicubic": 3,
    "box": 4,
    "hamming": 5,
}  # the numbers are Pillow's, and Hugging Face's `resample`
ALIASED = ("bilinear", "nearest")  # which of them work without antialiasing

# OpenCV takes no more at a time.
_MOST_CHANNELS = 128
# A crop that keeps less than this of an edge is resized alone.
_SMALLEST_PART = 1 / 4


@dataclasses.dataclass(frozen=True)
class Window:
    """How an image is resized, cropped, and put into the output.

    All are `(height, width)` or `(top, left)` in pixels.

    Attributes:
        resized: what the whole source is resized to.
        start: where the crop begins in that.
        size: how much is cropped.
        offset: where that goes in the output.
    """

    resized: tuple[int, int]
    start: tuple[int, int]
    size: tuple[int, int]
    offset: tuple[int, int] = (0, 0)


def center_cropped(resized: tuple[int, int], target: tuple[int, int]) -> Window:
    """Returns the window that fills the target with the centre of a larger image."""
    top, left = (
        (whole - part) // 2 for whole, part in zip(resized, target, strict=True)
    )
    return Window(resized, (top, left), target)


def padded(source: tuple[int, int], target: tuple[int, int], centered: bool) -> Window:
    """Returns the window that fits all of the source into the target, undistorted.

    Args:
        source: `(height, width)` in pixels.
        target: the same of the output.
        centered: put it in the middle, else top left.
    """
    scale = min(target[0] / source[0], target[1] / source[1])
    size = (_rounded(source[0] * scale), _rounded(source[1] * scale))
    offset = (0, 0)
    if centered:
        offset = ((target[0] - size[0]) // 2, (target[1] - size[1]) // 2)
    return Window(size, (0, 0), size, offset)


def covering(source: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """Returns the size, with the source's aspect ratio, that just covers the target.

    Rounds as Hugging Face does: down.
    """
    (height, width), (h, w) = source, target
    if h * width >= w * height:
        return h, int(h * width / height)
    return int(w * height / width), w


def resize_on_host(
    image: Any, window: Window, interpolation: str, antialias: bool = True
) -> np.ndarray:
    """Resizes and crops one image with Pillow, without antialiasing with OpenCV.

    Args:
        image: a Pillow image of 8 bit per channel; or an array `(H, W, C)`, uint8 or
            float32.
        window: see `Window`; its offset is left to the caller.
        interpolation: one of `INTERPOLATIONS`.
        antialias: whether to take all pixels into account.

    Returns:
        Array `(h, w, C)`, uint8 for uint8 (rounded after each of the two passes), else
        float32.
    """
    from PIL import Image

    if not isinstance(image, np.ndarray) and image.mode == "RGBA":
        image = np.asarray(image)
    is_array = isinstance(image, np.ndarray)
    source = image.shape[:2] if is_array else (image.height, image.width)
    if window.resized == source or interpolation == "nearest":
        array = image if is_array else np.asarray(image)
        array = array[..., None] if array.ndim == 2 else array
        rows, columns = (
            _nearest(*axis)
            for axis in zip(
                source, window.resized, window.start, window.size, strict=True
            )
        )
        return array[rows[:, None], columns]
    if not antialias:
        return _resize_aliased(np.asarray(image), window)
    if is_array and (image.dtype != np.uint8 or image.shape[-1] != 3):
        # One channel at a time: four would count as colours times opacity.
        planes = [
            _resize(Image.fromarray(image[..., c]), window, interpolation)
            for c in range(image.shape[-1])
        ]
        return np.stack(planes, axis=-1)
    if is_array:
        image = Image.fromarray(image)
    resized = _resize(image, window, interpolation)
    return resized[..., None] if resized.ndim == 2 else resized


def resize_tensors(
    images: Any, window: Window, interpolation: str, antialias: bool = True
) -> Any:
    """Resizes and crops a batch of tensors of the backend by two matrix products.

    Args:
        images: float32 `(B, H, W, C)`, all but `B` static.
        window: see `Window`; its offset is left to the caller.
        interpolation: one of `INTERPOLATIONS`.
        antialias: whether to take all pixels into account.

    Returns:
        Float32 tensor `(B, h, w, C)`.
    """
    _, height, width, channels = images.shape
    (top, left), (h, w) = window.start, window.size
    if window.resized == (height, width):
        return images[:, top : top + h, left : left + w]
    kind = (interpolation, antialias)
    y0, y1, rows = filter_matrix(height, window.resized[0], top, h, *kind)
    x0, x1, columns = filter_matrix(width, window.resized[1], left, w, *kind)
    # Each product takes the resized axis against all others flattened.
    x = keras.ops.reshape(images[:, y0:y1, x0:x1], (-1, y1 - y0, (x1 - x0) * channels))
    x = keras.ops.reshape(keras.ops.matmul(rows, x), (-1, h, x1 - x0, channels))
    x = keras.ops.transpose(x, (0, 2, 1, 3))  # (B, W, h, C)
    x = keras.ops.reshape(x, (-1, x1 - x0, h * channels))
    x = keras.ops.reshape(keras.ops.matmul(columns, x), (-1, w, h, channels))
    return keras.ops.transpose(x, (0, 2, 1, 3))


@functools.lru_cache(maxsize=64)
def filter_matrix(
    length: int,
    resized: int,
    start: int,
    size: int,
    interpolation: str,
    antialias: bool = True,
) -> tuple[int, int, np.ndarray]:
    """Returns what each output pixel takes of which source pixels, along one axis.

    Args:
        length: pixels of the source.
        resized: pixels that it is resized to.
        start: the first of these in the output.
        size: pixels of the output.
        interpolation: one of `INTERPOLATIONS`.
        antialias: whether to stretch the filter by the factor of reduction.

    Returns:
        `(first, stop, weights)`: weights `(size, stop - first)`, float32, belong to the
        pixels from `first` up to, not including, `stop`; all others have none.
    """
    if interpolation == "nearest":
        weights = np.eye(length)[_nearest(length, resized, start, size)]
    else:
        support, function = _FILTERS[interpolation]
        scale = length / resized
        stretch = max(scale, 1.0) if antialias else 1.0
        centers = (start + np.arange(size) + 0.5) * scale
        pixels = np.arange(length)
        distances = (pixels - centers[:, None] + 0.5) * (1 / stretch)  # (size, length)
        # The rounding decides, for "box", who gets a pixel on a border.
        low = np.floor(centers - support * stretch + 0.5)[:, None]
        high = np.floor(centers + support * stretch + 0.5)[:, None]
        inside = (pixels >= low) & (pixels < high)
        weights = np.where(inside, function(distances), 0.0)
        weights /= weights.sum(axis=1, keepdims=True)
    used = np.flatnonzero(weights.any(axis=0))
    first, stop = int(used[0]), int(used[-1]) + 1
    return first, stop, weights[:, first:stop].astype("float32")


def _resize(image: Any, window: Window, interpolation: str) -> np.ndarray:
    """Resizes a Pillow image without opacity, and crops."""
    (top, left), (h, w) = window.start, window.size
    height, width = window.resized
    resample = INTERPOLATIONS[interpolation]
    if min(h / height, w / width) >= _SMALLEST_PART:
        # All of it, though less is needed: the passes' order, which Pillow makes depend
        # on what it is asked for, shows by some levels.
        image = image.resize((width, height), resample)
        return np.asarray(image)[top : top + h, left : left + w]
    # Of an image as thin as a thread, all would be more than memory holds.
    y, x = image.height / height, image.width / width
    right, bottom = min((left + w) * x, image.width), min((top + h) * y, image.height)
    box = (left * x, top * y, right, bottom)
    return np.asarray(image.resize((w, h), resample, box=box))


def _resize_aliased(image: np.ndarray, window: Window) -> np.ndarray:
    """Resizes bilinearly between the nearest pixels alone, and crops."""
    import cv2

    image = image[..., None] if image.ndim == 2 else image
    (top, left), (h, w) = window.start, window.size
    height, width = window.resized
    if min(h / height, w / width) >= _SMALLEST_PART:
        parts = [
            cv2.resize(
                np.ascontiguousarray(image[..., start : start + _MOST_CHANNELS]),
                (width, height),
                interpolation=cv2.INTER_LINEAR,
            ).reshape(height, width, -1)[top : top + h, left : left + w]
            for start in range(0, image.shape[-1], _MOST_CHANNELS)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
    # As in `_resize`, of a thread only what is needed.
    x = image
    for axis, (resized, start, size) in enumerate(
        zip(window.resized, window.start, window.size, strict=True)
    ):
        last = image.shape[axis] - 1
        centers = (start + np.arange(size) + 0.5) * (last + 1) / resized - 0.5
        centers = np.clip(centers, 0, last)
        low = centers.astype(int)
        part = (centers - low).reshape((-1, 1, 1) if axis == 0 else (-1, 1))
        below, above = x.take(low, axis), x.take(np.minimum(low + 1, last), axis)
        x = below + (above - below.astype("float32")) * part
    return (x.round() if image.dtype == np.uint8 else x).astype(image.dtype)


def _nearest(length: int, resized: int, start: int, size: int) -> np.ndarray:
    """Returns which pixels Pillow takes: on borders between two, rounding decides."""
    if length == resized:
        return np.arange(start, start + size)
    from PIL import Image

    pixels = Image.fromarray(np.arange(length, dtype="int32")[None])
    chosen = pixels.resize((resized, 1), INTERPOLATIONS["nearest"])
    return np.asarray(chosen)[0, start : start + size]


def _rounded(length: float) -> int:
    return max(1, int(length + 0.5))


def _triangle(x: np.ndarray) -> np.ndarray:
    return 1 - np.abs(x)


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution with a = -0.5."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, far)


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.sinc(x) * np.sinc(x / 3)


def _hamming(x: np.ndarray) -> np.ndarray:
    return np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x))


def _box(x: np.ndarray) -> np.ndarray:
    return ((x > -0.5) & (x <= 0.5)).astype("float64")


_FILTERS: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "bilinear": (1.0, _triangle),
    "bicubic": (2.0, _cubic),
    "lanczos": (3.0, _lanczos),
    "hamming": (1.0, _hamming),
    "box": (0.5, _box),
}
