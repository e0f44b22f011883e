"""What a RetinaNet is to say about each anchor, from the boxes of an image.

Shapes: `B` images, `N` boxes, `A` anchors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from domain_core.arguments import as_finite, as_fraction
from domain_core.arrays.operations import KERAS as ops
from domain_core.arrays.operations import of
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.bounding_box import (
    convert_format,
    encode_box_to_deltas,
    to_dense,
)
from keras_cv.bounding_box.formats import parse
from keras_cv.bounding_box.rows import as_padding, is_filled, is_padding
from keras_cv.layers import AnchorGenerator, BoxMatcher

_BACKGROUND, _IGNORED, _MATCHED = -1, -2, 1


@serializable("kerascv>retinanet")
class LabelEncoder(RemembersArguments, keras.layers.Layer):
    """Matches anchors with the boxes of an image, and encodes what they are to learn.

    An anchor belongs to the box with which it has the largest intersection over union,
    if that is at least `positive_threshold`. Below `negative_threshold` it is
    background, and between the two it counts for nothing. Rows of padding, boxes
    without an area and such that are no numbers match no anchor. There is no table of
    all anchors and boxes: memory does not grow with the number of boxes, and time goes
    with those that there are, not with padding behind them.

    Args:
        bounding_box_format: of the labels, see
            `keras_cv.bounding_box.convert_format`.
        anchor_generator: `keras_cv.layers.AnchorGenerator`.
        positive_threshold: in [0, 1].
        negative_threshold: in [0, 1], at most `positive_threshold`.
        box_variance: four numbers that the encoded boxes are divided by, see
            `keras_cv.bounding_box.encode_box_to_deltas`.
        background_class: what stands for background among the classes.
        ignore_class: what stands for anchors that count for nothing.

    Call arguments:
        images: `(B, H, W, C)`, of which only the size counts.
        box_labels: dict with "boxes" `(B, N, 4)` and "classes" `(B, N)`.

    Returns:
        Encoded boxes, float32 `(B, A, 4)`, 0 where an anchor is not matched, and
        classes, float32 `(B, A)`. Anchors are in the order of the generator's levels.

    Raises:
        ValueError: if thresholds are out of order, or labels do not fit.

    Reference:
        Lin et al., "Focal Loss for Dense Object Detection", 2017,
        https://arxiv.org/abs/1708.02002.

    Example:
        >>> generator = keras_cv.layers.AnchorGenerator(
        ...     "xyxy", sizes=[4], scales=[1.0], aspect_ratios=[1.0], strides=[8])
        >>> encoder = keras_cv.models.retinanet.LabelEncoder("xyxy", generator)
        >>> labels = {"boxes": np.array([[[10, 2, 14, 6]]]), "classes": np.array([[7]])}
        >>> boxes, classes = encoder(np.zeros((1, 8, 16, 3)), labels)
        >>> keras.ops.convert_to_numpy(classes).tolist()
        [[-1.0, 7.0]]
    """

    def __init__(
        self,
        bounding_box_format: str,
        anchor_generator: AnchorGenerator,
        positive_threshold: float = 0.5,
        negative_threshold: float = 0.4,
        box_variance: Sequence[float] = (0.1, 0.1, 0.2, 0.2),
        background_class: float = -1.0,
        ignore_class: float = -2.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        # Boxes in pixels are no numbers for half precision.
        super().__init__(name=name, trainable=trainable, dtype=dtype, autocast=False)
        # No weights. Keras would trace a model around it on every batch until then.
        self.built = True
        parse(bounding_box_format)
        if not isinstance(anchor_generator, AnchorGenerator):
            raise ValueError(
                "Expected `anchor_generator` to be a keras_cv.layers.AnchorGenerator, "
                f"received {type(anchor_generator).__name__}."
            )
        self.bounding_box_format = bounding_box_format
        self.anchor_generator = anchor_generator
        self.positive_threshold = as_fraction("positive_threshold", positive_threshold)
        self.negative_threshold = as_fraction("negative_threshold", negative_threshold)
        self.box_variance = list(box_variance)
        self.background_class = as_finite("background_class", background_class)
        self.ignore_class = as_finite("ignore_class", ignore_class)
        self.box_matcher = BoxMatcher(
            [self.negative_threshold, self.positive_threshold],
            [_BACKGROUND, _IGNORED, _MATCHED],
        )

    def build(self, images_shape: Any) -> None:
        # It has no state, but Keras sees a layer in it, and would trace a call.
        self.box_matcher.build(images_shape)

    def call(self, images: Any, box_labels: dict[str, Any]) -> tuple[Any, Any]:
        boxes, classes, _ = self.encode(images, box_labels)
        return boxes, classes

    def encode(self, images: Any, box_labels: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Encodes labels as a call does, and tells how many of their boxes it used.

        Args:
            images: as in a call.
            box_labels: as in a call.

        Returns:
            What a call returns; and the share of the boxes that an anchor is matched
            with, a float32 scalar, 1 where there are no boxes.
        """
        anchors = self._anchors(images)  # (A, 4)
        boxes, classes = self._read(images, box_labels)  # (B, N, 4), (B, N)
        overlap, columns = _best_overlap(boxes, anchors)  # (B, A)
        # Not even a threshold of 0 matches what does not overlap.
        values = ops.where(
            overlap > 0, self.box_matcher.values_of(overlap), _BACKGROUND
        )
        is_matched = values == _MATCHED
        matched = ops.take_along_axis(boxes, columns[..., None], axis=1)
        deltas = encode_box_to_deltas(
            anchors, matched, "xyxy", "xyxy", self.box_variance
        )
        targets = ops.where(
            is_matched,
            ops.take_along_axis(classes, columns, axis=1),
            ops.where(values == _IGNORED, self.ignore_class, self.background_class),
        )
        share = _matched_share(is_matched, columns, classes)
        return ops.where(is_matched[..., None], deltas, 0.0), targets, share

    def _anchors(self, images: Any) -> Any:
        """Returns the anchors of all levels, "xyxy" in pixels."""
        levels = self.anchor_generator(image=images)
        anchors = [
            convert_format(
                values,
                self.anchor_generator.bounding_box_format,
                "xyxy",
                image_shape=_shape_of(images),
            )
            for values in levels.values()
        ]
        return ops.concatenate([ops.convert_to_tensor(x) for x in anchors], axis=0)

    def _read(self, images: Any, box_labels: dict[str, Any]) -> tuple[Any, Any]:
        """Returns boxes, "xyxy" in pixels, and classes, with padding at the end."""
        labels = to_dense(box_labels)
        boxes, classes = (
            ops.cast(ops.convert_to_tensor(labels[name]), "float32")
            for name in ("boxes", "classes")
        )
        if len(boxes.shape) != 3 or len(classes.shape) != 2:
            raise ValueError(
                'Expected labels with "boxes" (B, N, 4) and "classes" (B, N), received '
                f"the shapes {tuple(boxes.shape)} and {tuple(classes.shape)}."
            )
        # There is a row to look up also where there are no boxes.
        boxes = ops.pad(boxes, [(0, 0), (0, 1), (0, 0)], constant_values=-1)
        classes = ops.pad(classes, [(0, 0), (0, 1)], constant_values=-1)
        boxes = convert_format(
            boxes, self.bounding_box_format, "xyxy", image_shape=_shape_of(images)
        )
        is_none = ops.logical_or(
            is_filled(boxes, ops),
            is_padding({"boxes": boxes, "classes": classes}, ops),
        )
        is_box = ops.logical_not(is_none)
        return as_padding(boxes, is_box, ops), as_padding(classes, is_box, ops)


