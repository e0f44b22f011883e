"""Applies a layer to some images."""

from __future__ import annotations

import functools
from typing import Any

from domain_core.arguments import as_fraction
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.layer_choice import (
    apply_once,
    check_counts,
    check_dtypes,
)
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer,
    Parameters,
)
from keras_cv.layers.preprocessing.layer_container import LayerContainer


@serializable("kerascv")
class RandomApply(LayerContainer):
    """Applies a layer to each image with some probability.

    Args:
        layer: an augmentation layer that keeps the size of images.
        rate: how likely an image is to be changed, in [0, 1].
        batchwise: draw once for the whole batch.
        auto_vectorize: takes no effect; for upstream's sake.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        layer: BaseImageAugmentationLayer,
        rate: float = 0.5,
        batchwise: bool = False,
        auto_vectorize: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__([layer], seed, **kwargs)
        self.rate = as_fraction("rate", rate)
        self.batchwise = bool(batchwise)
        self.auto_vectorize = bool(auto_vectorize)

    def draw(self, batch: Batch, index: Any, step: int = 0) -> Parameters:
        parameters = super().draw(batch, index, step)
        share = self.draws(batch, index, step).uniform()
        if self.batchwise:
            share = share * 0.0 + share[:1]
        return {**parameters, "is_applied": share < self.rate}

    def augment(self, batch: Batch, parameters: Parameters) -> Batch:
        ops = batch.engine.ops
        is_applied = ops.cast(parameters["is_applied"], "int32")
        if not self.batchwise:
            return apply_once(batch, self.layers, is_applied - 1, [parameters["0"]])
        apply = functools.partial(self.layers[0].augment, batch, parameters["0"])
        return batch.engine.branch(is_applied[0], [lambda: batch, apply], batch)

    def check(self, batch: Batch) -> None:
        super().check(batch)
        check_counts(self.layers, batch)
        check_dtypes(self.layers, self.prepared(batch))
