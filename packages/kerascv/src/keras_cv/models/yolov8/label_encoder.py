"""Which cell of a feature map is to find which box: the task-aligned assigner.

Shapes: `B` images, `N` boxes, `A` anchors, `C` classes.
"""

from __future__ import annotations

from typing import Any

import keras

from domain_core.arguments import as_positive_int
from domain_core.arrays.operations import KERAS as ops
from domain_core.ops import top_k
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.bounding_box.compute_ciou import ciou_of, diagonal_angle
from keras_cv.losses.base import as_number


@serializable("kerascv>yolov8")
class LabelEncoder(RemembersArguments, keras.layers.Layer):
    """Matches each box with the anchors that predict its class and place best.

    An anchor is the center of a cell. It aligns with a box around it by `score ** alpha
    * CIoU ** beta`, of the score that it gives to the box's class and the complete
    intersection over union of the box that it predicts; a CIoU below 0 counts as 0. A
    box takes the `max_anchor_matches` anchors that align best; an anchor that several
    boxes take goes to that with the largest CIoU. Its target is the box and, for the
    box's class, the alignment, scaled such that the best anchor of a box has the
    largest CIoU of the box's anchors. However small an alignment is, it counts: a new
    model predicts boxes of 15 cells, with which a box of one cell hardly aligns, and
    what is no target is never learned.

    There is no table of all anchors and boxes: memory does not grow with the number of
    boxes, and time goes with those that there are, not with padding behind them.

    Args:
        num_classes: number of classes, `C`.
        max_anchor_matches: how many anchors a box takes.
        alpha: exponent of the score.
        beta: exponent of the CIoU.
        epsilon: smallest distance of an anchor from the border of its box.

    Call arguments:
        scores: predicted probabilities `(B, A, C)`; NaN counts as 0.
        decode_bboxes: predicted boxes `(B, A, 4)`, "xyxy" as all boxes here.
        anchors: x and y `(A, 2)`, in the unit of the boxes.
        gt_labels: int `(B, N)`.
        gt_bboxes: `(B, N, 4)`.
        gt_mask: `(B, N)` or `(B, N, 1)`, which rows are no padding.

    Returns:
        Boxes, float32 `(B, A, 4)`, -1 for anchors without one; scores, float32
        `(B, A, C)`; and which anchors have a box, bool `(B, A)`.

    Raises:
        ValueError: if an argument is out of range or shapes do not fit.

    Reference:
        Feng et al., "TOOD: Task-aligned One-stage Object Detection", 2021,
        https://arxiv.org/abs/2108.07755.

    Example:
        >>> encoder = keras_cv.models.yolov8.LabelEncoder(num_classes=2)
        >>> predicted = np.array([[[0, 0, 8, 8], [8, 0, 16, 8]]], "float32")
        >>> boxes, scores, has_box = encoder(
        ...     np.full((1, 2, 2), 0.5), predicted, np.array([[4.0, 4], [12, 4]]),
        ...     np.array([[1]]), np.array([[[0, 0, 8, 6]]]), np.array([[True]]))
        >>> keras.ops.convert_to_numpy(has_box).tolist()
        [[True, False]]
    """

    def __init__(
        self,
        num_classes: int,
        max_anchor_matches: int = 10,
        alpha: float = 0.5,
        beta: float = 6.0,
        epsilon: float = 1e-9,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        # Boxes in pixels are no numbers for half precision.
        super().__init__(name=name, trainable=trainable, dtype=dtype, autocast=False)
        # No weights. Keras would trace a model around it on every batch until then.
        self.built = True
        self.num_classes = as_positive_int("num_classes", num_classes)
        self.max_anchor_matches = as_positive_int(
            "max_anchor_matches", max_anchor_matches
        )
        self.alpha = as_number("alpha", alpha)
        self.beta = as_number("beta", beta)
        self.epsilon = as_number("epsilon", epsilon, above=0.0)

    def call(
        self,
        scores: Any,
        decode_bboxes: Any,
        anchors: Any,
        gt_labels: Any,
        gt_bboxes: Any,
        gt_mask: Any,
    ) -> tuple[Any, Any, Any]:
        self._check_shapes(scores, decode_bboxes, anchors, gt_labels, gt_bboxes)
        scores, predicted, anchors, boxes = (
            ops.stop_gradient(ops.cast(x, "float32"))
            for x in (scores, decode_bboxes, anchors, gt_bboxes)
        )
        labels, boxes, is_box = _rows(gt_labels, boxes, gt_mask, self.num_classes)
        overlap, alignment, owner = self._assign(
            scores, predicted, anchors, labels, boxes, is_box
        )
        has_box = owner >= 0  # (B, A)
        owner = ops.maximum(owner, 0)
        largest_overlap, largest_alignment = (
            _largest(x, has_box, owner, boxes) for x in (overlap, alignment)
        )
        largest_alignment = ops.where(has_box, largest_alignment, 1.0)
        value = alignment / largest_alignment * largest_overlap
        classes = ops.take_along_axis(labels, owner, axis=1)
        is_class = classes[..., None] == ops.arange(self.num_classes, dtype="int32")
        is_target = ops.logical_and(has_box[..., None], is_class)  # (B, A, C)
        target_scores = ops.where(is_target, value[..., None], 0.0)
        target_boxes = ops.take_along_axis(boxes, owner[..., None], axis=1)
        target_boxes = ops.where(has_box[..., None], target_boxes, -1.0)
        return target_boxes, target_scores, has_box

    def _assign(
        self,
        scores: Any,
        predicted: Any,
        anchors: Any,
        labels: Any,
        boxes: Any,
        is_box: Any,
    ) -> tuple[Any, Any, Any]:
        """Returns CIoU, alignment and place of the box of each anchor, `(B, A)`.

        Box after box: what is computed for one stays in the cache. The place is -1
        where there is none.
        """
        corners = tuple(predicted[..., i] for i in range(4))
        angle = diagonal_angle(corners, ops)
        scores = ops.transpose(scores, (0, 2, 1))  # (B, C, A)
        x, y = anchors[:, 0], anchors[:, 1]
        count = min(self.max_anchor_matches, scores.shape[2])
        places = ops.arange(ops.shape(scores)[2], dtype="int32")
        # The number of the box is the first axis: (N, 4, B, 1), (N, B, 1, 1), (N, B, 1)
        box_columns = ops.transpose(boxes, (1, 2, 0))[..., None]
        label_columns = ops.transpose(labels)[..., None, None]
        mask_columns = ops.transpose(is_box)[..., None]

        def body(number: Any, state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
            overlap, alignment, owner = state
            box = tuple(box_columns[number][i] for i in range(4))
            inner = ops.minimum(
                ops.minimum(x - box[0], box[2] - x), ops.minimum(y - box[1], box[3] - y)
            )
            angles = diagonal_angle(box, ops), angle
            ciou = ciou_of(box, corners, angles, ops)
            # NaN is not larger than 0.
            is_near = ops.logical_and(inner > self.epsilon, mask_columns[number])
            ciou = ops.where(ops.logical_and(is_near, ciou > 0), ciou, 0.0)
            score = ops.take_along_axis(scores, label_columns[number], axis=1)[:, 0]
            score = ops.where(score > 0, score, 0.0)
            aligned = _power(score, self.alpha) * _power(ciou, self.beta)
            best, best_places = top_k(aligned, count)
            # Equal ones are taken in their order: all up to the place of the last.
            last = ops.min(best, axis=1, keepdims=True)
            last_place = ops.where(best == last, best_places, -1)
            last_place = ops.max(last_place, axis=1, keepdims=True)
            is_taken = ops.logical_or(
                aligned > last,
                ops.logical_and(aligned == last, places <= last_place),
            )
            is_taken = ops.logical_and(is_taken, aligned > 0)
            is_taken = ops.logical_and(is_taken, ciou > overlap)
            return (
                ops.where(is_taken, ciou, overlap),
                ops.where(is_taken, aligned, alignment),
                ops.where(is_taken, ops.cast(number, "int32"), owner),
            )

        numbers = ops.arange(ops.shape(boxes)[1], dtype="int32")
        last = ops.max(ops.where(is_box, numbers + 1, 0))
        zeros = ops.zeros_like(corners[0])  # (B, A)
        none = ops.cast(zeros, "int32") - 1
        return ops.fori_loop(0, last, body, (zeros, zeros, none))

    def _check_shapes(
        self, scores: Any, predicted: Any, anchors: Any, labels: Any, boxes: Any
    ) -> None:
        shapes = [tuple(x.shape) for x in (scores, predicted, anchors, labels, boxes)]
        lengths = [len(shape) for shape in shapes]
        last = shapes[0][-1], shapes[1][-1], shapes[2][-1], shapes[4][-1]
        if lengths != [3, 3, 2, 2, 3] or last != (self.num_classes, 4, 2, 4):
            raise ValueError(
                f"Expected scores (B, A, {self.num_classes}), predicted boxes (B, A, "
                "4), anchors (A, 2), labels (B, N) and boxes (B, N, 4), received the "
                f"shapes {', '.join(map(str, shapes))}."
            )


def _rows(labels: Any, boxes: Any, mask: Any, num_classes: int) -> tuple[Any, Any, Any]:
    """Returns labels, boxes and which rows are any, with one more of padding.

    So there is a row to look up also where there are no boxes.
    """
    labels = ops.clip(ops.cast(labels, "int32"), 0, num_classes - 1)
    mask = ops.cast(mask, "bool")
    mask = mask[..., 0] if len(mask.shape) == 3 else mask
    widths = [(0, 0), (0, 1)]
    return (
        ops.pad(labels, widths),
        ops.pad(boxes, [*widths, (0, 0)], constant_values=-1),
        ops.cast(ops.pad(ops.cast(mask, "int32"), widths), "bool"),
    )


def _largest(values: Any, has_box: Any, owner: Any, boxes: Any) -> Any:
    """Returns for each anchor the largest value of the anchors of its box, `(B, A)`."""
    batch, count, _ = ops.shape(boxes)
    first = ops.arange(batch, dtype="int32")[:, None] * count
    places = ops.where(has_box, first + owner, batch * count)
    largest = ops.segment_max(
        ops.reshape(values, (-1,)),
        ops.reshape(places, (-1,)),
        num_segments=batch * count + 1,
    )
    return ops.where(has_box, ops.take(largest, places, axis=0), 0.0)


def _power(base: Any, exponent: float) -> Any:
    """Returns a power of numbers of at least 0; XLA is slow at all but these."""
    if exponent == 0.5:
        return ops.sqrt(base)
    if exponent != int(exponent) or not 1 <= exponent <= 16:
        return ops.power(base, exponent)
    if exponent == 1:
        return base
    half = _power(base, exponent // 2)
    return half * half * base if exponent % 2 else half * half