def _shape_of(images: Any) -> tuple[Any, ...]:
    return tuple(of(images).shape(images))[-3:]


def _best_overlap(boxes: Any, anchors: Any) -> tuple[Any, Any]:
    """Finds the box that has the largest intersection over union with each anchor.

    Box after box, which is up to nine times as fast as all at once: what is computed
    for one box stays in the cache.

    Args:
        boxes: `(B, N, 4)`.
        anchors: `(A, 4)`.

    Returns:
        Float32 and int32 `(B, A)`: the overlap and the first box that has it; 0 and the
        first box where none overlaps.
    """
    left, top, right, bottom = (anchors[:, i] for i in range(4))
    area = _area(left, top, right, bottom)
    columns = ops.transpose(boxes, (1, 2, 0))[..., None]  # (N, 4, B, 1)

    def body(number: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:
        best, place = state
        box = columns[number]
        inner = _area(
            ops.maximum(left, box[0]),
            ops.maximum(top, box[1]),
            ops.minimum(right, box[2]),
            ops.minimum(bottom, box[3]),
        )
        union = area + _area(*(box[i] for i in range(4))) - inner
        overlap = inner / ops.where(union > 0, union, 1.0)
        is_better = overlap > best
        return (
            ops.where(is_better, overlap, best),
            ops.where(is_better, ops.cast(number, "int32"), place),
        )

    numbers = ops.arange(ops.shape(boxes)[1], dtype="int32")
    is_box = ops.logical_not(is_filled(boxes, ops))
    count = ops.max(ops.where(is_box, numbers + 1, 0))
    none = ops.zeros_like(boxes[:, :1, 0]) * area  # (B, A)
    return ops.fori_loop(0, count, body, (none, ops.cast(none, "int32")))


def _area(left: Any, top: Any, right: Any, bottom: Any) -> Any:
    return ops.relu(right - left) * ops.relu(bottom - top)


def _matched_share(is_matched: Any, columns: Any, classes: Any) -> Any:
    """Returns the share of the boxes that some anchor is matched with."""
    batch, boxes = ops.shape(classes)
    first = ops.arange(batch, dtype="int32")[:, None] * boxes
    places = ops.where(is_matched, first + columns, batch * boxes)
    used = ops.segment_max(
        ops.cast(ops.reshape(is_matched, (-1,)), "float32"),
        ops.reshape(places, (-1,)),
        num_segments=batch * boxes + 1,
    )
    used = ops.sum(ops.where(used[:-1] > 0, 1.0, 0.0))
    count = ops.sum(ops.cast(classes != -1, "float32"))
    return ops.where(count > 0, used / ops.maximum(count, 1.0), 1.0)
