"""Images of rectangles and discs, with the boxes around them."""

from __future__ import annotations

from typing import Any

import numpy as np

SHAPES = ("rectangle", "disc")


def draw_shapes(
    count: int,
    size: int = 64,
    *,
    seed: int = 0,
    objects: tuple[int, int] = (1, 2),
    sides: tuple[float, float] = (0.35, 0.5),
) -> tuple[np.ndarray, dict[str, list[np.ndarray]]]:
    """Draws shapes that hardly overlap on a dark, noisy ground.

    Args:
        count: number of images.
        size: height and width in pixels.
        seed: of all that is drawn at random.
        objects: smallest and largest number of shapes per image.
        sides: smallest and largest side of a shape, as a fraction of the image's.

    Returns:
        Images, uint8 `(count, size, size, 3)`; and a dict with "boxes", "xyxy" in
        pixels, and "classes", numbers in `SHAPES`: lists of an array for each image.
    """
    draw = np.random.default_rng(seed)
    images = draw.integers(0, 60, (count, size, size, 3)).astype("uint8")
    y, x = np.mgrid[:size, :size] + 0.5
    boxes: list[Any] = []
    classes: list[Any] = []
    for image in images:
        taken = np.zeros((size, size), bool)
        rows: list[list[int]] = []
        labels: list[int] = []
        wanted = int(draw.integers(objects[0], objects[1] + 1))
        for _ in range(50 * wanted):
            if len(rows) == wanted:
                break
            width, height = (draw.uniform(*sides, 2) * size).astype(int)
            left = int(draw.integers(0, size - width + 1))
            top = int(draw.integers(0, size - height + 1))
            label = int(draw.integers(len(SHAPES)))
            right, bottom = left + width, top + height
            if taken[top:bottom, left:right].any():
                continue
            taken[top:bottom, left:right] = True
            inside = (x > left) & (x < right) & (y > top) & (y < bottom)
            if SHAPES[label] == "disc":
                inside = ((x - (left + right) / 2) / (width / 2)) ** 2 + (
                    (y - (top + bottom) / 2) / (height / 2)
                ) ** 2 < 1
            image[inside] = draw.integers(120, 256, 3)
            rows.append([left, top, right, bottom])
            labels.append(label)
        boxes.append(np.array(rows, "float32").reshape(-1, 4))
        classes.append(np.array(labels, "int32"))
    return images, {"boxes": boxes, "classes": classes}
