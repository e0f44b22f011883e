"""Geometry: one 3x3 matrix per image, from input to output.

Coordinates are those of boxes: `x` to the right and `y` down, in pixels, `(0, 0)` the
outer corner of the first pixel, whose centre is at `(0.5, 0.5)`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from domain_core.arrays.operations import Operations

FILL_MODES = ("reflect", "constant", "wrap", "nearest")
INTERPOLATIONS = ("bilinear", "nearest")
# Those of axis-aligned transforms that stay inside.
RESIZE_INTERPOLATIONS = (
    *INTERPOLATIONS,
    *("bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"),
)


@dataclasses.dataclass(frozen=True)
class Transform:
    """How the images of a batch are moved and resampled.

    Attributes:
        matrix: float32 `(B, 3, 3)`, takes `(x, y, 1)` of the input to the output, as
            a homogeneous column.
        size: `(height, width)` of all outputs; None if they are as large as the inputs.
        sizes: float32 `(B, 2)`, heights and widths of the outputs; None for `size`.
        window: float32 `(B, 4)` of whole numbers, left, top, right and bottom of the
            part of the input that is read; fill begins at its edges. None for all.
        fill_mode: what lies outside: "reflect" (the edge is repeated), "wrap",
            "nearest" or "constant".
        fill_value: of the constant.
        interpolation: "bilinear" or "nearest", of the images; where rows stay rows and
            nothing is filled, another of `RESIZE_INTERPOLATIONS`.
        is_exact: whether each pixel of an output is one of the input, as in a flip,
            unless the output is larger.
        is_axis_aligned: whether rows stay rows and columns stay columns.
        stays_inside: whether all of each output comes from within the input.
        inner: float32 `(B, 2)` of whole numbers, height and width of the part of the
            outputs, from the top left, that holds something; the rest is `fill_value`,
            whatever `fill_mode` says about the part. None for all.
        along: 1 if pixels move along x alone, 0 along y alone; None if it is not known.
        is_stretch: whether the window just becomes the output, and is not flipped.
    """

    matrix: Any
    size: tuple[int, int] | None = None
    sizes: Any = None
    window: Any = None
    fill_mode: str = "reflect"
    fill_value: float = 0.0
    interpolation: str = "bilinear"
    is_exact: bool = False
    is_axis_aligned: bool = False
    stays_inside: bool = False
    inner: Any = None
    along: int | None = None
    is_stretch: bool = False

    @property
    def keeps_size(self) -> bool:
        """Whether outputs are as large as inputs."""
        return self.size is None and self.sizes is None

    @property
    def is_flip(self) -> bool:
        """Whether images are flipped at most."""
        exact = self.is_exact and self.is_axis_aligned and self.stays_inside
        return exact and self.keeps_size and self.window is None


def can_fuse(first: Transform, second: Transform) -> bool:
    """Whether one transform does both: what the second fills, the first would too."""
    exact = first.is_exact or second.is_exact
    if first.inner is not None:
        return False
    if second.inner is not None and first.fill_value != second.fill_value:
        return False
    if not {first.interpolation, second.interpolation} <= set(INTERPOLATIONS):
        return False
    if first.interpolation != second.interpolation and not exact:
        return False
    if second.window is not None and not (first.is_exact or second.stays_inside):
        return False
    if first.stays_inside or second.stays_inside:
        return True
    return (first.fill_mode, first.fill_value) == (second.fill_mode, second.fill_value)


def fuse(first: Transform, second: Transform, ops: Operations) -> Transform:
    """Returns the transform that does both, if `can_fuse`."""
    window = first.window
    # Where the first one resamples, what lies beyond the second's window takes part in
    # the pixels at its edge.
    if second.window is not None and first.is_exact:
        back = inverse(first.matrix, ops)
        window = ops.round(move_boxes(second.window[:, None], back, ops)[:, 0])
        if first.window is not None:
            window = ops.concatenate(
                [
                    ops.maximum(window[:, :2], first.window[:, :2]),
                    ops.minimum(window[:, 2:], first.window[:, 2:]),
                ],
                axis=1,
            )
    filling = first if second.stays_inside else second
    resampling = second if first.is_exact else first
    return Transform(
        ops.matmul(second.matrix, first.matrix),
        first.size if second.keeps_size else second.size,
        first.sizes if second.keeps_size else second.sizes,
        window,
        filling.fill_mode,
        filling.fill_value,
        resampling.interpolation,
        first.is_exact and second.is_exact,
        first.is_axis_aligned and second.is_axis_aligned,
        first.stays_inside and second.stays_inside,
        second.inner,
        first.along if first.along == second.along else None,
    )


def as_matrix(rows: Any, ops: Operations) -> Any:
    """Stacks nine arrays `(B,)`, or numbers, into matrices `(B, 3, 3)`.

    Args:
        rows: three rows of three.
        ops: functions of the arrays; one entry at least is an array.
    """
    entries = [entry for row in rows for entry in row]
    zero = next(entry for entry in entries if hasattr(entry, "shape")) * 0.0
    stacked = ops.stack([zero + entry for entry in entries], axis=-1)
    return ops.reshape(stacked, (-1, 3, 3))


def about(matrix: Any, x: Any, y: Any, ops: Operations) -> Any:
    """Returns matrices `(B, 3, 3)` that do what others do about the points `(x, y)`."""
    return ops.matmul(
        translation(x, y, ops), ops.matmul(matrix, translation(-x, -y, ops))
    )


def translation(x: Any, y: Any, ops: Operations) -> Any:
    """Returns matrices that shift by `x` and `y`, `(B,)` in pixels."""
    return as_matrix([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]], ops)


def scaling(x: Any, y: Any, ops: Operations) -> Any:
    """Returns matrices that scale by `x` and `y`, `(B,)`."""
    return as_matrix([[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, 1.0]], ops)


def inverse(matrix: Any, ops: Operations) -> Any:
    """Returns inverse matrices `(B, 3, 3)`, by cofactors."""
    (a, b, c), (d, e, f), (g, h, i) = (
        [matrix[:, row, column] for column in range(3)] for row in range(3)
    )
    cofactors = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    first = cofactors[0][0] * a + cofactors[1][0] * b + cofactors[2][0] * c
    return as_matrix([[entry / first for entry in row] for row in cofactors], ops)


def move_points(points: Any, matrix: Any, ops: Operations) -> Any:
    """Moves points.

    Args:
        points: float32 `(B, N, 2)`, x and y in pixels.
        matrix: float32 `(B, 3, 3)`.
        ops: functions of the arrays.

    Returns:
        Float32 `(B, N, 2)`.
    """
    x, y = points[..., 0], points[..., 1]
    column = [
        matrix[:, row, 0, None] * x
        + matrix[:, row, 1, None] * y
        + matrix[:, row, 2, None]
        for row in range(3)
    ]
    return ops.stack([column[0] / column[2], column[1] / column[2]], axis=-1)


def move_boxes(boxes: Any, matrix: Any, ops: Operations) -> Any:
    """Moves the corners of boxes, and returns the boxes around them.

    Args:
        boxes: float32 `(B, N, 4)`: left, top, right, bottom in pixels.
        matrix: float32 `(B, 3, 3)`.
        ops: functions of the arrays.

    Returns:
        Float32 `(B, N, 4)`; they may reach out of the image.
    """
    left, top, right, bottom = (boxes[..., side] for side in range(4))
    corners = [(left, top), (right, top), (left, bottom), (right, bottom)]
    moved = [move_points(ops.stack(corner, axis=-1), matrix, ops) for corner in corners]
    stacked = ops.stack(moved, axis=-2)  # (B, N, 4 corners, 2)
    return ops.concatenate(
        [ops.min(stacked, axis=-2), ops.max(stacked, axis=-2)], axis=-1
    )
