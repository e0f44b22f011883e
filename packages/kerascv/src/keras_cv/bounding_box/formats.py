"""How four numbers say where a box is.

All conversions go by way of `xyxy`: left, top, right, bottom in pixels.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from domain_core.arrays.operations import Operations

_RELATIVE = "rel_"
# Of each format: the kind of its numbers, and the place of x, y, width (or right) and
# height (or bottom) among them.
_LAYOUTS = {
    "xyxy": ("corners", (0, 1, 2, 3)),
    "yxyx": ("corners", (1, 0, 3, 2)),
    "xywh": ("size", (0, 1, 2, 3)),
    "center_xywh": ("center", (0, 1, 2, 3)),
    "center_yxhw": ("center", (1, 0, 3, 2)),
}
Corners = tuple[Any, Any, Any, Any]  # left, top, right, bottom
FORMATS = (*_LAYOUTS, *(_RELATIVE + name for name in _LAYOUTS))


@dataclasses.dataclass(frozen=True)
class Format:
    """A format, taken apart.

    Attributes:
        kind: "corners", "size" (left, top, width, height) or "center".
        order: places of the two x and y numbers.
        is_relative: whether the numbers are fractions of the image's width and height.
    """

    kind: str
    order: tuple[int, int, int, int]
    is_relative: bool


def parse(name: str) -> Format:
    """Takes the name of a format apart; capitals do not matter.

    Raises:
        ValueError: if there is none of that name.
    """
    lowered = name.lower() if isinstance(name, str) else ""
    if lowered not in FORMATS:
        raise ValueError(
            f"Expected a bounding box format, one of {', '.join(FORMATS)}; received "
            f"{name!r}."
        )
    kind, order = _LAYOUTS[lowered.removeprefix(_RELATIVE)]
    return Format(kind, order, lowered.startswith(_RELATIVE))


def is_relative(bounding_box_format: str) -> bool:
    """Whether the numbers of a format are fractions of the image's width and height.

    Args:
        bounding_box_format: name of a format, such as "rel_xyxy".

    Raises:
        ValueError: if there is none of that name.
    """
    return parse(bounding_box_format).is_relative


def as_relative(bounding_box_format: str) -> str:
    """Returns the name of the relative form of a format.

    Args:
        bounding_box_format: name of a format, relative or not.

    Raises:
        ValueError: if there is none of that name.
    """
    parse(bounding_box_format)
    return _RELATIVE + bounding_box_format.lower().removeprefix(_RELATIVE)


def to_xyxy(boxes: Any, format: Format, scale: Any, ops: Operations) -> Any:
    """Converts boxes to pixels of the corners.

    Args:
        boxes: float `(..., 4)`.
        format: theirs.
        scale: float that broadcasts to `(..., 2)`: width and height in pixels. None
            leaves relative numbers relative.
        ops: functions of the arrays.

    Returns:
        Float `(..., 4)`.
    """
    return ops.stack(to_corners(boxes, format, scale), axis=-1)


def from_xyxy(boxes: Any, format: Format, scale: Any, ops: Operations) -> Any:
    """Converts boxes from pixels of the corners; see `to_xyxy`."""
    corners = tuple(boxes[..., i] for i in range(4))
    return ops.stack(from_corners(corners, format, scale), axis=-1)


def to_corners(boxes: Any, format: Format, scale: Any) -> Corners:
    """Returns left, top, right and bottom `(...)` of boxes; see `to_xyxy`.

    Whole columns of numbers are several times as fast in NumPy as pairs are.
    """
    x, y, second_x, second_y = (boxes[..., i] for i in format.order)
    if format.is_relative and scale is not None:
        width, height = scale[..., 0], scale[..., 1]
        x, second_x = x * width, second_x * width
        y, second_y = y * height, second_y * height
    if format.kind == "corners":
        return x, y, second_x, second_y
    if format.kind == "center":
        x, y = x - second_x / 2, y - second_y / 2
    return x, y, x + second_x, y + second_y


def from_corners(corners: Corners, format: Format, scale: Any) -> list[Any]:
    """Returns the four numbers `(...)` of a format from corners; see `to_xyxy`."""
    x, y, second_x, second_y = corners
    if format.kind == "center":
        x, y = (x + second_x) / 2, (y + second_y) / 2
    if format.kind != "corners":
        second_x, second_y = second_x - corners[0], second_y - corners[1]
    if format.is_relative and scale is not None:
        width, height = scale[..., 0], scale[..., 1]
        x, second_x = x / width, second_x / width
        y, second_y = y / height, second_y / height
    numbers = x, y, second_x, second_y
    # The order is its own inverse.
    return [numbers[i] for i in format.order]
