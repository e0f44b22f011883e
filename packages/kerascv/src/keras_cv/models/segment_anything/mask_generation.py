"""Masks of all that is in an image: those of a grid of points, and which of them stay.

Nothing here knows a model: it takes a function that looks at a part of an image.

Shapes: `P` points; `K` masks of a point; `M` masks; `H` and `W` size of a part of an
image; `h` and `w` size of masks as a model gives them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from domain_core.arguments import (
    as_finite,
    as_fraction,
    as_positive,
    as_positive_int,
    is_finite,
)
from keras_cv.bounding_box import compute_iou
from keras_cv.models.segment_anything.image_crops import (
    Box,
    crop_boxes,
    is_cut,
    last_pixels,
    point_grid,
)
from keras_cv.models.segment_anything.packed_mask import PackedMask

_MOST_LAYERS = 5  # of which the last has 1024 crops


class View(NamedTuple):
    """What a model sees in a part of an image.

    Args:
        decode: from points `(P, 2)`, x and y in pixels of this part, to logits
            `(P, K, h, w)` and scores `(P, K)`.
        enlarge: from logits `(h, w)` to float32 `(H, W)`.
    """

    decode: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    enlarge: Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskGenerator:
    """Finds masks of all objects of an image, as the paper's code does.

    Of each crop, the first of which is the whole image, a model is asked for the masks
    of a grid of points. Those stay whose score and stability are high enough, and which
    do not end where a crop was cut; of several with almost the same box the one with
    the highest score, and of different crops the one of the smallest crop.

    Masks are enlarged one by one, and kept as bits.

    Args: see `SegmentAnything.generate_masks`.

    Raises:
        ValueError: if one is out of range.
    """

    points_per_side: int
    points_per_batch: int
    pred_iou_thresh: float
    stability_score_thresh: float
    stability_score_offset: float
    box_nms_thresh: float
    crop_n_layers: int
    crop_nms_thresh: float
    crop_overlap_ratio: float
    crop_n_points_downscale_factor: float
    min_mask_region_area: float

    def __post_init__(self) -> None:
        as_positive_int("points_per_side", self.points_per_side)
        as_positive_int("points_per_batch", self.points_per_batch)
        as_finite("pred_iou_thresh", self.pred_iou_thresh)
        as_fraction("stability_score_thresh", self.stability_score_thresh)
        as_positive("stability_score_offset", self.stability_score_offset)
        as_fraction("box_nms_thresh", self.box_nms_thresh)
        if self.crop_n_layers != 0:
            as_positive_int("crop_n_layers", self.crop_n_layers, at_most=_MOST_LAYERS)
        as_fraction("crop_nms_thresh", self.crop_nms_thresh)
        as_fraction("crop_overlap_ratio", self.crop_overlap_ratio)
        factor = self.crop_n_points_downscale_factor
        _check_at_least("crop_n_points_downscale_factor", factor, 1)
        _check_at_least("min_mask_region_area", self.min_mask_region_area, 0)

    def generate(
        self, image_size: tuple[int, int], look: Callable[[Box], View]
    ) -> dict[str, np.ndarray]:
        """Returns the masks of an image, see `SegmentAnything.generate_masks`.

        Args:
            image_size: its height and width.
            look: from a part of the image to what a model sees there.
        """
        crops = crop_boxes(image_size, self.crop_n_layers, self.crop_overlap_ratio)
        found: list[_Found] = []
        for layer, crop in crops:
            of_crop = self._search(layer, crop, image_size, look(crop))
            scores = [one.score for one in of_crop]
            found += _without_doubles(of_crop, scores, self.box_nms_thresh)
        if len(crops) > 1:
            sizes = [-one.crop_area for one in found]
            found = _without_doubles(found, sizes, self.crop_nms_thresh)
        if self.min_mask_region_area > 0:
            found = self._cleaned(found, image_size)
        found.sort(key=lambda one: -one.score)
        return _as_arrays(found, image_size)

    def _search(
        self, layer: int, crop: Box, image_size: tuple[int, int], view: View
    ) -> list[_Found]:
        """Returns masks of a crop that are good enough, of all points of its grid."""
        left, top, right, bottom = crop
        width, height = right - left, bottom - top
        number = int(self.points_per_side / self.crop_n_points_downscale_factor**layer)
        grid = point_grid(max(number, 1)) * (width, height)
        found = []
        for start in range(0, len(grid), self.points_per_batch):
            points = grid[start : start + self.points_per_batch]
            masks, scores = view.decode(points)
            for i, k in np.argwhere(scores > self.pred_iou_thresh):
                logits = view.enlarge(masks[i, k])
                stability = self._stability(logits)
                if stability < self.stability_score_thresh:
                    continue
                mask = PackedMask.pack((logits > 0).view("uint8"), left, top)
                if mask.area and not is_cut(mask.box, crop, image_size):
                    point = points[i] + (left, top)
                    score = float(scores[i, k])
                    found.append(_Found(mask, score, stability, point, width * height))
        return found

    def _stability(self, logits: np.ndarray) -> float:
        """Returns the overlap of the masks of a higher and of a lower threshold."""
        larger = int(np.count_nonzero(logits > -self.stability_score_offset))
        smaller = int(np.count_nonzero(logits > self.stability_score_offset))
        return smaller / max(larger, 1)

    def _cleaned(
        self, found: Sequence[_Found], image_size: tuple[int, int]
    ) -> list[_Found]:
        """Returns masks without small regions, rather those that never had any."""
        cleaned = [
            dataclasses.replace(
                one, mask=one.mask.cleaned(image_size, self.min_mask_region_area)
            )
            for one in found
        ]
        unchanged = [
            float(a.mask is b.mask) for a, b in zip(found, cleaned, strict=True)
        ]
        threshold = max(self.box_nms_thresh, self.crop_nms_thresh)
        return _without_doubles(cleaned, unchanged, threshold)


@dataclasses.dataclass(frozen=True)
class _Found:
    """A mask, what a model thinks of it, the point that it is of, and where that is."""

    mask: PackedMask
    score: float
    stability_score: float
    point: np.ndarray
    crop_area: int


def _check_at_least(name: str, value: float, least: float) -> None:
    if not is_finite(value) or value < least:
        raise ValueError(
            f"Expected `{name}` to be a number of at least {least}, received "
            f"{value!r:.200}."
        )


def _without_doubles(
    found: Sequence[_Found], ranks: Sequence[float], iou_threshold: float
) -> list[_Found]:
    """Returns, by rank, masks whose box is not almost that of one before."""
    boxes = np.array([last_pixels(one.mask.box) for one in found], "float32")
    order = np.argsort(-np.asarray(ranks), kind="stable")
    chosen = []
    while len(order):
        best, order = order[0], order[1:]
        chosen.append(found[best])
        overlaps = compute_iou(boxes[best, None], boxes[order], "xyxy")[0]
        order = order[overlaps <= iou_threshold]
    return chosen


def _as_arrays(
    found: Sequence[_Found], image_size: tuple[int, int]
) -> dict[str, np.ndarray]:
    masks = np.zeros((len(found), *image_size), "bool")
    for target, one in zip(masks, found, strict=True):
        one.mask.draw(target)
    boxes = np.array([one.mask.box for one in found], "float32")
    points = np.array([one.point for one in found], "float32")
    return {
        "masks": masks,
        "scores": np.array([one.score for one in found], "float32"),
        "stability_scores": np.array([one.stability_score for one in found], "float32"),
        "boxes": boxes.reshape(-1, 4),
        "areas": np.array([one.mask.area for one in found], "int64"),
        "points": points.reshape(-1, 2),
    }
