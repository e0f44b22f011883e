"""Blends images with several augmented copies of themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_positive_int
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.layer_choice import apply_chosen
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.statistics import Statistics
from keras_cv.core.factor_sampler import Factor, as_factor
from keras_cv.layers.preprocessing.auto_contrast import AutoContrast
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer,
    Parameters,
)
from keras_cv.layers.preprocessing.color_augmentation import (
    ColorAugmentation,
    ValueAugmentation,
)
from keras_cv.layers.preprocessing.equalization import Equalization
from keras_cv.layers.preprocessing.mix_up import as_alpha
from keras_cv.layers.preprocessing.posterization import posterize
from keras_cv.layers.preprocessing.random_rotation import RandomRotation
from keras_cv.layers.preprocessing.random_shear import RandomShear
from keras_cv.layers.preprocessing.random_translation import RandomTranslation
from keras_cv.layers.preprocessing.solarization import Solarization


@serializable("kerascv")
class AugMix(ColorAugmentation):
    """Blends each image with several copies of it, each changed by a chain of layers.

    The layers of a chain are drawn from auto contrast, equalization, posterization,
    rotation, solarization, and shear and translation along x and y. The shares of the
    copies are drawn from a Dirichlet distribution, the image's own from a beta
    distribution. Labels stay: a blend of places has no boxes, masks or keypoints, which
    are refused.

    Args:
        value_range: see `ColorAugmentation`.
        severity: how strong each layer is: `f` for [0.01, f], a pair in [0.01, 1], or a
            `FactorSampler`.
        num_chains: how many copies are made.
        chain_depth: how many layers change a copy, or a pair (fewest, most).
        alpha: parameter of both distributions, above 0.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range, or the sample has boxes, masks or
            keypoints.

    Example:
        >>> import keras_cv, numpy as np
        >>> augment = keras_cv.layers.AugMix(value_range=(0, 255), seed=0)
        >>> augment(np.zeros((2, 32, 32, 3), "uint8")).shape
        (2, 32, 32, 3)

    Reference:
        [Hendrycks et al., 2019](https://arxiv.org/abs/1912.02781)
    """

    _draws_ahead = 32

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        severity: Factor = 0.3,
        num_chains: int = 3,
        chain_depth: int | Sequence[int] = (1, 3),
        alpha: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        self.severity = as_factor("severity", severity, 0.01, 1.0)
        self.num_chains = as_positive_int("num_chains", num_chains)
        self.chain_depth = _as_depths(chain_depth)
        self.alpha = as_alpha(alpha)
        # They are told what to do; their factors say along which axis they move.
        self._layers_of_chains: list[BaseImageAugmentationLayer] = [
            AutoContrast(value_range),
            Equalization(value_range),
            _Posterization(value_range),
            RandomRotation(0.0),
            Solarization(value_range),
            RandomShear(x_factor=0.3),
            RandomShear(y_factor=0.3),
            RandomTranslation(height_factor=0.0, width_factor=0.3),
            RandomTranslation(height_factor=0.3, width_factor=0.0),
        ]

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        ops = draws.ops
        fewest, most = self.chain_depth
        own = draws.beta(self.alpha)
        shares = draws.dirichlet(self.alpha, self.num_chains)
        count = self.num_chains * most

        def by_step(values: Any) -> Any:
            return ops.reshape(values, (-1, self.num_chains, most))

        depth = fewest + draws.integers(most - fewest + 1, self.num_chains)
        layer = by_step(draws.integers(len(self._layers_of_chains), count))
        is_negative = draws.uniform(count) < 0.5
        severity = [self.severity.draw(draws) for _ in range(count)]
        severity = ops.stack(severity, axis=1)

        is_there = ops.arange(most, dtype="int32") < depth[..., None]
        return {
            "own": own,
            "share": (1.0 - own)[:, None] * shares,
            "steps": {
                "layer": ops.where(is_there, layer, -1),
                "severity": by_step(ops.where(is_negative, -severity, severity)),
            },
        }

    def augment(self, batch: Batch, parameters: Parameters) -> Batch:
        bare = batch.replace(labels=None)
        blended = batch.engine.in_parts(self._blend, bare, parameters)
        return batch.replace(images=blended.images)

    def _blend(self, batch: Batch, parameters: Parameters) -> Batch:
        engine = batch.engine

        def step(copies: Batch, drawn: Parameters) -> Batch:
            told = _parameters_of_layers(drawn, engine.ops)
            return apply_chosen(copies, self._layers_of_chains, drawn["layer"], told)

        def chain(total: Any, row: Any) -> Any:
            share, steps = row
            copies = engine.repeat(step, batch, steps)
            return engine.add_weighted(total, copies.images, share)

        total = engine.add_weighted(None, batch.images, parameters["own"])
        rows = parameters["share"], parameters["steps"]
        total = engine.repeat(chain, total, rows)
        return batch.replace(images=engine.as_dtype(total, batch.images[0].dtype))

    def check(self, batch: Batch) -> None:
        super().check(batch)
        for kind in ("boxes", "masks", "keypoints"):
            if getattr(batch, kind) is not None:
                raise ValueError(
                    f"AugMix blends copies that are moved apart, so it cannot tell "
                    f"where {kind} belong. Take them out of the dict, or use "
                    "RandAugment."
                )


class _Posterization(ValueAugmentation):
    """Posterization with a number of levels for each image."""

    def change_values(
        self,
        values: Any,
        parameters: Parameters,
        statistics: Statistics,
        ops: Operations,
    ) -> Any:
        return posterize(values, parameters["step"], self.value_range, ops)


def _parameters_of_layers(drawn: Parameters, ops: Operations) -> list[Parameters]:
    """Returns what each layer of a chain is told, from how strong it shall be."""
    signed = drawn["severity"]
    severity = ops.abs(signed)
    nothing = 0.0 * signed
    return [
        {},
        {},
        # Two to five bits are dropped, the more the stronger.
        {"step": 2.0 ** (2.0 + ops.floor(3.0 * severity))},
        {"angle": signed * math.radians(30)},
        {"addition": nothing, "threshold": 255.0 * (1.0 - severity)},
        {"x": 0.3 * signed, "y": nothing},
        {"x": nothing, "y": 0.3 * signed},
        {"width": signed / 3.0, "height": nothing},
        {"width": nothing, "height": signed / 3.0},
    ]


def _as_depths(chain_depth: Any) -> tuple[int, int]:
    """Returns the fewest and the most layers of a chain.

    Raises:
        ValueError: if it is none.
    """
    if isinstance(chain_depth, int):
        chain_depth = (chain_depth, chain_depth)
    if not isinstance(chain_depth, list | tuple) or len(chain_depth) != 2:
        raise ValueError(
            "Expected `chain_depth` to be a positive integer or a pair (fewest, most), "
            f"received {chain_depth!r}."
        )
    fewest, most = (as_positive_int("chain_depth", depth) for depth in chain_depth)
    if fewest > most:
        raise ValueError(
            f"Expected the smaller `chain_depth` first, received {chain_depth!r}."
        )
    return fewest, most
