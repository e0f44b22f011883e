"""Which detections find which true boxes, by the rules of COCO.

For one area range and one threshold of the IoU: the detections of an image and a class
take their turns, the most confident first. Each takes the true box with which it has
the largest IoU among those that are free, if that reaches the threshold. True boxes
that do not count, crowds and those outside the area range, are taken only where no
other can be; a crowd stays free for others. A detection that took one of these does
not count either, nor does one that took none and is outside the area range itself.

Here all (image, class) groups take a step at a time, and all area ranges and
thresholds at once: a pair of these is a *lane*, a bit of a 64-bit word.

Shapes: `N` detections, `G` true boxes, `A` area ranges, `T` thresholds, `W` words of
lanes. Bit `i` of word `w` is the lane `64 * w + i`, which is the area range `lane // T`
and the threshold `lane % T`.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Self

import numpy as np

from domain_core.arrays.operations import NUMPY
from keras_cv.metrics.flat_boxes import Detections, FlatBoxes, GroundTruth

_WORD = 64
# Pairs whose IoU is computed at once: some 100 MB.
_BLOCK = 2**20


@dataclasses.dataclass(frozen=True)
class Criteria:
    """What counts.

    Attributes:
        iou_thresholds: float64 `(T,)`, rising.
        area_ranges: float64 `(A, 2)`, lowest and highest area in square pixels.
        max_detections: of an image and a class, rising.
    """

    iou_thresholds: np.ndarray
    area_ranges: np.ndarray
    max_detections: tuple[int, ...]

    def is_like(self, other: Criteria) -> bool:
        """Whether matches by both can be added up."""
        return all(map(np.array_equal, vars(self).values(), vars(other).values()))


@dataclasses.dataclass(frozen=True)
class Matches:
    """What became of detections and true boxes of some images.

    Attributes:
        classes: int64 `(N,)`, in the order of images.
        confidence: float64 `(N,)`.
        ranks: int64 `(N,)`, number in the order of confidence of an image and a class.
        is_inside: bool `(A, N)`, whether the area is in the range.
        found: uint64 `(W, N)`, lanes in which a true box was taken that counts.
        ignored: uint64 `(W, N)`, lanes in which one was taken that does not count.
        true_classes: int64 `(G,)`.
        true_counts: bool `(A, G)`, whether the true box counts.
    """

    classes: np.ndarray
    confidence: np.ndarray
    ranks: np.ndarray
    is_inside: np.ndarray
    found: np.ndarray
    ignored: np.ndarray
    true_classes: np.ndarray
    true_counts: np.ndarray

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """Returns the matches of several sets of images in this order."""
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        return cls(*(np.concatenate(column, axis=-1) for column in columns))


def match(truth: GroundTruth, detections: Detections, criteria: Criteria) -> Matches:
    """Matches the detections of some images with the true boxes.

    Args:
        truth: boxes of as many images as there are detections of.
        detections: what was found.
        criteria: what counts.
    """
    base = 1 + max(truth.classes.max(initial=0), detections.classes.max(initial=0))
    groups = _groups(detections, base)
    by_confidence = np.argsort(-detections.confidence, kind="stable")
    order = by_confidence[NUMPY.argsort(groups[by_confidence])]
    ranks = places_in_runs(groups[order])
    is_kept = ranks < criteria.max_detections[-1]
    order, ranks = order[is_kept], ranks[is_kept]
    groups, boxes = groups[order], detections.boxes[order]

    true_groups = _groups(truth, base)
    true_order = NUMPY.argsort(true_groups)
    is_crowd = truth.is_crowd[true_order]
    true_counts = _is_inside(truth.area[true_order], criteria) & ~is_crowd
    pairs = _Pairs.of(
        groups,
        boxes,
        true_groups[true_order],
        truth.boxes[true_order],
        is_crowd,
        criteria.iou_thresholds,
    )
    found, ignored = _take_turns(pairs, groups, true_counts, is_crowd)
    return Matches(
        detections.classes[order],
        detections.confidence[order],
        ranks,
        _is_inside(boxes[:, 2] * boxes[:, 3], criteria),
        found,
        ignored,
        truth.classes[true_order],
        true_counts,
    )


def lanes_of(words: np.ndarray, lanes: np.ndarray) -> np.ndarray:
    """Returns some lanes of words `(W, N)`, bool `(lanes, N)`."""
    word, bit = np.divmod(lanes, _WORD)
    return (words[word] >> bit.astype("uint64")[:, None]) & np.uint64(1) > 0


@dataclasses.dataclass(frozen=True)
class _Pairs:
    """Detections and true boxes of the same image and class that overlap enough.

    They are in the order of the detections; those of one detection in the order in
    which it prefers them.

    Attributes:
        detections: int64 `(P,)`.
        truth: int64 `(P,)`.
        reached: int64 `(P,)`, number of thresholds that the IoU reaches.
        thresholds: how many there are.
    """

    detections: np.ndarray
    truth: np.ndarray
    reached: np.ndarray
    thresholds: int

    @classmethod
    def of(
        cls,
        groups: np.ndarray,
        boxes: np.ndarray,
        true_groups: np.ndarray,
        true_boxes: np.ndarray,
        is_crowd: np.ndarray,
        thresholds: np.ndarray,
    ) -> Self:
        """Returns the pairs of detections and true boxes, both sorted by groups."""
        first = np.searchsorted(true_groups, groups, "left")
        counts = np.searchsorted(true_groups, groups, "right") - first
        ends = np.cumsum(counts)
        # COCO's own threshold of 1 is a little lower.
        limits = np.minimum(thresholds, 1 - 1e-10)
        cuts = np.searchsorted(ends, np.arange(_BLOCK, counts.sum(), _BLOCK))
        parts = []
        for start, stop in itertools.pairwise([0, *cuts, len(groups)]):
            chosen = slice(start, stop)
            one = np.repeat(np.arange(start, stop), counts[chosen])
            other = NUMPY.runs(first[chosen], counts[chosen])
            iou = _iou(boxes[one], true_boxes[other], is_crowd[other])
            near = np.flatnonzero(iou >= limits[0])
            parts.append((one[near], other[near], iou[near]))
        one, other, iou = map(np.concatenate, zip(*parts, strict=True))
        # Of equals the last one, as COCO does.
        order = np.lexsort((-other, -iou, one))
        reached = np.searchsorted(limits, iou[order], "right")
        return cls(one[order], other[order], reached, len(thresholds))


def _take_turns(
    pairs: _Pairs, groups: np.ndarray, true_counts: np.ndarray, is_crowd: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns `found` and `ignored` of `Matches`."""
    lane = np.arange(len(true_counts) * pairs.thresholds)
    area, threshold = np.divmod(lane, pairs.thresholds)
    words = []
    for start in range(0, len(lane), _WORD):
        of_word = slice(start, start + _WORD)
        bits = np.uint64(1) << (lane[of_word] - start).astype("uint64")
        wanted = _union(
            bits, threshold[of_word][:, None] < np.arange(pairs.thresholds + 1)
        )[pairs.reached]
        counts = _union(bits, true_counts[area[of_word]])
        words.append(_take_turns_in_word(pairs, groups, wanted, counts, is_crowd))
    found, ignored = zip(*words, strict=True)
    return np.stack(found), np.stack(ignored)


