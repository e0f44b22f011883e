"""Resizing with antialiasing filters: where to, and by which weights.

Two engines give the same numbers: Pillow on the host, and two matrix products with
precomputed weights on tensors. Both follow Pillow, the reference of most published
vision models: a filter is stretched by the factor of reduction, sampled at the centres
of the source's pixels, and normalized over those that exist.

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


@dataclasses.dataclass(frozen=True)
class Window:
    """Which part of a source image is resized, and where it goes.

    Attributes:
        box: `(left, top, right, bottom)` in pixels of the source, fractional.
        size: `(height, width)` in pixels that the box is resized to.
        offset: `(top, left)` in pixels of the output where it is put.
    """

    box: tuple[float, float, float, float]
    size: tuple[int, int]
    offset: tuple[int, int] = (0, 0)

    def is_identity(self, height: int, width: int) -> bool:
        """Whether the box is all of a source that has its size already."""
        return self.size == (height, width) and self.box == (0, 0, width, height)


def stretched(source: tuple[int, int], target: tuple[int, int]) -> Window:
    """Returns the window that fills the target with all of the source."""
    height, width = source
    return Window((0, 0, width, height), target)


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
    return dataclasses.replace(stretched(source, size), offset=offset)


def covering(source: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """Returns the size, with the source's aspect ratio, that just covers the target.

    Rounds as Hugging Face does: down.
    """
    (height, width), (h, w) = source, target
    if h * width >= w * height:
        return h, int(h * width / height)
    return int(w * height / width), w


def center_cropped(
    source: tuple[int, int], resized: tuple[int, int], target: tuple[int, int]
) -> Window:
    """Returns the window that equals resizing, then cropping the centre.

    Args:
        source: `(height, width)` in pixels.
        resized: what the whole source would be resized to.
        target: what is cut out of that; not larger.
    """
    bounds = []
    for length, whole, part in zip(source, resized, target, strict=True):
        start = (whole - part) // 2
        scale = length / whole
        # As Pillow rounds them, so that both engines take the same weights.
        low, high = np.float32(start * scale), np.float32((start + part) * scale)
        bounds.append((float(low), min(float(high), float(length))))
    (top, bottom), (left, right) = bounds
    return Window((left, top, right, bottom), target)


def resize_on_host(image: Any, window: Window, interpolation: str) -> np.ndarray:
    """Resizes one image with Pillow.

    Args:
        image: a Pillow image, mode "RGB" or "L"; or an array `(H, W, C)`, uint8 or
            float32.
        window: see `Window`; its offset is left to the caller.
        interpolation: one of `INTERPOLATIONS`.

    Returns:
        Array `(h, w, C)`, uint8 for uint8 (rounded after each of the two passes), else
        float32.
    """
    from PIL import Image

    is_array = isinstance(image, np.ndarray)
    height, width = image.shape[:2] if is_array else (image.height, image.width)
    if window.is_identity(height, width) or interpolation == "nearest":
        array = image if is_array else np.asarray(image)
        array = array[..., None] if array.ndim == 2 else array
        if window.is_identity(height, width):
            return array
        rows = _nearest(height, window.box[1], window.box[3], window.size[0])
        columns = _nearest(width, window.box[0], window.box[2], window.size[1])
        return array[rows[:, None], columns]

    def resize(plane: Any) -> np.ndarray:
        size, filter_number = window.size[::-1], INTERPOLATIONS[interpolation]
        return np.asarray(plane.resize(size, filter_number, box=window.box))

    if is_array and (image.dtype != np.uint8 or image.shape[-1] != 3):
        # One channel at a time: four would count as colours times opacity.
        planes = [Image.fromarray(image[..., c]) for c in range(image.shape[-1])]
        return np.stack([resize(plane) for plane in planes], axis=-1)
    resized = resize(Image.fromarray(image) if is_array else image)
    return resized[..., None] if resized.ndim == 2 else resized


def resize_tensors(images: Any, window: Window, interpolation: str) -> Any:
    """Resizes a batch of tensors of the backend by two matrix products.

    Args:
        images: float32 `(B, H, W, C)`, all but `B` static.
        window: see `Window`; its offset is left to the caller.
        interpolation: one of `INTERPOLATIONS`.

    Returns:
        Float32 tensor `(B, h, w, C)`.
    """
    _, height, width, channels = images.shape
    if window.is_identity(height, width):
        return images
    left, top, right, bottom = window.box
    h, w = window.size
    y0, y1, rows = filter_matrix(height, top, bottom, h, interpolation)
    x0, x1, columns = filter_matrix(width, left, right, w, interpolation)
    # Each product takes the resized axis against all others flattened.
    x = keras.ops.reshape(images[:, y0:y1, x0:x1], (-1, y1 - y0, (x1 - x0) * channels))
    x = keras.ops.reshape(keras.ops.matmul(rows, x), (-1, h, x1 - x0, channels))
    x = keras.ops.transpose(x, (0, 2, 1, 3))  # (B, W, h, C)
    x = keras.ops.reshape(x, (-1, x1 - x0, h * channels))
    x = keras.ops.reshape(keras.ops.matmul(columns, x), (-1, w, h, channels))
    return keras.ops.transpose(x, (0, 2, 1, 3))


@functools.lru_cache(maxsize=64)
def filter_matrix(
    length: int, start: float, stop: float, size: int, interpolation: str
) -> tuple[int, int, np.ndarray]:
    """Returns what each output pixel takes of which source pixels, along one axis.

    Args:
        length: pixels of the source.
        start: where the resized part begins, in pixels.
        stop: where it ends.
        size: pixels of the output.
        interpolation: one of `INTERPOLATIONS`.

    Returns:
        `(first, last, weights)`: weights `(size, last - first)`, float32, belong to the
        pixels `first` to `last - 1`; all others have none.
    """
    if interpolation == "nearest":
        weights = np.eye(length)[_nearest(length, start, stop, size)]
    else:
        support, function = _FILTERS[interpolation]
        scale = float(np.float32(stop) - np.float32(start)) / size
        centers = start + (np.arange(size) + 0.5) * scale
        stretch = max(scale, 1.0)
        pixels = np.arange(length)
        distances = (pixels - centers[:, None] + 0.5) * (1 / stretch)  # (size, length)
        # The rounding decides, for "box", who gets a pixel on a border.
        low = np.floor(centers - support * stretch + 0.5)[:, None]
        high = np.floor(centers + support * stretch + 0.5)[:, None]
        inside = (pixels >= low) & (pixels < high)
        weights = np.where(inside, function(distances), 0.0)
        weights /= weights.sum(axis=1, keepdims=True)
    used = np.flatnonzero(weights.any(axis=0))
    first, last = int(used[0]), int(used[-1]) + 1
    return first, last, weights[:, first:last].astype("float32")


def _nearest(length: int, start: float, stop: float, size: int) -> np.ndarray:
    positions = start + (np.arange(size) + 0.5) * ((stop - start) / size)
    return np.minimum(positions.astype(np.int64), length - 1)


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
