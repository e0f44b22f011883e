"""Images with their boxes drawn on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from domain_core.arguments import as_positive_int, is_finite
from keras_cv.visualization.drawing import Boxes, as_color, as_names, draw, label_of
from keras_cv.visualization.samples import boxes_of, take_samples, to_uint8


def draw_bounding_boxes(
    images: Any,
    bounding_boxes: Any,
    color: Any,
    bounding_box_format: str,
    line_thickness: int = 1,
    text_thickness: int = 1,
    font_scale: float = 1.0,
    class_mapping: Mapping[int, str] | Sequence[str] | None = None,
    *,
    value_range: Sequence[float] = (0, 255),
) -> Any:
    """Draws boxes with their classes and confidences.

    A label stands above its box, or where it covers no other: inside, at the right,
    below. Boxes of the class -1 are padding and left out.

    Args:
        images: `(B, H, W, C)`, arrays or tensors, with 1, 3 or 4 channels, or a list of
            images of different sizes.
        bounding_boxes: dict of "boxes" `(B, N, 4)`, "classes" `(B, N)` and, if there is
            any, "confidence" `(B, N)`; or a list with such a dict for each image.
        color: (red, green, blue) from 0 to 255.
        bounding_box_format: see `convert_format`.
        line_thickness: of the boxes, in pixels.
        text_thickness: of the strokes of letters: 1 is normal, 2 bold.
        font_scale: 1 for a font of 13 pixels.
        class_mapping: names by class; others go by their number.
        value_range: lowest and highest value of the images.

    Returns:
        uint8 `(B, H, W, 3)`; a list of arrays if sizes differ.

    Raises:
        ValueError: if images are no batch, or boxes do not fit to them.
    """
    if not isinstance(images, list | tuple) and len(getattr(images, "shape", ())) != 4:
        raise ValueError(
            "Expected `images` of shape (batch, height, width, channels), received "
            f"{tuple(getattr(images, 'shape', ()))}. Add the axis: `images[None]`."
        )
    arrays, _ = take_samples(images)
    rgb = as_color(color, "color")
    style = as_style(line_thickness, text_thickness, font_scale)
    names = as_names(class_mapping, "class_mapping")
    found = boxes_of(bounding_boxes, bounding_box_format, arrays, "bounding_boxes")
    drawn = [
        draw(to_uint8(image, value_range), [kind_of(item, names, rgb)], *style)
        for image, item in zip(arrays, found, strict=True)
    ]
    return np.stack(drawn) if len({x.shape for x in drawn}) == 1 else drawn


def kind_of(
    item: dict[str, np.ndarray], names: Mapping[int, str], color: tuple[int, int, int]
) -> Boxes:
    """Returns the boxes of an image with their labels."""
    confidences = item.get("confidence", [None] * len(item["boxes"]))
    labels = [
        label_of(int(number), confidence, names)
        for number, confidence in zip(item["classes"], confidences, strict=True)
    ]
    return Boxes(item["boxes"], labels, color)


def as_style(
    line_thickness: Any, text_thickness: Any, font_scale: Any
) -> tuple[int, int, float]:
    """Returns how to draw.

    Raises:
        ValueError: if one of these is no positive number.
    """
    if not is_finite(font_scale) or not 0 < font_scale < 100:
        raise ValueError(
            f"Expected `font_scale` to be a number above 0, received {font_scale!r}."
        )
    return (
        as_positive_int("line_thickness", line_thickness),
        as_positive_int("text_thickness", text_thickness),
        float(font_scale),
    )
