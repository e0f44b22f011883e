"""Boxes chosen one by one, the best first, each making those it overlaps less likely.

Keras' functions take five times longer in such a loop than torch's own.
"""

from __future__ import annotations

from typing import Any

import keras

from domain_core.arrays.operations import KERAS
from domain_core.ops.is_exporting import is_exporting
from domain_core.ops.top_k import top_k

# So many boxes, or so many for each that is chosen, are looked at first: mostly enough,
# and up to ten times faster than all anchors of an image.
_FIRST, _FIRST_PER_CHOICE = 1024, 4

if keras.config.backend() == "torch":
    import torch

    _ops: Any = torch

    def _highest(scores):
        return scores.max(1, keepdim=True)

    def _take(x, places):
        return x.gather(1, places.to(torch.int64))

    def _loop(step, state, count):
        found: list[tuple[Any, ...]] = []
        # A program that is exported can't ask for values.
        while len(found) < count and (
            is_exporting(state[0]) or bool((state[0] > 0).any())
        ):
            found.append(state[:2])
            state = step(*state)
        none = tuple(torch.zeros_like(x) for x in state[:2])
        found += [none] * (count - len(found))
        scores, places = zip(*found, strict=True)
        return torch.cat(scores, 1), torch.cat(places, 1)

else:
    _ops = KERAS

    def _highest(scores):
        # XLA makes vector code of these two, but not of `argmax`: four times as fast.
        size = KERAS.shape(scores)[1]
        score = KERAS.max(scores, axis=1, keepdims=True)
        places = KERAS.arange(size, dtype="int32")
        places = KERAS.where(scores == score, places, size)
        return score, KERAS.min(places, axis=1, keepdims=True)

    def _take(x, places):
        return KERAS.take_along_axis(x, places, axis=1)

    def _loop(step, state, count):
        steps = KERAS.arange(count, dtype="int32")

        def is_more(number, scores, places, score, *others):
            return KERAS.any(score > 0)

        def body(number, scores, places, score, place, *others):
            is_now = steps == number
            return (
                number + 1,
                KERAS.where(is_now, score, scores),
                KERAS.where(is_now, place, places),
                *step(score, place, *others),
            )

        scores, places = (
            KERAS.zeros_like(x) + KERAS.zeros(count, x.dtype) for x in state[:2]
        )
        start = KERAS.convert_to_tensor(0, "int32")
        return KERAS.while_loop(
            is_more, body, (start, scores, places, *state), maximum_iterations=count
        )[1:3]


def pick_boxes(
    corners: tuple[Any, Any, Any, Any],
    scores: Any,
    count: int,
    *,
    iou_threshold: float,
    score_threshold: float = 0.0,
    soft_sigma: float | None = None,
    groups: Any = None,
    count_per_group: int | None = None,
) -> tuple[Any, Any]:
    """Chooses boxes as greedy non-max suppression does, of several images at once.

    Of boxes with equal scores the first is chosen first. A choice costs one pass over
    the boxes, so that time goes with their number times `count`, and there is no table
    of pairs. Those with the highest scores are looked at first, and all others only
    where they could have been chosen, too.

    Args:
        corners: left, top, right and bottom, float32 `(B, N)` each, with finite areas.
        scores: float32 `(B, N)`; those of 0 and less are not chosen.
        count: how many boxes to choose in each image, `D`.
        iou_threshold: a chosen box removes those whose intersection over union with it
            is larger.
        score_threshold: boxes whose score falls to that are removed.
        soft_sigma: multiplies the scores of other boxes by `exp(-IoU ** 2 / sigma)`
            instead of removing any by `iou_threshold`; None to remove them.
        groups: int32 `(B, N)`: boxes touch those of their group alone. None for one
            group.
        count_per_group: how many boxes to choose in each group; None for as many as
            there are.

    Returns:
        Int32 places `(B, D)`, -1 behind the last, and their scores, 0 there.

    Reference:
        Bodla et al., "Soft-NMS", 2017, https://arxiv.org/abs/1704.04503.
    """
    columns = [*corners] if groups is None else [*corners, groups]

    def pick(columns: Any, scores: Any) -> tuple[Any, Any]:
        return _pick(
            tuple(columns[:4]),
            columns[4] if len(columns) > 4 else None,
            scores,
            count,
            iou_threshold,
            score_threshold,
            soft_sigma,
            count_per_group,
        )

    first = max(_FIRST, _FIRST_PER_CHOICE * count)
    if is_exporting(scores) or (scores.shape[1] or 0) < 2 * first:
        return pick(columns, scores)
    best, candidates = top_k(scores, first)
    places, values = pick([_take(column, candidates) for column in columns], best)
    chosen = _take(candidates, KERAS.maximum(places, 0))
    places = _ops.where(places < 0, -1, chosen)
    # Not a slice of `best`: XLA would sort all scores then, forty times as long.
    others = KERAS.min(best, axis=1, keepdims=True)
    lacks = (others > 0) & (values[:, -1:] < others)  # (B, 1)
    of_all = pick(columns, _ops.where(lacks, scores, 0.0))
    return _ops.where(lacks, of_all[0], places), _ops.where(lacks, of_all[1], values)


def _pick(
    corners: Any,
    groups: Any,
    scores: Any,
    count: int,
    iou_threshold: float,
    score_threshold: float,
    soft_sigma: float | None,
    count_per_group: int | None,
) -> tuple[Any, Any]:
    left, top, right, bottom = corners
    area = _ops.relu(right - left) * _ops.relu(bottom - top)
    numbers = KERAS.arange(KERAS.shape(scores)[1], dtype="int32")

    def step(score: Any, place: Any, scores: Any, taken: Any = None) -> tuple[Any, ...]:
        box = [_take(column, place) for column in (*corners, area)]  # (B, 1) each
        width = _ops.minimum(right, box[2]) - _ops.maximum(left, box[0])
        height = _ops.minimum(bottom, box[3]) - _ops.maximum(top, box[1])
        inner = _ops.relu(width) * _ops.relu(height)
        union = area + box[4] - inner
        touched = None if groups is None else groups == _take(groups, place)
        if soft_sigma is None:
            removed = inner > iou_threshold * union
            if touched is not None:
                removed = removed & touched
        else:
            overlap = inner / _ops.where(union > 0, union, 1.0)
            factor = _ops.exp(overlap * overlap * (-1.0 / soft_sigma))
            if touched is not None:
                factor = _ops.where(touched, factor, 1.0)
            scores = scores * factor
            removed = scores <= score_threshold
        if taken is not None:
            taken = _ops.where(touched, taken + 1, taken)
            removed = removed | (taken >= count_per_group)
        scores = _ops.where(removed | (numbers == place), 0.0, scores)
        more = () if taken is None else (taken,)
        return *_highest(scores), scores, *more

    # How many boxes of its group are chosen, for each box.
    more: tuple[Any, ...] = ()
    if groups is not None and count_per_group is not None:
        more = (KERAS.zeros_like(groups),)
    values, places = _loop(step, (*_highest(scores), scores, *more), count)
    places = _ops.where(values > 0, places, -1)
    return KERAS.cast(places, "int32"), values
