"""Blends pairs of images."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import is_finite
from domain_core.arrays.operations import is_float
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.mixing_augmentation import (
    MixingAugmentation,
    mix,
    with_other_boxes,
    with_other_keypoints,
)


@serializable("kerascv")
class MixUp(MixingAugmentation):
    """Blends each image, and its label, with another of the batch.

    The image's own share is drawn from a beta distribution. Boxes and keypoints of both
    images are kept, so there are twice as many. Masks are blended like labels and must
    be one-hot floats.

    Args:
        alpha: both parameters of the beta distribution, above 0; small ones leave
            images nearly as they are.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if `alpha` is out of range.

    Reference:
        [Zhang et al., 2018](https://arxiv.org/abs/1710.09412)
    """

    def __init__(
        self, alpha: float = 0.2, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, **kwargs)
        self.alpha = as_alpha(alpha)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        return {"other": draws.permutation(), "share": draws.beta(self.alpha)}

    def augment(self, batch: Batch, parameters: Parameters) -> Batch:
        engine, ops = batch.engine, batch.engine.ops
        other, share = batch.take(parameters["other"]), parameters["share"]
        changes: dict[str, Any] = {
            "images": engine.blend(other.images, batch.images, share),
            **with_other_boxes(batch, other),
            **with_other_keypoints(batch, other),
        }
        for kind in ("labels", "masks"):
            values = getattr(batch, kind)
            if values is not None:
                changes[kind] = mix(values, getattr(other, kind), share, ops)
        return batch.replace(**changes)

    def check(self, batch: Batch) -> None:
        super().check(batch)
        if batch.masks is not None and not is_float(batch.masks.dtype):
            raise ValueError(
                "MixUp blends segmentation masks, received some of dtype "
                f"{batch.masks.dtype}. Convert them to one-hot floats, or use CutMix."
            )

    def output_boxes(self, count: int | None) -> int | None:
        return None if count is None else 2 * count

    output_keypoints = output_boxes


def as_alpha(alpha: Any) -> float:
    """Returns the parameter of a beta distribution.

    Raises:
        ValueError: if it is none.
    """
    if not is_finite(alpha) or not 0 < alpha < 1e4:
        raise ValueError(
            f"Expected `alpha` to be a number in (0, 10000), received {alpha!r}."
        )
    return float(alpha)
