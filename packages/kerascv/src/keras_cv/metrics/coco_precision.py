"""Average precision and recall from matches, for each class.

Shapes: `N` detections, `K` classes with true boxes, `A` area ranges, `T` thresholds,
`M` limits of detections.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from domain_core.arrays.operations import NUMPY
from keras_cv.metrics.coco_matching import (
    Criteria,
    Matches,
    lanes_of,
    places_in_runs,
)

# Precision is read off at these.
_RECALLS = np.linspace(0.0, 1.0, 101)


@dataclasses.dataclass(frozen=True)
class Scores:
    """Precision and recall.

    Attributes:
        classes: int64 `(K,)`, those with true boxes.
        counts: int64 `(A, K)`, how many of these count.
        precision: float64 `(A, T, K)`, the average over recalls; 0 without boxes.
        recall: float64 `(M, A, T, K)`, likewise.
    """

    classes: np.ndarray
    counts: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


def score(matches: Matches, criteria: Criteria) -> Scores:
    """Computes precision and recall.

    Args:
        matches: of all images.
        criteria: by which they were made.
    """
    classes, true_places = np.unique(matches.true_classes, return_inverse=True)
    shape = (len(criteria.iou_thresholds), len(classes))
    counts = np.stack(
        [
            np.bincount(true_places[row], minlength=shape[1])
            for row in matches.true_counts
        ]
    )
    # Detections of classes that no image has do not count.
    places = np.searchsorted(classes, matches.classes)
    known = np.flatnonzero(np.append(classes, -1)[places] == matches.classes)
    order = known[np.argsort(-matches.confidence[known], kind="stable")]
    order = order[NUMPY.argsort(places[order])]
    places = places[order]
    # Of what took no true box in any lane only the number matters.
    busy = np.flatnonzero((matches.found | matches.ignored).any(axis=0)[order])
    found, ignored = (x[:, order[busy]] for x in (matches.found, matches.ignored))
    ranks = matches.ranks[order[busy]]
    precision = np.zeros((len(counts), *shape))
    recall = np.zeros((len(criteria.max_detections), len(counts), *shape))
    for area, count in enumerate(counts):
        lanes = area * shape[0] + np.arange(shape[0])
        hits, strays = lanes_of(found, lanes), lanes_of(ignored, lanes)  # (T, S)
        is_inside = matches.is_inside[area, order]
        # All inside count, but for these, and for hits outside.
        change = hits.astype("int8") * ~is_inside[busy] - strays * is_inside[busy]
        seen = _total_in_class(is_inside, places, shape[1])[busy]
        seen = seen + _total_in_class(change, places[busy], shape[1])
        threshold, place = np.nonzero(hits)
        row = threshold * shape[1] + places[busy][place]  # of precision[area]
        number = places_in_runs(row) + 1
        precision[area] = _average_precision(
            number / seen[threshold, place],
            number / count[row % shape[1]],
            row,
            shape,
        )
        for limit, most in enumerate(criteria.max_detections):
            found_by = np.bincount(row[ranks[place] < most], minlength=np.prod(shape))
            recall[limit, area] = found_by.reshape(shape) / np.maximum(count, 1)
    return Scores(classes, counts, precision, recall)


def _total_in_class(values: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    """Returns running sums of values `(..., n)` that start anew with each class."""
    total = np.zeros((*values.shape[:-1], values.shape[-1] + 1), "int64")
    np.cumsum(values, axis=-1, out=total[..., 1:])
    first = np.searchsorted(places, np.arange(count))
    return total[..., 1:] - total[..., first][..., places]


def _average_precision(
    precision: np.ndarray, recall: np.ndarray, row: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Returns the mean over recalls of the best precision at that recall or above.

    Args:
        precision: at each hit.
        recall: likewise.
        row: place of its threshold and class in an array of the shape.
        shape: `(T, K)`.
    """
    best = np.zeros((*shape, len(_RECALLS)))
    # Where a recall lies between two of these, it counts for the lower one.
    column = np.searchsorted(_RECALLS, recall, "right") - 1
    np.maximum.at(best.reshape(-1), row * len(_RECALLS) + column, precision)
    return np.maximum.accumulate(best[..., ::-1], axis=-1).mean(axis=-1)
