"""Boxes and their labels on one image, so that they can be read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Color = tuple[int, int, int]
_FONT_PIXELS = 13
_GAP = 2  # pixels around the text of a label


@dataclasses.dataclass(frozen=True)
class Boxes:
    """Boxes of one kind on one image.

    Attributes:
        boxes: float `(N, 4)`, xyxy in pixels.
        labels: text of each, "" for none.
        color: red, green and blue from 0 to 255.
        is_outlined: whether boxes are drawn; if not, only labels are.
    """

    boxes: np.ndarray
    labels: Sequence[str]
    color: Color
    is_outlined: bool = True


def draw(
    image: np.ndarray,
    kinds: Sequence[Boxes],
    line_thickness: int,
    text_thickness: int,
    font_scale: float,
) -> np.ndarray:
    """Returns a copy of an image with boxes, and above all of these their labels.

    Args:
        image: uint8 `(H, W, 3)`.
        kinds: boxes, those in front last.
        line_thickness: of the boxes, in pixels.
        text_thickness: of the strokes of letters, 1 is normal, 2 is bold.
        font_scale: 1 for a font of 13 pixels.
    """
    from PIL import Image, ImageDraw, ImageFont

    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    size = max(round(_FONT_PIXELS * font_scale), 1)
    font = ImageFont.load_default(size)
    stroke = (text_thickness - 1) / 2
    for kind in kinds:
        for box in kind.boxes if kind.is_outlined else ():
            _draw_box(pen, box, kind.color, line_thickness, image.shape)
    taken: list[tuple[int, int, int, int]] = []
    for kind in kinds:
        for box, label in zip(kind.boxes, kind.labels, strict=True):
            if label:
                _draw_label(
                    pen, box, label, kind.color, font, stroke, image.shape, taken
                )
    return np.array(canvas)


def label_of(number: int, confidence: float | None, names: Mapping[int, str]) -> str:
    """Returns "name" or "name | 0.87"; a class without a name goes by its number."""
    name = str(names.get(number, number))
    return name if confidence is None else f"{name} | {confidence:.2f}"


def as_names(mapping: Any, name: str) -> Mapping[int, str]:
    """Returns names by class.

    Raises:
        ValueError: if it is neither a dict nor a list of names.
    """
    if mapping is None:
        return {}
    if isinstance(mapping, Mapping):
        return mapping
    if isinstance(mapping, list | tuple):
        return dict(enumerate(mapping))
    raise ValueError(
        f"Expected `{name}` as a dict from classes to names, or a list of names; "
        f"received {mapping!r:.200}."
    )


def as_color(color: Any, name: str) -> Color:
    """Returns red, green and blue.

    Raises:
        ValueError: if it is no color.
    """
    try:
        red, green, blue = (int(value) for value in color)
    except (TypeError, ValueError):
        red = green = blue = -1
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        raise ValueError(
            f"Expected `{name}` as (red, green, blue) from 0 to 255, received "
            f"{color!r:.200}."
        )
    return red, green, blue


def on(color: Color) -> Color:
    """Returns black or white, whichever is easier to read on a color."""
    red, green, blue = color
    is_light = 0.299 * red + 0.587 * green + 0.114 * blue > 128
    return (0, 0, 0) if is_light else (255, 255, 255)


def _draw_box(
    pen: Any, box: np.ndarray, color: Color, thickness: int, shape: tuple[int, ...]
) -> None:
    """Draws a box with a dark rim, which tells it from an image of its own color."""
    height, width = shape[:2]
    left, top, right, bottom = _pixels(box, width, height)
    if right < left or bottom < top:
        return
    if thickness > 1:
        outer = (left - 1, top - 1, right + 1, bottom + 1)
        pen.rectangle(outer, outline=(0, 0, 0), width=1)
    if thickness > 2 and min(right - left, bottom - top) > 2 * thickness:
        first, last = thickness, -thickness
        inner = (left + first, top + first, right + last, bottom + last)
        pen.rectangle(inner, outline=(0, 0, 0), width=1)
    pen.rectangle((left, top, right, bottom), outline=color, width=thickness)


def _pixels(box: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    """Returns the first and the last pixels, in or just outside the image."""
    left, top, right, bottom = (
        int(np.clip(round(float(value)), -9, limit + 9))
        for value, limit in zip(box, (width, height, width, height), strict=True)
    )
    return left, top, right - 1, bottom - 1


def _draw_label(
    pen: Any,
    box: np.ndarray,
    label: str,
    color: Color,
    font: Any,
    stroke: float,
    shape: tuple[int, ...],
    taken: list[tuple[int, int, int, int]],
) -> None:
    height, width = shape[:2]
    left, top, right, bottom = _pixels(box, width, height)
    first_x, first_y, last_x, last_y = pen.textbbox(
        (0, 0), label, font=font, stroke_width=stroke
    )
    # As high as any text in this font, so that labels of a row are alike.
    ascent, descent = font.getmetrics()
    wide, high = round(last_x - first_x) + 2 * _GAP + 1, ascent + descent + _GAP
    columns = (left, right - wide + 1, (left + right - wide) // 2)
    # Above and inside come first.
    lines = (top - high, top, bottom + 1, bottom - high + 1, (top + bottom - high) // 2)
    places = [(x, y) for y in lines for x in columns]
    corners = [
        (max(min(x, width - wide), 0), y) for x, y in places if 0 <= y <= height - high
    ]
    corners = corners or [(max(min(left, width - wide), 0), 0)]
    areas = [(x, y, x + wide, y + high) for x, y in corners]
    area = min(areas, key=lambda one: sum(_overlap(one, other) for other in taken))
    taken.append(area)
    x, y = area[:2]
    pen.rectangle((x, y, area[2] - 1, area[3] - 1), fill=color)
    pen.text(
        (x + _GAP - first_x, y + _GAP / 2),
        label,
        fill=on(color),
        font=font,
        stroke_width=stroke,
    )


def _overlap(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0) * max(high, 0)
