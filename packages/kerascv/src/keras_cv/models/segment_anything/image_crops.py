"""Where to look in an image: crops of it, and points in each.

Boxes are left, top, right and bottom in pixels; the last two are the first outside.
"""

from __future__ import annotations

import math

import numpy as np

Box = tuple[int, int, int, int]
# In pixels: a mask that ends so close to the edge of a crop was cut there, probably.
_EDGE = 20


def point_grid(points_per_side: int) -> np.ndarray:
    """Returns the centres of equal cells of a unit square, row by row, `(P, 2)`."""
    places = (np.arange(points_per_side) + 0.5) / points_per_side
    return np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)


def crop_boxes(
    image_size: tuple[int, int], layers: int, overlap_ratio: float
) -> list[tuple[int, Box]]:
    """Returns the parts of an image to look at, each with its layer.

    Layer 0 is the whole image, layer `n` has `2 ** n` crops a side.

    Args:
        image_size: height and width.
        layers: number of layers after the first.
        overlap_ratio: overlap of the crops of layer 1 as a share of the image's shorter
            side; that of each layer after is half of the one before.
    """
    height, width = image_size
    boxes: list[tuple[int, Box]] = [(0, (0, 0, width, height))]
    for layer in range(1, layers + 1):
        count = 2**layer
        overlap = int(overlap_ratio * min(image_size) * 2 / count)
        rows, columns = (_cuts(size, count, overlap) for size in image_size)
        boxes += [
            (layer, (left, top, right, bottom))
            for left, right in columns
            for top, bottom in rows
        ]
    return boxes


def is_cut(box: Box, crop: Box, image_size: tuple[int, int]) -> bool:
    """Whether a mask ends at an edge of its crop that is not one of the image."""
    height, width = image_size
    return any(
        abs(side - edge) <= _EDGE and abs(side - end) > _EDGE
        for side, edge, end in zip(
            last_pixels(box), crop, (0, 0, width, height), strict=True
        )
    )


def last_pixels(box: Box) -> Box:
    """Returns a box whose right and bottom are the last pixels inside.

    The original code has such, and decides with them what is close and what the same.
    """
    left, top, right, bottom = box
    return left, top, right - 1, bottom - 1


def _cuts(size: int, count: int, overlap: int) -> list[tuple[int, int]]:
    """Returns where the crops along a side start and end."""
    length = math.ceil((overlap * (count - 1) + size) / count)
    starts = [(length - overlap) * i for i in range(count)]
    # The last of many crops of a few pixels might be outside.
    return [(start, min(start + length, size)) for start in starts if start < size]
