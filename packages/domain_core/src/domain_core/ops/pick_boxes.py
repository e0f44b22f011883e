"""Boxes chosen one by one, the best first, each making those it overlaps less likely.

Keras' functions take five times longer in such a loop than torch's own.
"""

from __future__ import annotations

from typing import Any

import keras

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
        in_program = is_exporting(state[0])
        for number in range(count):
            if not in_program and not bool((state[0] > 0).any()):
                break
            state = step(number, *state)
        return state

else:
    _ops = keras.ops

    def _highest(scores):
        # XLA makes vector code of these two, but not of `argmax`: four times as fast.
        size = keras.ops.shape(scores)[1]
        score = keras.ops.max(scores, axis=1, keepdims=True)
        places = keras.ops.arange(size, dtype="int32")
        places = keras.ops.where(scores == score, places, size)
        return score, keras.ops.min(places, axis=1, keepdims=True)

    def _take(x, places):
        return keras.ops.take_along_axis(x, places, axis=1)

    def _loop(step, state, count):
        def is_more(number, scores, *chosen):
            return keras.ops.any(scores > 0)

        def body(number, *state):
            return number + 1, *step(number, *state)

        start = keras.ops.convert_to_tensor(0, "int32")
        return keras.ops.while_loop(
            is_more, body, (start, *state), maximum_iterations=count
        )[1:]


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
            scores,
            count,
            iou_threshold,
            score_threshold,
            soft_sigma,
            columns[4] if len(columns) > 4 else None,
            count_per_group,
        )

    first = max(_FIRST, _FIRST_PER_CHOICE * count)
    if (scores.shape[1] or 0) < 2 * first or is_exporting(scores):
        return pick(columns, scores)
    best, places = top_k(scores, first)
    chosen, values = pick([_take(column, places) for column in columns], best)
    chosen = _ops.where(chosen < 0, -1, _take(places, keras.ops.maximum(chosen, 0)))
    # Not a slice of `best`: XLA would sort all scores then, forty times as long.
    others = keras.ops.min(best, axis=1, keepdims=True)
    lacks = (others > 0) & (values[:, -1:] < others)  # (B, 1)
    all_chosen, all_values = pick(columns, _ops.where(lacks, scores, 0.0))
    return _ops.where(lacks, all_chosen, chosen), _ops.where(lacks, all_values, values)


def _pick(
    corners: Any,
    scores: Any,
    count: int,
    iou_threshold: float,
    score_threshold: float,
    soft_sigma: float | None,
    groups: Any,
    count_per_group: int | None,
) -> tuple[Any, Any]:
    left, top, right, bottom = corners
    area = _ops.relu(right - left) * _ops.relu(bottom - top)
    places = keras.ops.arange(keras.ops.shape(scores)[1], dtype="int32")
    steps = keras.ops.arange(count, dtype="int32")

    def step(number: Any, scores: Any, *chosen: Any) -> tuple[Any, ...]:
        score, best = _highest(scores)  # (B, 1)
        box = [_take(column, best) for column in (*corners, area)]
        width = _ops.minimum(right, box[2]) - _ops.maximum(left, box[0])
        height = _ops.minimum(bottom, box[3]) - _ops.maximum(top, box[1])
        inner = _ops.relu(width) * _ops.relu(height)
        union = area + box[4] - inner
        found: tuple[Any, ...] = (_ops.where(score > 0, best, -1), score)
        touched: Any = True
        if groups is not None:
            group = _take(groups, best)
            touched = groups == group
            found += (group,)
        if soft_sigma is None:
            removed = (inner > iou_threshold * union) & touched
        else:
            overlap = inner / _ops.where(union > 0, union, 1.0)
            factor = _ops.exp(overlap * overlap * (-1.0 / soft_sigma))
            if groups is not None:
                factor = _ops.where(touched, factor, 1.0)
            scores = scores * factor
            removed = scores <= score_threshold
        if groups is not None and count_per_group is not None:
            earlier = (chosen[2] == group) & (steps < number)
            is_full = _ops.sum(earlier, axis=1, keepdims=True) + 1 >= count_per_group
            removed = removed | (touched & is_full)
        scores = _ops.where(removed | (places == best), 0.0, scores)
        is_row = steps == number
        return scores, *(
            _ops.where(is_row, value, column)
            for value, column in zip(found, chosen, strict=True)
        )

    # Columns to which each step adds: places, scores and groups.
    values = keras.ops.zeros_like(scores[:, :1]) + keras.ops.zeros(count, "float32")
    zeros = keras.ops.cast(values, "int32")  # (B, D)
    chosen = (zeros - 1, values, *([] if groups is None else [zeros]))
    _, indices, values, *_ = _loop(step, (scores, *chosen), count)
    return keras.ops.cast(indices, "int32"), values
