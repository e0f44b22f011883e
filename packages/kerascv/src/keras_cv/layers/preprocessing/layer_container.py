"""Augmentations that consist of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from domain_core.serialization import config_value, from_json, revive
from keras_cv.augmentation.batch import Batch
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer,
    Parameters,
    Shape,
)


class LayerContainer(BaseImageAugmentationLayer):
    """Holds augmentation layers.

    Parameters of its layers are kept in a dict under their number, "0", "1", ...

    Args:
        layers: augmentation layers.
        seed: of what the container itself draws; the layers have their own.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if one of `layers` is no augmentation layer.
    """

    def __init__(
        self,
        layers: Sequence[BaseImageAugmentationLayer],
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.layers = as_layers("layers", layers)
        self.makes_sizes_differ = any(layer.makes_sizes_differ for layer in self.layers)
        self.mixes_samples = any(layer.mixes_samples for layer in self.layers)
        self.needs_host = any(layer.needs_host for layer in self.layers)

    @property
    def casts_to_float(self) -> bool:
        return any(layer.casts_to_float for layer in self.layers)

    def check(self, batch: Batch) -> None:
        for layer in self.layers:
            layer.check(batch)

    def build(self, input_shape: Any = None) -> None:
        for layer in self.layers:
            layer.build(input_shape)
        super().build(input_shape)

    def output_shape(self, shape: Shape) -> Shape:
        for layer in self.layers:
            shape = layer.output_shape(shape)
        return shape

    def output_dtype(self, dtype: str) -> str:
        for layer in self.layers:
            dtype = layer.dtype_of_images(dtype)
        return dtype

    def dtype_of_labels(self, dtype: str) -> str:
        for layer in self.layers:
            dtype = layer.dtype_of_labels(dtype)
        return dtype

    def output_boxes(self, count: int | None) -> int | None:
        for layer in self.layers:
            count = layer.output_boxes(count)
        return count

    def output_keypoints(self, count: int | None) -> int | None:
        for layer in self.layers:
            count = layer.output_keypoints(count)
        return count

    def draw(self, batch: Batch, index: Any, step: int = 0) -> Parameters:
        """Draws the parameters of all layers for all samples."""
        return {
            str(number): layer.draw(batch, index, step)
            for number, layer in enumerate(self.layers)
        }

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        layers = config_value(list(self.layers))
        held = {
            "layer": next(iter(layers), None),
            "layers": layers,
            "augmenters": layers,
        }
        return config | {name: held[name] for name in held.keys() & config.keys()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        return super().from_config({k: revived(v) for k, v in config.items()})


def as_layers(name: str, layers: Any) -> list[BaseImageAugmentationLayer]:
    """Returns augmentation layers as a list.

    Raises:
        ValueError: if one is none.
    """
    if not isinstance(layers, list | tuple):
        raise ValueError(f"Expected `{name}` to be a list, received {layers!r:.200}.")
    for layer in layers:
        if not isinstance(layer, BaseImageAugmentationLayer):
            raise ValueError(
                f"Expected `{name}` to be augmentation layers of keras_cv, received "
                f"{layer!r:.200}. Subclass `BaseImageAugmentationLayer` for your own."
            )
    return list(layers)


def revived(value: Any) -> Any:
    """Turns layers that Keras serialized, in lists too, back into layers."""
    if isinstance(value, list | tuple):
        return [revived(item) for item in value]
    return from_json(revive({"": value}))[""]
