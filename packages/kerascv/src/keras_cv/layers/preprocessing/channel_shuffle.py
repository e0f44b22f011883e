"""Changes the order of channels."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import as_positive_int
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ColorAugmentation


@serializable("kerascv")
class ChannelShuffle(ColorAugmentation):
    """Puts groups of neighbouring channels into a random order.

    Args:
        groups: number of groups; it divides the number of channels.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if `groups` is no positive integer, or does not divide the channels.

    Reference:
        [Zhang et al., 2017](https://arxiv.org/abs/1707.01083)
    """

    _unused_arguments = ("value_range",)

    def __init__(self, groups: int = 3, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, **kwargs)
        self.groups = as_positive_int("groups", groups)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        return {"order": draws.order(self.groups)}

    def augment_images(self, batch: Batch, parameters: Parameters) -> Any:
        ops = batch.engine.ops
        size = batch.images[0].shape[-1] // self.groups
        within = ops.arange(size, dtype="int32")
        order = parameters["order"][:, :, None] * size + within
        order = ops.reshape(order, (-1, size * self.groups))
        return batch.engine.take_channels(batch.images, order)

    def check(self, batch: Batch) -> None:
        channels = batch.images[0].shape[-1]
        if channels % self.groups:
            raise ValueError(
                f"Expected `groups` to divide the number of channels, received "
                f"{self.groups} and images of {channels} channels."
            )
