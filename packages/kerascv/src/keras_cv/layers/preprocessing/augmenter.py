"""Layers one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.apply_transform import move, moved_sizes
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.transform import Transform, can_fuse, fuse
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer,
    Parameters,
)
from keras_cv.layers.preprocessing.geometric_augmentation import GeometricAugmentation
from keras_cv.layers.preprocessing.layer_container import LayerContainer


@serializable("kerascv")
class Augmenter(LayerContainer):
    """Applies layers one after another.

    Neighbours that move images are made one where that leaves nothing out: their
    matrices are multiplied and images resampled once, which is faster and keeps more
    detail. What one moves out of the image and the next moves back in is then still
    there.

    Args:
        layers: augmentation layers, in their order.
        fuse: whether to make neighbours one.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if `layers` holds anything else.
    """

    _unused_arguments = ("seed",)

    def __init__(
        self,
        layers: Sequence[BaseImageAugmentationLayer],
        fuse: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(layers, **kwargs)
        self.fuse = bool(fuse)

    def check(self, batch: Batch) -> None:
        """Each layer checks what it receives itself."""

    def sample_and_augment(self, batch: Batch, index: Any) -> tuple[Batch, Parameters]:
        return self._apply(batch, None, index)

    def augment(self, batch: Batch, parameters: Parameters) -> Batch:
        return self._apply(batch, parameters, None)[0]

    def without_chance(self, batch: Batch) -> Batch:
        for layer in self.layers:
            layer.check(batch)
            batch = layer.prepared(batch)
            if layer.is_random:
                batch = layer.without_chance(batch)
            else:
                batch = layer.augment(batch, {})
            batch = layer.finished(batch)
        return batch

    def _can_fuse(self, layer: BaseImageAugmentationLayer) -> bool:
        is_plain = isinstance(layer, GeometricAugmentation)
        return self.fuse and is_plain and layer.image_dtype is None

    def _apply(
        self, batch: Batch, parameters: Parameters | None, index: Any
    ) -> tuple[Batch, Parameters]:
        """Applies all layers, with parameters or such that are drawn."""
        used: Parameters = {}
        pending: _Pending | None = None
        ops = batch.engine.ops
        for number, layer in enumerate(self.layers):
            key = str(number)
            if not self._can_fuse(layer):
                if pending is not None:
                    batch, pending = pending.done(batch), None
                layer.check(batch)
                batch = layer.prepared(batch)
                if parameters is None:
                    batch, used[key] = layer.sample_and_augment(batch, index)
                else:
                    batch = layer.augment(batch, parameters[key])
                batch = layer.finished(batch)
                continue
            # Layers look at sizes only, which are known ahead of the images.
            ahead = batch if pending is None else pending.ahead(batch)
            layer.check(ahead)
            if parameters is None:
                used[key] = layer.sample(layer.draws(ahead, index), ahead)
            else:
                used[key] = parameters[key]
            transform = layer.transform(used[key], ahead.sizes, ops)
            mine = _Pending(transform, layer.bounding_box_format, type(layer).__name__)
            if pending is not None and pending.takes(mine):
                pending = pending.followed_by(mine, ops)
                continue
            if pending is not None:
                batch = pending.done(batch)
            pending = mine
        return (batch if pending is None else pending.done(batch)), used


class _Pending:
    """A transform that is not done yet."""

    def __init__(self, transform: Transform, format: str | None, name: str) -> None:
        self._transform = transform
        self._format = format
        self._name = name

    def takes(self, other: _Pending) -> bool:
        return self._format == other._format and can_fuse(
            self._transform, other._transform
        )

    def followed_by(self, other: _Pending, ops: Operations) -> _Pending:
        both = fuse(self._transform, other._transform, ops)
        return _Pending(both, self._format, other._name)

    def ahead(self, batch: Batch) -> Batch:
        return batch.replace(sizes=moved_sizes(self._transform, batch))

    def done(self, batch: Batch) -> Batch:
        return move(batch, self._transform, self._format, self._name)
