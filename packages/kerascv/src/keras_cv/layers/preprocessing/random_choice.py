"""Applies one of several layers to each image."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

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
class RandomChoice(LayerContainer):
    """Applies one of several layers, each equally likely, to each image.

    Args:
        layers: augmentation layers that keep the size of images.
        auto_vectorize: takes no effect; for upstream's sake.
        batchwise: draw one layer for the whole batch; then it may change sizes, if all
            of them do alike.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if `layers` is empty or holds anything else.
    """

    def __init__(
        self,
        layers: Sequence[BaseImageAugmentationLayer],
        auto_vectorize: bool = False,
        batchwise: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(layers, seed, **kwargs)
        if not self.layers:
            raise ValueError(
                "Expected `layers` to hold a layer at least, received none."
            )
        self.auto_vectorize = bool(auto_vectorize)
        self.batchwise = bool(batchwise)

    def draw(self, batch: Batch, index: Any, step: int = 0) -> Parameters:
        parameters = super().draw(batch, index, step)
        choice = self.draws(batch, index, step).integers(len(self.layers))
        if self.batchwise:
            choice = choice * 0 + choice[:1]
        return {**parameters, "choice": choice}

    def augment(self, batch: Batch, parameters: Parameters) -> Batch:
        drawn = [parameters[str(number)] for number in range(len(self.layers))]
        choice = parameters["choice"]
        if not self.batchwise:
            return apply_once(batch, self.layers, choice, drawn)
        branches = [
            functools.partial(_apply, layer, batch, parameters)
            for layer, parameters in zip(self.layers, drawn, strict=True)
        ]
        return batch.engine.branch(choice[0], branches, batch)

    def check(self, batch: Batch) -> None:
        super().check(batch)
        check_counts(self.layers, batch)
        if not self.batchwise:
            check_dtypes(self.layers, self.prepared(batch))

    def output_shape(self, shape: Any) -> Any:
        return self.layers[0].output_shape(shape)

    def output_dtype(self, dtype: str) -> str:
        return self.layers[0].dtype_of_images(dtype)


def _apply(
    layer: BaseImageAugmentationLayer, batch: Batch, parameters: Parameters
) -> Batch:
    return layer.finished(layer.augment(layer.prepared(batch), parameters))
