"""Boxes chosen one by one, the best first, each making those it overlaps less likely.

Keras' functions take five times longer in such a loop than torch's own.
"""

from __future__ import annotations

from typing import Any

import keras

if keras.config.backend() == "torch":
    import torch

    _ops: Any = torch

    def _highest(scores):
        return scores.max(1, keepdim=True)

    def _take(x, places):
        return x.gather(1, places)

    def _loop(step, state, count):
        # A program that is exported can't ask for values.
        in_program = torch.compiler.is_exporting()
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

    Of boxes with equal scores the first is chosen first. Each step costs a pass over
    all boxes, so that time goes with `N` times `count`, and no table of all pairs is
    needed. It ends when no image has a box left.

    Args:
        corners: left, top, right and bottom, float32 `(B, N)` each.
        scores: float32 `(B, N)`; those of 0 and less are not chosen.
        count: how many boxes to choose in each image, `D`.
        iou_threshold: a chosen box removes those whose intersection over union with it
            is larger.
        score_threshold: boxes whose score falls to that are removed.
        soft_sigma: multiplies the scores of other boxes by `exp(-IoU ** 2 / sigma)`
            instead of removing any by `iou_threshold`; None to remove them.
        groups: int32 `(B, N)`, from 0 on: boxes touch those of their group alone. None
            for one group.
        count_per_group: how many boxes to choose in each group; None for as many as
            there are.

    Returns:
        Int32 places `(B, D)`, -1 behind the last, and their scores, 0 there.

    Reference:
        Bodla et al., "Soft-NMS", 2017, https://arxiv.org/abs/1704.04503.
    """
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
        found = (_ops.where(score > 0, best, -1), score)
        if groups is None:
            touched = True
        else:
            group = _take(groups, best)
            touched = groups == group
            found += (group,)
        if soft_sigma is None:
            removed = (inner > iou_threshold * union) & touched
        else:
            overlap = inner / _ops.where(union > 0, union, 1.0)
            factor = _ops.exp(overlap * overlap * (-1.0 / soft_sigma))
            factor = factor if groups is None else _ops.where(touched, factor, 1.0)
            scores = scores * factor
            removed = scores <= score_threshold
        if groups is not None and count_per_group is not None:
            so_far = (chosen[2] == group) & (steps < number)
            is_full = _ops.sum(so_far, axis=1, keepdims=True) + 1 >= count_per_group
            removed = removed | (touched & is_full)
        scores = _ops.where(removed | (places == best), 0.0, scores)
        is_row = steps == number
        return scores, *(
            _ops.where(is_row, value, column)
            for value, column in zip(found, chosen, strict=True)
        )

    # What each step writes into a column: place, score and group.
    empty = keras.ops.zeros_like(scores[:, :1]) + keras.ops.zeros(count, "float32")
    zeros = keras.ops.cast(empty, "int64" if _ops is not keras.ops else "int32")
    chosen = (zeros - 1, empty) if groups is None else (zeros - 1, empty, zeros)
    _, indices, values, *_ = _loop(step, (scores, *chosen), count)
    return keras.ops.cast(indices, "int32"), values
