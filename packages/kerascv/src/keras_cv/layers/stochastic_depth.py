"""Drops the residual of a block for the whole batch."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.arguments import as_rate
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("kerascv")
class StochasticDepth(RemembersArguments, keras.layers.Layer):
    """Adds a residual to its shortcut, or in training now and then leaves it out.

    As in the paper, one gate is drawn per mini-batch: training gives
    `shortcut + gate * residual`, where the gate is 0 with probability `rate` and else
    1, inference `shortcut + (1 - rate) * residual`. `DropPath` draws per sample and
    rescales in training.

    Args:
        rate: probability to leave the residual out, in `[0, 1)`.
        seed: integer that makes the draws reproducible; None for a random one.

    Call arguments:
        inputs: list of two tensors of one shape, `[shortcut, residual]`.
        training: whether to draw.

    Returns:
        Tensor of the shape of `shortcut`, in the compute dtype.

    Raises:
        ValueError: if `rate` is outside `[0, 1)`, or the inputs are not two tensors of
            one shape.

    Reference:
        Huang et al., "Deep Networks with Stochastic Depth", 2016,
        https://arxiv.org/abs/1603.09382.

    Example:
        >>> shortcut, residual = np.ones((2, 4, 4, 3)), np.ones((2, 4, 4, 3))
        >>> y = keras_cv.layers.StochasticDepth(rate=0.2)([shortcut, residual])
        >>> round(float(y[0, 0, 0, 0]), 4)
        1.8
    """

    def __init__(
        self,
        rate: float = 0.5,
        *,
        seed: int | None = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.rate = as_rate("rate", rate)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        shortcut, residual = _pair(inputs, [x.shape for x in inputs])
        if not self.rate:
            return shortcut + residual
        if not training:
            return shortcut + residual * (1 - self.rate)
        draw = keras.random.uniform((), dtype="float32", seed=self.seed_generator)
        return shortcut + residual * keras.ops.cast(draw >= self.rate, residual.dtype)

    def compute_output_shape(self, inputs_shape: Any) -> Any:
        shortcut, residual = _pair(inputs_shape, inputs_shape)
        return tuple(
            b if a is None else a for a, b in zip(shortcut, residual, strict=True)
        )


def _pair(inputs: Any, shapes: Any) -> Any:
    """Returns the inputs if they are two of one shape; unknown sizes fit any."""
    if isinstance(inputs, list | tuple) and len(inputs) == 2:
        first, second = map(tuple, shapes)
        sizes = zip(first, second, strict=False)
        if len(first) == len(second) and all(
            a == b or None in (a, b) for a, b in sizes
        ):
            return inputs
    raise ValueError(
        "Expected a list of two tensors of one shape, [shortcut, residual], received "
        f"shape(s) {shapes}. Project the shortcut if the block changes its shape."
    )
