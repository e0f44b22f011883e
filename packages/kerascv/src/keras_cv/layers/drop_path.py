"""Drops the residual of single samples."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.arguments import as_rate
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("kerascv")
class DropPath(RemembersArguments, keras.layers.Layer):
    """Zeroes whole samples at random in training, for use on a residual branch.

    Each sample of the batch is dropped with probability `rate` and else divided by
    `1 - rate`, so that the expectation is the input. `StochasticDepth` drops the
    branch of the whole batch instead and rescales at inference.

    Args:
        rate: probability to drop a sample, in `[0, 1)`.
        seed: integer that makes the draws reproducible; None for a random one.

    Call arguments:
        x: tensor `(B, ...)`.
        training: without it, `x` is returned as it is.

    Returns:
        Tensor of the shape of `x`, in the compute dtype.

    Raises:
        ValueError: if `rate` is outside `[0, 1)`.

    Reference:
        Larsson et al., "FractalNet", 2016, https://arxiv.org/abs/1605.07648.

    Example:
        >>> x = np.ones((4, 2), "float32")
        >>> drop_path = keras_cv.layers.DropPath(rate=0.5, seed=0)
        >>> y = keras.ops.convert_to_numpy(drop_path(x, training=True))
        >>> set(y.ravel().tolist()) <= {0.0, 2.0}
        True
    """

    def __init__(
        self,
        rate: float = 0.5,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.rate = as_rate("rate", rate)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, x: Any, training: bool = False) -> Any:
        if not training or not self.rate:
            return x
        shape = (keras.ops.shape(x)[0], *[1] * (len(x.shape) - 1))
        # In float32: a 16-bit draw knows few values, and the share would be off.
        draw = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        return x * (keras.ops.cast(draw >= self.rate, x.dtype) / (1 - self.rate))

    def compute_output_shape(self, x_shape: Any) -> Any:
        return x_shape
