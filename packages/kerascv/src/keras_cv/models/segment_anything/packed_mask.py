"""Masks that take little memory, and the cleaning of masks."""

from __future__ import annotations

import dataclasses
from typing import Self

import numpy as np

from keras_cv.models.segment_anything.image_crops import Box


@dataclasses.dataclass(frozen=True)
class PackedMask:
    """A mask as the bits of its box.

    Args:
        box: the smallest around all pixels that are set, in the whole image.
        bits: of the pixels of the box, eight in a byte.
        area: number of pixels that are set.
    """

    box: Box
    bits: np.ndarray
    area: int

    @classmethod
    def pack(cls, pixels: np.ndarray, left: int = 0, top: int = 0) -> Self:
        """Packs pixels.

        Args:
            pixels: uint8 `(H, W)`, of a part of the image; set where they are not 0.
            left: where this part begins.
            top: likewise.
        """
        import cv2

        x, y, width, height = cv2.boundingRect(pixels)
        inside = pixels[y : y + height, x : x + width]
        return cls(
            (left + x, top + y, left + x + width, top + y + height),
            np.packbits(inside),
            int(np.count_nonzero(inside)),
        )

    def draw(self, target: np.ndarray) -> None:
        """Writes the pixels of the box to an array `(H, W)`."""
        left, top, right, bottom = self.box
        height, width = bottom - top, right - left
        pixels = np.unpackbits(self.bits, count=height * width)
        target[top:bottom, left:right] = pixels.reshape(height, width)

    def cleaned(self, image_size: tuple[int, int], least_area: float) -> Self:
        """Returns the mask without small holes and islands; itself if there are none.

        Args:
            image_size: height and width.
            least_area: see `clean_regions`.
        """
        pixels = np.zeros(image_size, "uint8")
        self.draw(pixels)
        return self.pack(pixels) if clean_regions(pixels, least_area) else self


def clean_regions(mask: np.ndarray, least_area: float) -> bool:
    """Fills small holes of a mask and then removes small islands, in place.

    The largest island stays, however small it is.

    Args:
        mask: uint8 `(H, W)` of 0 and 1.
        least_area: in pixels, of a region that stays.

    Returns:
        Whether there was a small region.
    """
    import cv2

    is_changed = False
    for value in (0, 1):
        _, labels, stats, _ = cv2.connectedComponentsWithStats(
            (mask == value).astype("uint8"), connectivity=8
        )
        areas = stats[1:, cv2.CC_STAT_AREA]  # the first is all of the other value
        is_small = areas < least_area
        if not is_small.any():
            continue
        is_changed = True
        if value and is_small.all():
            is_small[areas.argmax()] = False
        mask[np.append(False, is_small)[labels]] = 1 - value
    return is_changed
