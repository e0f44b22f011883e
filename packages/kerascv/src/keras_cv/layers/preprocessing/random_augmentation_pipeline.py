"""Applies several of many layers to each image, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from domain_core.arguments import as_fraction, as_positive_int
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.layer_choice import (
    apply_in_turn,
    check_counts,
    check_dtypes,
)
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer,
    Parameters,
)
from keras_cv.layers.preprocessing.layer_container import LayerContainer


@serializable("kerascv")
class RandomAugmentationPipeline(LayerContainer):
    """Applies layers that are drawn for each image, one after another.

    Args:
        layers: augmentation layers that keep the size of images. An empty list leaves
            images as they are.
        augmentations_per_image: how many layers are drawn, the same one again perhaps.
        rate: how likely each of these is to be applied, in [0, 1].
        auto_vectorize: takes no effect; for upstream's sake.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.
    """

    # Whether layers draw by their own seeds, or all by that of the pipeline.
    _layers_have_seeds = True

    def __init__(
        self,
        layers: Sequence[BaseImageAugmentationLayer],
        augmentations_per_image: int,
        rate: float = 1.0,
        auto_vectorize: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(layers, seed, **kwargs)
        self.augmentations_per_image = as_positive_int(
            "augmentations_per_image", augmentations_per_image
        )
        self.rate = as_fraction("rate", rate)
        self.auto_vectorize = bool(auto_vectorize)

    def draw(self, batch: Batch, index: Any, step: int = 0) -> Parameters:
        draws = self.draws(batch, index, step)
        ops = draws.ops
        steps = self.augmentations_per_image
        choice = draws.integers(max(len(self.layers), 1), steps)
        is_applied = draws.uniform(steps) < self.rate
        parameters: Parameters = {"choice": ops.where(is_applied, choice, -1)}
        for number, layer in enumerate(self.layers):
            drawn = [
                layer.draw(batch, index, step * steps + each)
                if self._layers_have_seeds
                else layer.sample(draws, batch)
                for each in range(steps)  # anew at every step
            ]
            parameters[str(number)] = keras.tree.map_structure(
                lambda *values: ops.stack(values, axis=1), *drawn
            )
        return parameters

    def augment(self, batch: Batch, parameters: Parameters) -> Batch:
        if not self.layers:
            return batch
        drawn = [parameters[str(number)] for number in range(len(self.layers))]
        return apply_in_turn(batch, self.layers, parameters["choice"], drawn)

    def check(self, batch: Batch) -> None:
        super().check(batch)
        check_counts(self.layers, batch)
        check_dtypes(self.layers, self.prepared(batch))
