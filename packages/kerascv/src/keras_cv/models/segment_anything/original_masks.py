"""Masks of a model's size to those of the images as they came."""

from __future__ import annotations

import numpy as np


def original_masks(
    logits: np.ndarray, image_size: tuple[int, int], placement: np.ndarray
) -> np.ndarray:
    """Resizes masks as the images were resized, back.

    They are enlarged to the size that the model took, what was filled up is cut away,
    and the rest is brought to the size of the image: bilinearly each time, as the
    original code does it, which in one step would differ at edges.

    Args:
        logits: float32 `(K, 4 * h, 4 * w)`.
        image_size: height and width of the images that the model takes.
        placement: `(6,)` of the image, see `SegmentAnythingPreprocessor.convert`.

    Returns:
        Float32 `(K, H, W)`.
    """
    import cv2

    scale_x, scale_y, left, top = (float(x) for x in placement[:4])
    height, width = (int(x) for x in placement[4:])
    rows = slice(round(top), round(top) + round(height * scale_y))
    columns = slice(round(left), round(left) + round(width * scale_x))
    found = np.empty((len(logits), height, width), "float32")
    for target, mask in zip(found, logits.astype("float32", copy=False), strict=True):
        whole = cv2.resize(mask, image_size[::-1], interpolation=cv2.INTER_LINEAR)
        cv2.resize(
            whole[rows, columns],
            (width, height),
            dst=target,
            interpolation=cv2.INTER_LINEAR,
        )
    return found
