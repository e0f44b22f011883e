"""Windows of feature maps, as a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from domain_core.arguments import as_positive_int
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.layers.windows import join_windows, split_windows


@serializable("kerascv")
class WindowPartitioning(RemembersArguments, keras.layers.Layer):
    """Cuts maps into square windows, and joins these again.

    Args:
        window_size: height and width of a window, `s`.

    Call arguments:
        x: tensor `(B, H, W, D)`.

    Returns:
        What `partition` returns.

    Example:
        >>> layer = keras_cv.layers.WindowPartitioning(3)
        >>> windows, padded = layer.partition(np.ones((1, 4, 6, 8), "float32"))
        >>> tuple(windows.shape), padded
        ((4, 3, 3, 8), (6, 6))
        >>> tuple(layer.unpartition(windows, padded, (4, 6)).shape)
        (1, 4, 6, 8)
    """

    def __init__(
        self,
        window_size: int,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.window_size = as_positive_int("window_size", window_size)

    def call(self, x: Any) -> Any:
        return self.partition(x)

    def partition(self, x: Any) -> tuple[Any, tuple[Any, Any]]:
        """Cuts maps into windows side by side.

        Args:
            x: tensor `(B, H, W, D)`.

        Returns:
            Windows `(B * N, s, s, D)`, row by row; height and width of the maps as they
            were filled up with zeros at their bottom and their right.
        """
        x = keras.ops.convert_to_tensor(x)
        size = self.window_size
        height, width = keras.ops.shape(x)[1:3]
        return split_windows(x, size), (height + -height % size, width + -width % size)

    def unpartition(self, x: Any, HW_padded: Sequence[Any], HW: Sequence[Any]) -> Any:
        """Joins windows to maps; the inverse of `partition`.

        Args:
            x: windows `(B * N, s, s, D)`.
            HW_padded: height and width of the maps that windows fill.
            HW: height and width of the maps, without what they were filled up with.

        Returns:
            Tensor `(B, H, W, D)`.
        """
        del HW_padded  # it follows from the size
        return join_windows(x, *HW)
