"""Augments each image in several ways."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from domain_core.serialization import config_value, serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer,
    Parameters,
    Shape,
)
from keras_cv.layers.preprocessing.layer_container import LayerContainer, as_layers


@serializable("kerascv")
class RepeatedAugmentation(LayerContainer):
    """Augments each image in several ways, and returns all of them in one batch.

    Args:
        augmenters: augmentation layers; each sees the whole batch. The batch that comes
            out is that many times as large.
        shuffle: whether to mix the results; else those of the first layer come first.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if `augmenters` is empty or holds anything else.

    Reference:
        [Hoffer et al., 2019](https://arxiv.org/abs/1901.09335)
    """

    def __init__(
        self,
        augmenters: Sequence[BaseImageAugmentationLayer],
        shuffle: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(as_layers("augmenters", augmenters), seed, **kwargs)
        if not self.layers:
            raise ValueError(
                "Expected `augmenters` to hold a layer at least, received none."
            )
        self.shuffle = bool(shuffle)

    def check(self, batch: Batch) -> None:
        super().check(batch)
        if batch.is_single:
            raise ValueError(
                "RepeatedAugmentation makes a batch larger, received a single image. "
                "Apply it after `batch`."
            )
        if isinstance(batch.images, list):
            raise ValueError(
                "RepeatedAugmentation expects images of one size, received some of "
                "different sizes. Apply `Resizing` before it."
            )

    def check_others(self, names: Collection[str]) -> None:
        if names:
            raise ValueError(
                "RepeatedAugmentation repeats images and their labels, received also "
                f"{sorted(names)}. Take them out of the dict first."
            )

    def sample_and_augment(self, batch: Batch, index: Any) -> tuple[Batch, Parameters]:
        results, parameters = [], {}
        for number, layer in enumerate(self.layers):
            result, parameters[str(number)] = layer.sample_and_augment(batch, index)
            results.append(result)
        if self.shuffle:
            draws = self.draws(batch, index)
            keys = draws.uniform(len(self.layers))
            order = batch.engine.ops.argsort(
                batch.engine.ops.reshape(keys, (-1,)), axis=0
            )
            parameters["order"] = batch.engine.ops.cast(order, "int32")
        return self._together(results, parameters), parameters

    def augment(self, batch: Batch, parameters: Parameters) -> Batch:
        results = [
            layer.augment(batch, parameters[str(number)])
            for number, layer in enumerate(self.layers)
        ]
        return self._together(results, parameters)

    def _together(self, results: list[Batch], parameters: Parameters) -> Batch:
        ops = results[0].engine.ops
        batch = results[0].map(
            lambda *parts: ops.concatenate(parts, axis=0), *results[1:]
        )
        if self.shuffle:
            batch = batch.take(parameters["order"])
        return batch

    def output_shape(self, shape: Shape) -> Shape:
        batch, *rest = self.layers[0].output_shape(shape)
        return (None if batch is None else batch * len(self.layers), *rest)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "augmenters": config_value(list(self.layers))}
