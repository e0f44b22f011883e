"""Puts four images into one."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.apply_transform import as_scale, box_format, place_boxes
from keras_cv.augmentation.batch import PADDING, Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.bounding_box.formats import to_xyxy
from keras_cv.core.factor_sampler import as_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.cut_mix import clipped, hide
from keras_cv.layers.preprocessing.mixing_augmentation import MixingAugmentation


@serializable("kerascv")
class Mosaic(MixingAugmentation):
    """Puts each image together with three others of the batch, two by two.

    The four meet at a random point. Each is seen at its own scale, with the corner that
    lies at that point; labels are weighted by what is seen of each. There are four
    times as many boxes and keypoints, those that cannot be seen as padding.

    Args:
        offset: where the images meet, (smallest, largest) as a fraction of height and
            of width.
        bounding_box_format: of the boxes; needed if there are any.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        [Bochkovskiy et al., 2020](https://arxiv.org/abs/2004.10934)
    """

    def __init__(
        self,
        offset: Sequence[float] = (0.25, 0.75),
        bounding_box_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        if isinstance(offset, numbers.Real):
            raise ValueError(
                "Expected `offset` to be a pair (smallest, largest), received "
                f"{offset!r}."
            )
        self.offset = as_factor("offset", offset).bounds
        if bounding_box_format is not None:
            box_format(bounding_box_format, type(self).__name__)
        self.bounding_box_format = bounding_box_format

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        ops = draws.ops
        low, high = self.offset
        own = ops.arange(draws.batch, dtype="int32")[:, None]
        others = ops.floor(draws.uniform(3) * ops.cast(draws.batch, "float32"))
        place = low + (high - low) * draws.uniform(2)  # of y and x
        return {
            "sources": ops.concatenate([own, ops.cast(others, "int32")], axis=1),
            "center": ops.round(place * batch.sizes),
        }

    def augment(self, batch: Batch, parameters: Parameters) -> Batch:
        engine, ops = batch.engine, batch.engine.ops
        sources, center = parameters["sources"], parameters["center"]
        changes: dict[str, Any] = {
            kind: engine.tile(values, sources, center)
            for kind in ("images", "masks")
            if (values := getattr(batch, kind)) is not None
        }
        scale = as_scale(batch.sizes, ops)  # (B, 1, 2)
        middle = as_scale(center, ops)
        zero = middle * 0.0
        x, y = middle[..., :1], middle[..., 1:]
        width, height = scale[..., :1], scale[..., 1:]
        none = zero[..., :1]
        # Of each quarter what is seen, and how far its image is moved; (B, 1, 2) each.
        quarters = [
            (zero, middle, middle - scale),
            (join(x, none, ops), join(width, y, ops), join(x, y - height, ops)),
            (join(none, y, ops), join(x, height, ops), join(x - width, y, ops)),
            (middle, scale, middle),
        ]
        labelled = batch.replace(images=None, masks=None)
        parts = [labelled.take(sources[:, number]) for number in range(4)]
        if batch.labels is not None:
            labels = 0.0
            for part, (first, last, _) in zip(parts, quarters, strict=True):
                share = ops.prod((last - first) / scale, axis=-1)  # (B, 1)
                labels = labels + part.labels * _like(share, part.labels, ops)
            changes["labels"] = labels
        if batch.boxes is not None:
            changes |= self._boxes(batch, parts, quarters, ops)
        if batch.keypoints is not None:
            points = []
            for part, (first, last, shift) in zip(parts, quarters, strict=True):
                xy = part.keypoints[..., :2]
                moved = xy + shift
                hidden = ~ops.all((moved >= first) & (moved <= last), axis=-1)
                hidden = hidden | ops.all(xy == PADDING, axis=-1)
                moved = ops.concatenate([moved, part.keypoints[..., 2:]], axis=-1)
                points.append(hide(moved, hidden, ops))
            changes["keypoints"] = ops.concatenate(points, axis=1)
        return batch.replace(**changes)

    def _boxes(
        self, batch: Batch, parts: list[Batch], quarters: list[Any], ops: Operations
    ) -> dict[str, Any]:
        format = box_format(self.bounding_box_format, type(self).__name__)
        scale = as_scale(batch.sizes, ops)
        boxes = []
        for part, (first, last, shift) in zip(parts, quarters, strict=True):
            corners = to_xyxy(part.boxes, format, scale, ops)
            moved = corners + join(shift, shift, ops)
            boxes.append(clipped(moved, join(first, last, ops), ops))
        labels = {
            name: ops.concatenate([part.box_labels[name] for part in parts], axis=1)
            for name in batch.box_labels
        }
        together = ops.concatenate(boxes, axis=1)
        all_four = batch.replace(boxes=together, box_labels=labels)
        return place_boxes(all_four, together, batch.sizes, format)

    def output_boxes(self, count: int | None) -> int | None:
        return None if count is None else 4 * count

    output_keypoints = output_boxes


def join(first: Any, second: Any, ops: Operations) -> Any:
    """Joins along the last axis."""
    return ops.concatenate([first, second], axis=-1)


def _like(share: Any, labels: Any, ops: Operations) -> Any:
    share = share if len(labels.shape) == 2 else share[:, 0]
    return ops.cast(share, labels.dtype)
