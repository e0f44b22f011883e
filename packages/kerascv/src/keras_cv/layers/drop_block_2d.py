"""Drops square regions of feature maps."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.arguments import as_positive_int, as_rate
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.layers.feature_maps import check_feature_map


@serializable("kerascv")
class DropBlock2D(RemembersArguments, keras.layers.Layer):
    """Zeroes blocks of feature maps at random in training.

    As in the paper, blocks lie wholly inside the map and each channel draws its own;
    the rest is divided by the share that is left, over the whole batch. A block starts
    at each possible position with probability
    `rate * (H * W) / (h * w) / ((H - h + 1) * (W - w + 1))`, for blocks of `(h, w)`, so
    that about `rate` of all values is dropped; less where blocks overlap. On a map
    smaller than the block, the block is as large as the map.

    Args:
        rate: share of values to drop, in `[0, 1)`.
        block_size: height and width of the blocks in cells of the map; one integer for
            both.
        seed: integer that makes the draws reproducible; None for a random one.

    Call arguments:
        x: tensor `(B, H, W, C)`.
        training: without it, `x` is returned as it is.

    Returns:
        Tensor `(B, H, W, C)` in the compute dtype.

    Raises:
        ValueError: if `rate` is outside `[0, 1)`, `block_size` is not one or two
            positive integers, or the input is no batch of feature maps.

    Reference:
        Ghiasi et al., "DropBlock: A regularization method for convolutional networks",
        2018, https://arxiv.org/abs/1810.12890.

    Example:
        >>> layer = keras_cv.layers.DropBlock2D(rate=0.1, block_size=(3, 2), seed=0)
        >>> y = layer(np.ones((8, 11, 6, 4), "float32"), training=True)
        >>> tuple(y.shape)
        (8, 11, 6, 4)
    """

    def __init__(
        self,
        rate: float,
        block_size: int | tuple[int, int],
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.rate = as_rate("rate", rate)
        self.block_size = _as_pair(block_size)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, x_shape: Any) -> None:
        check_feature_map(x_shape)

    def call(self, x: Any, training: bool = False) -> Any:
        if not training or not self.rate:
            return x
        keep = 1 - self._blocks(keras.ops.shape(x))
        # All may be dropped: then zero is divided by a little, not by zero.
        keep = keep / keras.ops.maximum(keras.ops.mean(keep), 1e-12)
        return x * keras.ops.cast(keep, x.dtype)

    def compute_output_shape(self, x_shape: Any) -> Any:
        return x_shape

    def _blocks(self, shape: Any) -> Any:
        """Draws where blocks lie: float32 `(B, H, W, C)`, 1 in a block, else 0."""
        batch, *sizes, channels = shape
        probability: Any = self.rate
        starts, padding = [], []
        for size, block in zip(sizes, self.block_size, strict=True):
            clipped = _minimum(size, block)
            starts.append(size - clipped + 1)
            padding.append((block - 1, clipped - 1))
            probability = probability * (size / (clipped * starts[-1]))
        draw = keras.random.uniform(
            (batch, *starts, channels), dtype="float32", seed=self.seed_generator
        )
        corners = keras.ops.cast(
            draw < keras.ops.cast(probability, "float32"), "float32"
        )
        # A cell is in a block if one starts there or up to `block - 1` cells before.
        corners = keras.ops.pad(corners, ((0, 0), *padding, (0, 0)))
        return keras.ops.max_pool(
            corners, self.block_size, strides=1, data_format="channels_last"
        )


def _as_pair(block_size: Any) -> tuple[int, int]:
    pair = block_size
    if not isinstance(block_size, list | tuple):
        pair = (block_size, block_size)
    if len(pair) != 2:
        raise ValueError(
            "Expected `block_size` to be a positive integer, or two for height and "
            f"width, received {block_size!r}."
        )
    height, width = (as_positive_int("block_size", size) for size in pair)
    return height, width


def _minimum(size: Any, block: int) -> Any:
    # In a TensorFlow graph the size may be a tensor; a Python number stays one.
    return min(size, block) if isinstance(size, int) else keras.ops.minimum(size, block)
