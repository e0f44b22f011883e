"""Images with masks of objects on them, and with what pointed the objects out.

Shapes: `B` images, `P` masks of an image, which is objects; `N` points on each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from domain_core.arguments import as_fraction, as_positive, as_positive_int
from domain_core.pipeline.samples import as_numpy, is_scalar
from keras_cv.visualization.drawing import Boxes, draw
from keras_cv.visualization.mask_painting import paint_masks, paint_points
from keras_cv.visualization.plot_segmentation_mask_gallery import palette
from keras_cv.visualization.samples import take_samples, to_uint8

# Longer side of an image, in pixels, for a line of one pixel and a font of 13.
_LINE_SIDE, _FONT_SIDE = 400, 800


def draw_masks(
    images: Any,
    masks: Any,
    *,
    points: Any = None,
    labels: Any = None,
    boxes: Any = None,
    scores: Any = None,
    value_range: Sequence[float] = (0, 255),
    opacity: float = 0.45,
    line_thickness: int | None = None,
    font_scale: float | None = None,
) -> Any:
    """Draws masks as tinted glass with an edge, and the prompts that they answer.

    Each object has a color, which its box and its score have too; small masks lie on
    large ones. A point of an object is a green star, one of the background a red disc.

    Args:
        images: one image `(H, W, C)` with 1, 3 or 4 channels, an array or tensor; or
            several, `(B, H, W, C)` or a list.
        masks: of one image bool or logits `(P, H, W)`, or `(H, W)` for one object, true
            or above 0 where the object is; or a dict of such as "masks", which
            `SegmentAnything.predict` and `generate_masks` return. None for no masks. Of
            several images a list of such, as of all that follows.
        points: of one image x and y in its pixels, in any form that
            `SegmentAnything.predict` takes.
        labels: of the points, as many: 1 for the object, 0 for the background; -1 for
            those that are left out. None for 1.
        boxes: of one image `(P, 4)` or `(4,)`: left, top, right, bottom in its pixels.
        scores: of one image `(P,)`, written at boxes or masks; True for "scores" of the
            dict that masks come in.
        value_range: lowest and highest value of the images.
        opacity: of a mask, from 0 to 1.
        line_thickness: of edges and boxes, in pixels; None for one that suits the
            image's size. Points are as large as it says.
        font_scale: 1 for a font of 13 pixels; None for one that suits the image's size.

    Returns:
        uint8 `(H, W, 3)`; for several images `(B, H, W, 3)`, a list of arrays if sizes
        differ.

    Raises:
        ValueError: if masks or prompts do not fit to their image.

    Example:
        >>> mask = np.zeros((60, 80), bool)
        >>> mask[20:40, 30:60] = True
        >>> image = np.full((60, 80, 3), 100, "uint8")
        >>> drawn = keras_cv.visualization.draw_masks(image, mask, points=[45, 30])
        >>> drawn.shape
        (60, 80, 3)
    """
    is_single = not isinstance(images, list | tuple) and np.ndim(images) == 3
    arrays, _ = take_samples(images)
    alpha = as_fraction("opacity", opacity)
    if line_thickness is not None:
        as_positive_int("line_thickness", line_thickness)
    if font_scale is not None:
        as_positive("font_scale", font_scale)
    given = {"masks": masks, "points": points, "labels": labels, "boxes": boxes}
    given["scores"] = scores
    each = [
        _one(image, item, "" if is_single else f" of image {number}")
        for number, (image, item) in enumerate(
            zip(arrays, _per_image(given, len(arrays), is_single), strict=True)
        )
    ]
    drawn = [
        _drawn(to_uint8(image, value_range), item, alpha, line_thickness, font_scale)
        for image, item in zip(arrays, each, strict=True)
    ]
    if is_single:
        return drawn[0]
    return np.stack(drawn) if len({x.shape for x in drawn}) == 1 else drawn


def _per_image(
    given: Mapping[str, Any], count: int, is_single: bool
) -> list[dict[str, Any]]:
    """Returns what is there of each image."""
    found: list[dict[str, Any]] = [{} for _ in range(count)]
    for key, value in given.items():
        if value is None:
            continue
        if is_single or value is True:
            values = [value] * count
        elif isinstance(value, Mapping) or not hasattr(value, "__len__"):
            raise ValueError(
                f"Expected `{key}` as a list of {count}, one for each image, received "
                f"{type(value).__name__}."
            )
        else:
            values = value
        if len(values) != count:
            raise ValueError(
                f"Expected `{key}` for {count} images, received {len(values)}."
            )
        for target, one in zip(found, values, strict=True):
            if one is not None:
                target[key] = one
    return found


def _one(image: np.ndarray, given: dict[str, Any], name: str) -> dict[str, np.ndarray]:
    """Checks what is to be drawn on an image."""
    masks, scores = given.get("masks"), given.get("scores")
    if isinstance(masks, Mapping):
        if scores is True:
            scores = masks.get("scores")
        if "masks" not in masks:
            raise ValueError(
                f'Expected `masks`{name} as an array, or a dict with "masks", received '
                f"one of {sorted(map(str, masks))}."
            )
        masks = masks["masks"]
    if scores is True:
        raise ValueError(
            f"Expected scores{name} beside the masks for `scores=True`, in a dict of "
            '"masks" and "scores", received none. Pass the scores themselves.'
        )
    height, width = image.shape[:2]
    found: dict[str, np.ndarray] = {}
    masks = np.zeros((0, height, width)) if masks is None else as_numpy(masks)
    found["masks"] = (masks[None] if masks.ndim == 2 else masks) > 0
    if found["masks"].ndim != 3 or found["masks"].shape[1:] != (height, width):
        raise ValueError(
            f"Expected masks{name} of the shape (objects, {height}, {width}), or "
            f"without the first axis for one object, received {masks.shape}. Of the "
            'three masks of output="all" choose one, or draw `masks[0]`.'
        )
    found["points"] = _flat(given.get("points"), 2, f"points{name}")
    found["labels"] = np.ones(len(found["points"]))
    if "labels" in given:
        found["labels"] = _flat(given["labels"], 1)[:, 0]
    if len(found["labels"]) != len(found["points"]):
        raise ValueError(
            f"Expected a label for each of {len(found['points'])} points{name}, "
            f"received {len(found['labels'])}."
        )
    found["boxes"] = _flat(given.get("boxes"), 4, f"boxes{name}")
    if scores is not None:
        found["scores"] = _flat(scores, 1)[:, 0]
        objects = len(found["masks"]) or len(found["boxes"])
        if len(found["scores"]) != objects:
            raise ValueError(
                f"Expected a score for each of {objects} objects{name}, received "
                f"{len(found['scores'])}."
            )
    return found


def _flat(values: Any, size: int, name: str = "") -> np.ndarray:
    """Returns rows of numbers, of lists of any depth and of different lengths."""
    if values is None or (isinstance(values, list | tuple) and not values):
        return np.zeros((0, size), "float32")
    if isinstance(values, list | tuple) and not is_scalar(values[0]):
        return np.concatenate([_flat(x, size, name) for x in values])
    array = as_numpy(values).astype("float32")
    if size > 1 and array.shape[-1:] != (size,):
        raise ValueError(
            f"Expected {name} of {size} numbers each, received the shape {array.shape}."
        )
    return array.reshape(-1, size)


def _drawn(
    image: np.ndarray,
    given: dict[str, np.ndarray],
    opacity: float,
    line_thickness: int | None,
    font_scale: float | None,
) -> np.ndarray:
    masks, boxes = given["masks"], given["boxes"]
    longer = max(image.shape[:2])
    thickness = line_thickness or max(round(longer / _LINE_SIDE), 1)
    # The first color is black, for the background.
    colors = palette(max(len(masks), len(boxes)) + 1)[1:]
    image = paint_masks(image, masks, colors, opacity, thickness)
    image = paint_points(image, given["points"], given["labels"], thickness)
    texts = [f"{score:.2f}" for score in given.get("scores", ())]
    kinds = []
    for number, color in enumerate(colors):
        is_boxed = number < len(boxes)
        box = boxes[number] if is_boxed else _around(masks[number])
        text = texts[number] if number < len(texts) else ""
        if box is not None:
            rgb = (int(color[0]), int(color[1]), int(color[2]))
            kinds.append(Boxes(box[None], [text], rgb, is_outlined=is_boxed))
    return draw(image, kinds, thickness, 1, font_scale or max(longer / _FONT_SIDE, 1))


def _around(mask: np.ndarray) -> np.ndarray | None:
    """Returns the box around a mask, None if that is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
