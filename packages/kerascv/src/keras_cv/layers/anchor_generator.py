"""Boxes all over an image that a detector compares things with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from domain_core.arguments import (
    as_positive_int,
    default_name,
    is_finite,
    set_layer_arguments,
)
from domain_core.arrays import operations
from domain_core.arrays.operations import Operations
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.bounding_box.formats import from_corners, parse
from keras_cv.image_size import as_scale, read_size

Level = int | str
# Of images, whose anchors are kept: a megabyte each.
_MOST_SIZES = 16


@serializable("kerascv")
class AnchorGenerator(RemembersArguments):
    """Lays boxes of given sizes over images, a set for each level of a pyramid.

    The cells of a level are as large as its stride, and as many as cover the image. In
    the middle of each lies a box for each scale and aspect ratio: `size * scale /
    sqrt(ratio)` high and `size * scale * sqrt(ratio)` wide. They are in the order of
    the feature map: row by row, cell by cell, then scale by scale, and ratio by ratio
    in each.

    It has no weights and is no Keras layer: what it gives depends on the size of the
    image alone, and is computed once where that is known.

    Args:
        bounding_box_format: of the anchors, see `keras_cv.bounding_box.convert_format`.
        sizes: side of a square anchor of scale 1, in pixels: a dict by level, or a list
            for levels 0, 1, ....
        scales: factors of the size: a list for all levels, or a dict by level of such
            lists.
        aspect_ratios: width divided by height: likewise.
        strides: side of the cells in whole pixels, by level as `sizes`.
        clip_boxes: whether anchors are cut at the border of the image.
        name: of the object.
        **kwargs: `trainable` and `dtype`, which upstream's layer takes; not used.

    Call arguments:
        image: `(H, W, C)` or `(B, H, W, C)`, of which only the size counts.
        image_shape: instead of it: `(H, W)` or `(H, W, C)`, of numbers or tensors.

    Returns:
        Dict by level of float32 `(anchors, 4)`: NumPy arrays, not to be written to, or
        tensors where the size is one.

    Raises:
        ValueError: if levels do not agree or a number is not positive; in the call, if
            there is no size.

    Reference:
        Lin et al., "Focal Loss for Dense Object Detection", 2017,
        https://arxiv.org/abs/1708.02002.

    Example:
        >>> generator = keras_cv.layers.AnchorGenerator(
        ...     "xyxy", sizes={"P3": 4}, scales=[1.0], aspect_ratios=[1.0],
        ...     strides={"P3": 8})
        >>> generator(image_shape=(8, 16, 3))["P3"].tolist()
        [[2.0, 2.0, 6.0, 6.0], [10.0, 2.0, 14.0, 6.0]]
    """

    def __init__(
        self,
        bounding_box_format: str,
        sizes: Mapping[Level, float] | Sequence[float],
        scales: Sequence[float] | Mapping[Level, Sequence[float]],
        aspect_ratios: Sequence[float] | Mapping[Level, Sequence[float]],
        strides: Mapping[Level, int] | Sequence[int],
        clip_boxes: bool = False,
        *,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        set_layer_arguments(self, kwargs, "trainable", "dtype")
        self.name = name or default_name(self)
        self._format = parse(bounding_box_format)
        self.bounding_box_format = bounding_box_format
        self.sizes = _copy(sizes)
        self.scales = _copy(scales)
        self.aspect_ratios = _copy(aspect_ratios)
        self.strides = _copy(strides)
        self.clip_boxes = clip_boxes
        self._cells = {
            level: as_positive_int(f"strides[{level!r}]", stride)
            for level, stride in _by_level("strides", self.strides).items()
        }
        self._boxes = self._boxes_by_level()
        self._known: dict[tuple[int, int], dict[Level, np.ndarray]] = {}

    def __call__(self, image: Any = None, image_shape: Any = None) -> dict[Level, Any]:
        size = read_size(image, image_shape)
        if size is None or any(len(getattr(length, "shape", ())) for length in size):
            raise ValueError(
                "Expected one size for all images, as `image` (H, W, C) or (B, H, W, "
                "C) or as `image_shape`, received "
                f"{'none' if size is None else 'one for each'}."
            )
        if not all(isinstance(length, int | np.integer) for length in size):
            return self._anchors(*size)
        key = (int(size[0]), int(size[1]))
        if key not in self._known:
            if len(self._known) >= _MOST_SIZES:
                self._known.clear()
            self._known[key] = self._anchors(*key)
            for anchors in self._known[key].values():
                anchors.setflags(write=False)
        return dict(self._known[key])

    def _anchors(self, height: Any, width: Any) -> dict[Level, Any]:
        ops = operations.of(height, width)
        return {
            level: self._anchors_of_level(level, height, width, ops)
            for level in self._cells
        }

    def _anchors_of_level(
        self, level: Level, height: Any, width: Any, ops: Operations
    ) -> Any:
        stride, sides = self._cells[level], self._boxes[level]
        half = [ops.convert_to_tensor(side / 2, "float32") for side in sides]
        rows, columns = (
            ops.arange((length + stride - 1) // stride, dtype="int32")
            for length in (height, width)
        )
        y = (ops.cast(rows, "float32") + 0.5)[:, None, None] * stride
        x = (ops.cast(columns, "float32") + 0.5)[:, None] * stride
        # (rows, columns, boxes of a cell) each
        y, x = y + 0.0 * x + 0.0 * half[0], x + 0.0 * y + 0.0 * half[1]
        corners = (x - half[1], y - half[0], x + half[1], y + half[0])
        scale = as_scale((height, width), 2, ops)
        if self.clip_boxes:
            limits = (scale[0], scale[1], scale[0], scale[1])
            corners = tuple(
                ops.minimum(ops.maximum(corner, 0.0), limit)
                for corner, limit in zip(corners, limits, strict=True)
            )
        numbers = from_corners(corners, self._format, scale)
        return ops.reshape(ops.stack(numbers, axis=-1), (-1, 4))

    def _boxes_by_level(self) -> dict[Level, np.ndarray]:
        """Returns heights and widths of the boxes of a cell, `(2, boxes)`."""
        sizes = _by_level("sizes", self.sizes)
        if list(sizes) != list(self._cells):
            raise ValueError(
                "Expected `sizes` and `strides` of the same levels in the same order, "
                f"received {list(sizes)} and {list(self._cells)}."
            )
        boxes = {}
        for level, size in sizes.items():
            _check_positive("sizes", [size])
            scales, ratios = (
                self._of_level(name, level) for name in ("scales", "aspect_ratios")
            )
            sides = [
                (size * scale / math.sqrt(ratio), size * scale * math.sqrt(ratio))
                for scale in scales
                for ratio in ratios
            ]
            boxes[level] = np.array(sides).T
        return boxes

    def _of_level(self, name: str, level: Level) -> list[float]:
        """Returns scales or aspect ratios of a level."""
        values = getattr(self, name)
        if isinstance(values, dict):
            if list(values) != list(self._cells):
                raise ValueError(
                    f"Expected `{name}` of the levels {list(self._cells)}, or a list "
                    f"for all, received those of {list(values)}."
                )
            values = values[level]
        if not isinstance(values, list | tuple) or not values:
            raise ValueError(
                f"Expected `{name}` to be a list of numbers for all levels or a dict "
                f"of such lists by level, received {values!r:.200}."
            )
        _check_positive(name, values)
        return list(values)


def _copy(values: Any) -> Any:
    """Returns a dict by level, or a list; JSON makes strings of integer levels."""
    if not isinstance(values, Mapping):
        return list(values) if isinstance(values, list | tuple) else values
    return {
        int(level) if isinstance(level, str) and level.isdigit() else level: list(value)
        if isinstance(value, list | tuple)
        else value
        for level, value in values.items()
    }


def _by_level(name: str, values: Any) -> dict[Level, Any]:
    if isinstance(values, list):
        values = dict(enumerate(values))
    if not isinstance(values, dict) or not values:
        raise ValueError(
            f"Expected `{name}` to be a dict by level, or a list, with a number for "
            f"each level, received {values!r:.200}."
        )
    return values


def _check_positive(name: str, values: Sequence[Any]) -> None:
    if not all(is_finite(value) and value > 0 for value in values):
        raise ValueError(
            f"Expected positive numbers in `{name}`, received {values!r:.200}."
        )
