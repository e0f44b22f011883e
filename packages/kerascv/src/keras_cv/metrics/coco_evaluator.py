"""COCO's numbers of a detector, collected batch by batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from domain_core.arguments import as_fraction, as_positive_int, is_finite
from keras_cv.bounding_box.formats import parse
from keras_cv.metrics.coco_matching import Criteria, Matches, match
from keras_cv.metrics.coco_precision import score
from keras_cv.metrics.flat_boxes import read_detections, read_ground_truth

AreaRanges = Mapping[str, tuple[float, float]]
ClassNames = Mapping[int, str] | Sequence[str]

# In square pixels, and the largest area that COCO has.
_LARGEST = 1e5**2
_AREA_RANGES = {
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, _LARGEST),
}
# Each has a number of its own, where it is among the thresholds.
_SINGLE_THRESHOLDS = (0.5, 0.75)
# Where no object has to be found.
_NONE = -1.0


class COCOEvaluator:
    """Collects what a detector finds and computes COCO's numbers from it.

    Each batch is matched when it comes, and only what became of each detection is kept,
    about 50 bytes. Evaluators of parts of the data, filled by several processes, can
    be pickled and merged. See `coco_metrics` for what is computed.

    Args:
        bounding_box_format: see `coco_metrics`.
        iou_thresholds: likewise.
        area_ranges: likewise.
        max_detections: likewise.

    Raises:
        ValueError: if an argument makes no sense.

    Example:
        >>> evaluator = keras_cv.metrics.COCOEvaluator("xyxy")
        >>> boxes = {"boxes": [[[0, 0, 9, 9]]], "classes": [[1]]}
        >>> evaluator.update_state(boxes, {**boxes, "confidence": [[0.8]]})
        >>> evaluator.update_state(boxes, {**boxes, "confidence": [[-1]]})
        >>> round(evaluator.result()["MaP"], 3)
        0.505
    """

    def __init__(
        self,
        bounding_box_format: str,
        *,
        iou_thresholds: Sequence[float] | None = None,
        area_ranges: AreaRanges | None = None,
        max_detections: Sequence[int] = (1, 10, 100),
    ) -> None:
        parse(bounding_box_format)
        self.bounding_box_format = bounding_box_format
        ranges = _AREA_RANGES if area_ranges is None else _as_ranges(area_ranges)
        self._area_names = list(ranges)
        self._criteria = Criteria(
            np.linspace(0.5, 0.95, 10)
            if iou_thresholds is None
            else _as_thresholds(iou_thresholds),
            np.array([(0.0, _LARGEST), *ranges.values()]),
            _as_limits(max_detections),
        )
        self._parts: list[Matches] = []

    def update_state(
        self, y_true: Any, y_pred: Any, *, image_shape: Any = None
    ) -> None:
        """Adds a batch of images; its arguments are those of `coco_metrics`."""
        truth = read_ground_truth(y_true, self.bounding_box_format, image_shape)
        found = read_detections(y_pred, self.bounding_box_format, image_shape)
        if truth.image_count != found.image_count:
            raise ValueError(
                "Expected `y_true` and `y_pred` of the same images, received "
                f"{truth.image_count} and {found.image_count} of them."
            )
        self._parts.append(match(truth, found, self._criteria))

    def merge_state(self, evaluators: Iterable[Self]) -> None:
        """Adds what other evaluators have collected, from other images.

        Args:
            evaluators: constructed like this one.

        Raises:
            ValueError: if one is not.
        """
        for other in evaluators:
            if not (
                isinstance(other, COCOEvaluator)
                and other._area_names == self._area_names
                and other._criteria.is_like(self._criteria)
            ):
                raise ValueError(
                    "Expected evaluators with the same thresholds, area ranges and "
                    f"limits, received {other!r:.200} with others."
                )
            self._parts.extend(other._parts)

    def reset_state(self) -> None:
        """Drops all that was collected."""
        self._parts = []

    def names(self) -> list[str]:
        """Returns the keys of `result`, but for those of classes."""
        limits = self._criteria.max_detections
        areas = [f"area={name}" for name in self._area_names]
        return [
            "MaP",
            *(f"MaP@[IoU={percent:g}]" for percent, _ in self._singles()),
            *(f"MaP@[{area}]" for area in areas),
            *(f"Recall@[max_detections={limit}]" for limit in limits),
            *(f"Recall@[{area}]" for area in areas),
        ]

    def result(
        self, *, per_class: bool = False, class_names: ClassNames | None = None
    ) -> dict[str, float]:
        """Returns COCO's numbers of all images so far; see `coco_metrics`.

        Args:
            per_class: see `coco_metrics`.
            class_names: likewise.
        """
        if not self._parts:
            return dict.fromkeys(self.names(), _NONE)
        # Joined once: the next result starts from here.
        self._parts = [Matches.joined(self._parts)]
        scores = score(self._parts[0], self._criteria)
        everything, *areas = range(len(scores.counts))
        is_there = scores.counts > 0

        def mean(values: np.ndarray, area: int = everything) -> float:
            """Averages over classes that have boxes of such an area, `(..., K)`."""
            chosen = values[..., is_there[area]]
            return float(chosen.mean()) if chosen.size else _NONE

        precision, recall = scores.precision, scores.recall
        values = [
            mean(precision[everything]),
            *(mean(precision[everything, place]) for _, place in self._singles()),
            *(mean(precision[area], area) for area in areas),
            *(mean(recall[limit, everything]) for limit in range(len(recall))),
            *(mean(recall[-1, area], area) for area in areas),
        ]
        result = dict(zip(self.names(), values, strict=True))
        if not per_class:
            return result
        names = _as_names(class_names)
        for place in np.flatnonzero(is_there[everything]):
            number = int(scores.classes[place])
            key = f"class={names.get(number, number)}"
            of_class = precision[everything, :, place]
            result[f"MaP@[{key}]"] = float(of_class.mean())
            for percent, threshold in self._singles()[:1]:
                result[f"MaP@[{key}, IoU={percent:g}]"] = float(of_class[threshold])
        return result

    def _singles(self) -> list[tuple[float, int]]:
        """Returns thresholds with a number of their own: per cent, and their place."""
        close = np.isclose(
            self._criteria.iou_thresholds, np.array(_SINGLE_THRESHOLDS)[:, None]
        )
        return [
            (100 * threshold, int(row.argmax()))
            for threshold, row in zip(_SINGLE_THRESHOLDS, close, strict=True)
            if row.any()
        ]


def _as_thresholds(thresholds: Sequence[float]) -> np.ndarray:
    values = np.array([as_fraction("iou_thresholds", value) for value in thresholds])
    if not len(values) or values[0] <= 0 or not (np.diff(values) > 0).all():
        raise ValueError(
            "Expected `iou_thresholds` above 0, each larger than the one before, such "
            f"as (0.5, 0.75); received {thresholds!r:.200}."
        )
    return values


def _as_ranges(ranges: AreaRanges) -> AreaRanges:
    for name, limits in ranges.items():
        is_pair = isinstance(limits, Sequence | np.ndarray) and len(limits) == 2
        if not is_pair or not all(map(is_finite, limits)) or limits[0] > limits[1]:
            raise ValueError(
                "Expected `area_ranges` as a dict from names to the smallest and the "
                f"largest area in square pixels, received {limits!r:.200} of {name!r}."
            )
    return ranges


def _as_limits(limits: Sequence[int]) -> tuple[int, ...]:
    values = tuple(as_positive_int("max_detections", value) for value in limits)
    if not values or any(a >= b for a, b in itertools.pairwise(values)):
        raise ValueError(
            "Expected `max_detections` as numbers, each larger than the one before, "
            f"such as (1, 10, 100); received {limits!r:.200}."
        )
    return values


def _as_names(names: ClassNames | None) -> Mapping[int, str]:
    if names is None:
        return {}
    return names if isinstance(names, Mapping) else dict(enumerate(names))
