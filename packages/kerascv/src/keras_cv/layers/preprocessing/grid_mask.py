"""Covers a grid of squares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.core.factor_sampler import Factor, as_factor, as_signed_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.covering_augmentation import CoveringAugmentation


@serializable("kerascv")
class GridMask(CoveringAugmentation):
    """Covers the squares of a turned grid.

    Squares come in steps of about half the height or a third of the width of the image:
    of a number between these, and one pixel more. Where the grid begins is random.

    Args:
        ratio_factor: sides of the squares, as a share of the step: `f` for [0, f], a
            pair in [0, 1], or a `FactorSampler`.
        rotation_factor: how far the grid is turned, as a fraction of a turn: `f` for
            [-f, f], a pair in [-1, 1], or a `FactorSampler`.
        fill_mode: see `CoveringAugmentation`.
        fill_value: see `CoveringAugmentation`.
        seed: see `BaseImageAugmentationLayer`.
        value_range: see `ColorAugmentation`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        [Chen et al., 2020](https://arxiv.org/abs/2001.04086)
    """

    def __init__(
        self,
        ratio_factor: Factor = (0, 0.5),
        rotation_factor: Factor = 0.15,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        seed: int | None = None,
        value_range: Sequence[float] = (0, 255),
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, fill_value, value_range, seed, **kwargs)
        self.ratio_factor = as_factor("ratio_factor", ratio_factor)
        self.rotation_factor = as_signed_factor("rotation_factor", rotation_factor)

    def sample_cover(self, draws: Draws, batch: Batch) -> Parameters:
        ops = draws.ops
        halves, thirds = 0.5 * batch.sizes[:, 0], 0.3 * batch.sizes[:, 1]
        smallest = ops.minimum(halves, thirds)
        extent = ops.maximum(halves, thirds) + 1.0 - smallest
        return {
            "ratio": self.ratio_factor.draw(draws),
            "angle": self.rotation_factor.draw(draws) * (2 * math.pi),
            "step": smallest + extent * draws.uniform(),
            "start": draws.uniform(2),
        }

    def cover(self, batch: Batch, parameters: Parameters, patterns: Any) -> Any:
        grid = {name: value for name, value in parameters.items() if name != "noise"}
        return batch.engine.fill_where(batch.images, covered, grid, patterns)


def covered(parameters: Parameters, height: Any, width: Any, ops: Operations) -> Any:
    """Returns which pixels lie in squares of a grid, bool `(B, height, width)`.

    Args:
        parameters: "ratio", "angle" in radians and "step" in pixels, `(B,)`, and
            "start" `(B, 2)`, as a share of the step.
        height: of the images.
        width: likewise.
        ops: functions of the arrays.
    """
    ratio, angle, step = (
        parameters[name][:, None, None] for name in ("ratio", "angle", "step")
    )
    x, y = (
        (
            ops.cast(ops.arange(length, dtype="int32"), "float32")
            + 0.5
            - ops.cast(length, "float32") / 2
        )
        for length in (width, height)
    )
    x, y = x[None, None] / step, y[None, :, None] / step
    along = [
        ops.cos(angle) * x + ops.sin(angle) * y,
        ops.cos(angle) * y - ops.sin(angle) * x,
    ]
    inside = []
    for axis, steps in enumerate(along):
        steps = steps + parameters["start"][:, axis, None, None]
        inside.append(steps - ops.floor(steps) < ratio)
    return inside[0] & inside[1]
