"""Of boxes around the same thing, the one with the highest score.

Shapes: `B` images, `A` boxes, `C` classes, `D` detections.
"""

from __future__ import annotations

from typing import Any

from domain_core.arguments import as_fraction, as_positive_int, is_finite
from domain_core.arrays.operations import KERAS as ops
from domain_core.arrays.operations import as_float
from domain_core.ops import pick_boxes, top_k
from keras_cv.bounding_box import rows
from keras_cv.bounding_box.formats import parse, to_corners

# Areas of boxes up to here are finite in float32.
_FURTHEST = 1e15


def non_max_suppression(
    boxes: Any,
    scores: Any,
    *,
    bounding_box_format: str,
    max_detections: int,
    iou_threshold: float = 0.5,
    confidence_threshold: float = 0.0,
    classes: Any = None,
    max_detections_per_class: int | None = None,
    soft_sigma: float | None = None,
    max_candidates: int | None = None,
) -> dict[str, Any]:
    """Chooses boxes by score, and drops those that overlap a chosen one.

    This is greedy non-max suppression, exactly: of equal scores the first comes first,
    of one box in several classes the lowest class. Shapes are static, so that it can be
    compiled on all backends. Scores that are NaN count as 0, and boxes that are padding
    (-1 alone), infinite or no numbers are never chosen. Gradients reach the boxes that
    are returned, and nothing else.

    Args:
        boxes: `(B, A, 4)`.
        scores: `(B, A)`; or `(B, A, C)`, where a box is a candidate in each class, and
            only boxes of one class suppress each other.
        bounding_box_format: see `convert_format`. The size of the image is not needed
            for relative ones.
        max_detections: how many boxes to return for each image, `D`.
        iou_threshold: boxes are dropped if their intersection over union with a chosen
            box is larger, in [0, 1].
        confidence_threshold: only boxes with a higher score are chosen, in [0, 1].
        classes: int `(B, A)`, with scores `(B, A)`: boxes of other classes do not
            suppress each other. None if they do.
        max_detections_per_class: how many boxes of a class to choose; None for no
            limit. It needs `classes`, or scores `(B, A, C)`.
        soft_sigma: of soft suppression, which drops no box by `iou_threshold`, but
            multiplies scores by `exp(-IoU ** 2 / soft_sigma)`; the paper has 0.5.
            `soft_nms_sigma` of TensorFlow is half of it. None for hard suppression.
        max_candidates: how many candidates, those with the highest scores, take part:
            a bound of the time where thousands overlap. The result is the same unless
            fewer than `max_detections` are left of them. None for all.

    Returns:
        Dict of tensors, with -1 in rows of padding: "idx" int32 `(B, D)`, the places in
        `boxes`; "boxes" `(B, D, 4)`; "confidence" float32 `(B, D)`, the scores after
        soft suppression; "classes" int32 `(B, D)` where there are any; and
        "num_detections" int32 `(B,)`.

    Raises:
        ValueError: if an argument is out of range, or shapes do not fit.

    Reference:
        Bodla et al., "Soft-NMS", 2017, https://arxiv.org/abs/1704.04503.

    Example:
        >>> boxes = np.array([[[0, 0, 4, 4], [0, 0, 4, 3], [5, 5, 9, 9]]], "float32")
        >>> found = keras_cv.bounding_box.non_max_suppression(
        ...     boxes, np.array([[0.6, 0.8, 0.7]]), bounding_box_format="xyxy",
        ...     max_detections=3)
        >>> keras.ops.convert_to_numpy(found["idx"]).tolist()
        [[1, 2, -1]]
    """
    format = parse(bounding_box_format)
    options: dict[str, Any] = {
        "iou_threshold": as_fraction("iou_threshold", iou_threshold),
        "score_threshold": as_fraction("confidence_threshold", confidence_threshold),
        "soft_sigma": as_sigma(soft_sigma),
        "count_per_group": as_limit(
            "max_detections_per_class", max_detections_per_class
        ),
    }
    max_detections = as_positive_int("max_detections", max_detections)
    max_candidates = as_limit("max_candidates", max_candidates)
    boxes, scores = (ops.convert_to_tensor(x) for x in (boxes, scores))
    class_count = _check_shapes(boxes, scores, classes, max_detections_per_class)
    boxes = as_float(boxes, ops)
    if boxes.shape[1] == 0:
        boxes, scores, classes = (
            None if x is None else _with_a_row(x) for x in (boxes, scores, classes)
        )
    columns, is_box = _corners(boxes, format)
    scores = ops.cast(ops.stop_gradient(scores), "float32")
    if class_count:
        is_box = is_box[..., None]
    # NaN is not higher than the threshold.
    is_candidate = ops.logical_and(is_box, scores > options["score_threshold"])
    scores = ops.where(is_candidate, scores, 0.0)

    # Candidates are boxes or, with an axis of classes, pairs of a box and a class.
    per_box = class_count or 1
    if class_count:
        scores = ops.reshape(scores, (-1, ops.shape(boxes)[1] * per_box))
    candidates, size = None, scores.shape[1]
    if max_candidates is not None and isinstance(size, int) and max_candidates < size:
        scores, candidates = top_k(scores, max_candidates)
    elif class_count:
        candidates = ops.zeros_like(scores, dtype="int32") + ops.arange(
            ops.shape(scores)[1], dtype="int32"
        )
    groups = None if classes is None else ops.cast(classes, "int32")
    if candidates is not None:
        columns = [_take(x, candidates // per_box) for x in columns]
        if class_count:
            groups = candidates % per_box
        elif groups is not None:
            groups = _take(groups, candidates)

    chosen, confidence = pick_boxes(
        tuple(columns), scores, max_detections, groups=groups, **options
    )
    is_found = chosen >= 0  # (B, D)
    chosen = ops.maximum(chosen, 0)
    places = chosen if candidates is None else _take(candidates, chosen) // per_box
    outputs = {"idx": places, "boxes": boxes, "confidence": confidence}
    outputs["boxes"] = ops.take_along_axis(boxes, places[..., None], axis=1)
    if groups is not None:
        outputs["classes"] = _take(groups, chosen)
    outputs = {
        name: rows.as_padding(values, is_found, ops) for name, values in outputs.items()
    }
    count = ops.sum(ops.cast(is_found, "int32"), axis=1)
    return {**outputs, "num_detections": count}


def as_sigma(value: Any) -> float | None:
    """Returns a number above zero, or None.

    Raises:
        ValueError: if it is neither.
    """
    if value is not None and not (is_finite(value) and value > 0):
        raise ValueError(
            "Expected `soft_sigma` to be a number above 0, or None for hard "
            f"suppression; received {value!r:.200}."
        )
    return None if value is None else float(value)


def as_limit(name: str, value: Any) -> int | None:
    """Returns a positive integer, or None for no limit.

    Raises:
        ValueError: if it is neither.
    """
    return None if value is None else as_positive_int(name, value)


def _check_shapes(boxes: Any, scores: Any, classes: Any, limit: Any) -> int:
    """Returns the number of classes that scores have an axis for, or 0."""
    shape = tuple(scores.shape)
    fits = (
        len(boxes.shape) == 3
        and boxes.shape[2] == 4
        and len(shape) in (2, 3)
        and all(
            a == b or None in (a, b)
            for a, b in zip(boxes.shape[:2], shape[:2], strict=True)
        )
    )
    if not fits:
        raise ValueError(
            "Expected boxes `(B, A, 4)` and scores `(B, A)` or `(B, A, C)`, received "
            f"the shapes {tuple(boxes.shape)} and {shape}. A single image is a batch "
            "of one."
        )
    class_count = shape[2] if len(shape) == 3 else 0
    if classes is not None and (class_count or tuple(classes.shape) != shape):
        raise ValueError(
            "Expected `classes` `(B, A)` beside scores `(B, A)`, received the shapes "
            f"{tuple(classes.shape)} and {shape}."
        )
    if limit is not None and classes is None and not class_count:
        raise ValueError(
            "Expected `classes`, or scores `(B, A, C)`, for `max_detections_per_class`;"
            " received none."
        )
    return class_count


def _corners(boxes: Any, format: Any) -> tuple[list[Any], Any]:
    """Returns corners of finite areas `(B, A)` each, and which boxes are any."""
    is_box = ops.logical_and(
        ops.all(ops.isfinite(boxes), axis=-1),
        ops.logical_not(rows.is_filled(boxes, ops)),
    )
    boxes = ops.where(is_box[..., None], ops.stop_gradient(boxes), 0.0)
    corners = [
        ops.cast(ops.clip(x, -_FURTHEST, _FURTHEST), "float32")
        for x in to_corners(boxes, format, None)
    ]
    return corners, is_box


def _with_a_row(values: Any) -> Any:
    """Appends a row of zeros, for there must be something to choose from."""
    widths = [(0, 1) if axis == 1 else (0, 0) for axis in range(len(values.shape))]
    return ops.pad(values, widths)


def _take(values: Any, places: Any) -> Any:
    return ops.take_along_axis(values, places, axis=1)