def _take_turns_in_word(
    pairs: _Pairs,
    groups: np.ndarray,
    wanted: np.ndarray,
    counts: np.ndarray,
    is_crowd: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Lets all groups take one turn after another.

    Args:
        pairs: of the detections of all groups.
        groups: that of each detection, `(N,)`.
        wanted: uint64 `(P,)`, lanes in which the IoU of a pair reaches the threshold.
        counts: uint64 `(G,)`, lanes in which a true box counts.
        is_crowd: bool `(G,)`.
    """
    counts_here = counts[pairs.truth]
    # A detection first asks for all that counts, then for all else.
    wishes = np.concatenate([wanted & counts_here, wanted & ~counts_here])
    turns = np.concatenate([2 * pairs.detections, 2 * pairs.detections + 1])
    order = NUMPY.argsort(turns)
    order = order[wishes[order] != 0]
    steps = places_in_runs(groups[turns[order] // 2])
    order = order[NUMPY.argsort(steps)]
    wishes, turns = wishes[order], turns[order]
    who, what = turns // 2, np.tile(pairs.truth, 2)[order]
    stays = np.where(is_crowd, ~np.uint64(0), np.uint64(0))
    free, done = np.full(len(counts), ~np.uint64(0)), np.zeros(len(groups), "uint64")
    won = np.zeros(len(who), "uint64")
    for start, stop in itertools.pairwise([0, *np.cumsum(np.bincount(steps))]):
        one, other = who[start:stop], what[start:stop]
        taken = wishes[start:stop] & free[other] & ~done[one]
        won[start:stop] = taken
        done[one] |= taken
        free[other] &= ~taken | stays[other]
    both = np.zeros(2 * len(groups), "uint64")
    np.bitwise_or.at(both, turns, won)
    return both[::2], both[1::2]


def _union(bits: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Returns the sums of the bits `(L,)` that columns `(L, n)` choose, `(n,)`."""
    return np.bitwise_or.reduce(np.where(chosen, bits[:, None], np.uint64(0)), axis=0)


def _groups(boxes: FlatBoxes, base: int) -> np.ndarray:
    """Returns a number for each image and class."""
    return boxes.images * base + boxes.classes


def places_in_runs(values: np.ndarray) -> np.ndarray:
    """Returns places within runs of equal values: `[7, 7, 9]` gives `[0, 1, 0]`."""
    places = np.arange(len(values))
    is_first = np.ones(len(values), bool)
    is_first[1:] = values[1:] != values[:-1]
    return places - np.maximum.accumulate(np.where(is_first, places, 0))


def _is_inside(area: np.ndarray, criteria: Criteria) -> np.ndarray:
    """Returns whether areas are in each range, bool `(A, n)`."""
    low, high = criteria.area_ranges.T[..., None]
    return (low <= area) & (area <= high)


def _iou(boxes: np.ndarray, true_boxes: np.ndarray, is_crowd: np.ndarray) -> np.ndarray:
    """Returns the IoU of pairs; of a crowd the part of the detection that is in it.

    In the operations of COCO, in their order: thresholds are reached by a hair.
    """
    left, top, width, height = boxes.T
    true_left, true_top, true_width, true_height = true_boxes.T
    wide = np.minimum(left + width, true_left + true_width)
    wide = np.maximum(wide - np.maximum(left, true_left), 0)
    high = np.minimum(top + height, true_top + true_height)
    high = np.maximum(high - np.maximum(top, true_top), 0)
    inner, area = wide * high, width * height
    union = np.where(is_crowd, area, area + true_width * true_height - inner)
    return inner / np.where(inner > 0, union, 1)
