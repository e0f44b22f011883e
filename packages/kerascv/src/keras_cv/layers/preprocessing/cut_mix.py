"""Pastes a rectangle of another image."""

from __future__ import annotations

from typing import Any

from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.apply_transform import as_scale, box_format, place_boxes
from keras_cv.augmentation.batch import PADDING, Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.bounding_box.formats import to_xyxy
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.mix_up import as_alpha
from keras_cv.layers.preprocessing.mixing_augmentation import (
    MixingAugmentation,
    mix,
    with_other_boxes,
    with_other_keypoints,
)


@serializable("kerascv")
class CutMix(MixingAugmentation):
    """Replaces a rectangle of each image by that of another of the batch.

    Labels are weighted by what can be seen of both images. Boxes of the other image are
    clipped to the rectangle. Those of the image itself shrink where the rectangle
    covers one of their sides, and go where it covers them all. Masks are pasted as
    images are; keypoints go where they are covered.

    Args:
        alpha: both parameters of the beta distribution that the image's own share is
            drawn from, above 0.
        seed: see `BaseImageAugmentationLayer`.
        bounding_box_format: of the boxes; needed if there are any.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        [Yun et al., 2019](https://arxiv.org/abs/1905.04899)
    """

    def __init__(
        self,
        alpha: float = 1.0,
        seed: int | None = None,
        bounding_box_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.alpha = as_alpha(alpha)
        if bounding_box_format is not None:
            box_format(bounding_box_format, type(self).__name__)
        self.bounding_box_format = bounding_box_format

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        ops = draws.ops
        side = ops.sqrt(1.0 - draws.beta(self.alpha))[:, None]
        center = draws.uniform(2) * batch.sizes  # y and x
        half = ops.round(side * batch.sizes) / 2
        top_left = ops.maximum(ops.round(center - half), 0.0)
        bottom_right = ops.minimum(ops.round(center + half), batch.sizes)
        rectangle = ops.concatenate(
            [as_scale(top_left, ops)[:, 0], as_scale(bottom_right, ops)[:, 0]], axis=1
        )
        return {"other": draws.permutation(), "rectangle": rectangle}

    def augment(self, batch: Batch, parameters: Parameters) -> Batch:
        engine, ops = batch.engine, batch.engine.ops
        rectangle = parameters["rectangle"]  # xyxy, (B, 4)
        other = batch.take(parameters["other"])
        changes: dict[str, Any] = {
            kind: engine.paste(values, getattr(other, kind), rectangle)
            for kind in ("images", "masks")
            if (values := getattr(batch, kind)) is not None
        }
        if batch.labels is not None:
            area = ops.prod(rectangle[:, 2:] - rectangle[:, :2], axis=1)
            share = 1.0 - area / ops.prod(batch.sizes, axis=1)
            changes["labels"] = mix(batch.labels, other.labels, share, ops)
        if batch.boxes is not None:
            format = box_format(self.bounding_box_format, type(self).__name__)
            scale = as_scale(batch.sizes, ops)
            mine, others = (
                to_xyxy(boxes, format, scale, ops)
                for boxes in (batch.boxes, other.boxes)
            )
            boxes = [
                uncovered(mine, rectangle[:, None], ops),
                clipped(others, rectangle[:, None], ops),
            ]
            both = batch.replace(**with_other_boxes(batch, other))
            boxes = ops.concatenate(boxes, axis=1)
            changes |= place_boxes(both, boxes, batch.sizes, format)
        if batch.keypoints is not None:
            mine = is_inside(batch.keypoints, rectangle, ops)
            hidden = ops.concatenate(
                [mine, ~is_inside(other.keypoints, rectangle, ops)], axis=1
            )
            points = with_other_keypoints(batch, other)["keypoints"]
            changes["keypoints"] = hide(points, hidden, ops)
        return batch.replace(**changes)

    def output_boxes(self, count: int | None) -> int | None:
        return None if count is None else 2 * count

    output_keypoints = output_boxes


def clipped(boxes: Any, rectangle: Any, ops: Operations) -> Any:
    """Returns the part of boxes, "xyxy", that lies in a rectangle."""
    return ops.concatenate(
        [
            ops.maximum(boxes[..., :2], rectangle[..., :2]),
            ops.minimum(boxes[..., 2:], rectangle[..., 2:]),
        ],
        axis=-1,
    )


def uncovered(boxes: Any, rectangle: Any, ops: Operations) -> Any:
    """Returns the boxes, "xyxy", around what a rectangle leaves of others.

    Where nothing is left, the box that is returned has no area.
    """
    left, top, right, bottom = (boxes[..., side] for side in range(4))
    x0, y0, x1, y1 = (rectangle[..., side] for side in range(4))
    all_rows = (y0 <= top) & (y1 >= bottom)
    all_columns = (x0 <= left) & (x1 >= right)
    new_left = ops.where(all_rows & (x0 <= left) & (x1 > left), x1, left)
    new_right = ops.where(all_rows & (x1 >= right) & (x0 < right), x0, right)
    new_top = ops.where(all_columns & (y0 <= top) & (y1 > top), y1, top)
    new_bottom = ops.where(all_columns & (y1 >= bottom) & (y0 < bottom), y0, bottom)
    return ops.stack([new_left, new_top, new_right, new_bottom], axis=-1)


def is_inside(points: Any, rectangle: Any, ops: Operations) -> Any:
    """Tells which keypoints `(B, K, 2 or more)` a rectangle `(B, 4)` covers."""
    first, last = rectangle[:, None, :2], rectangle[:, None, 2:]
    xy = points[..., :2]
    return ops.all((xy >= first) & (xy < last), axis=-1)


def hide(points: Any, hidden: Any, ops: Operations) -> Any:
    """Makes keypoints padding where a mask `(B, K)` is True."""
    moved = ops.where(
        hidden[..., None], ops.cast(PADDING, points.dtype), points[..., :2]
    )
    return ops.concatenate([moved, points[..., 2:]], axis=-1)
