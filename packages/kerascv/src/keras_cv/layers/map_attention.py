"""Self-attention over feature maps, with relative positions, in windows or global."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from domain_core import initializer, ops
from domain_core.layers.attention import Attention
from domain_core.layers.position_indices import position_indices
from domain_core.layers.projection import bound_dense, tensor
from domain_core.layers.resized_positions import resize_line
from domain_core.serialization import serializable
from keras_cv.layers.feature_maps import as_sequence
from keras_cv.layers.windows import join_windows, split_windows

# Of an image, in one product of several heads: 16 MB stay in a cache.
_MOST_SCORES = 2**22


@serializable("kerascv")
class MapAttention(Attention):
    """Multi-head self-attention among the positions of a map, or of each window of it.

    A query adds to its score of a key what it gives, as a dot product, with a learned
    vector for the distance in rows between the two, and another one for that in
    columns. Where a map is of another size than the tables are made for, these are
    interpolated.

    Windows that reach over the edge of the map are filled up with positions of zeros,
    which are attended to, as in the original code. Their keys and values are nothing
    but the biases, so only real positions are projected.

    Args:
        num_heads: number of heads `H`; divides the width `D` of the input.
        window_size: height and width of the windows; 0 for one of the whole map.
        use_bias: whether queries, keys and values have biases; the output always has.
        use_rel_pos: whether there are relative positions.
        input_size: height and width of the maps that the tables are made for, which
            counts where there are no windows; None for those of the input.
        kernel_initializer: a Keras initializer.

    Call arguments:
        x: tensor `(B, h, w, D)`.
        context: nothing is read from it.

    Returns:
        Tensor `(B, h, w, D)`.

    Reference:
        Li et al., "Exploring Plain Vision Transformer Backbones for Object Detection",
        2022, https://arxiv.org/abs/2203.16527.
    """

    def __init__(
        self,
        num_heads: int,
        *,
        window_size: int = 0,
        use_bias: bool = True,
        use_rel_pos: bool = False,
        input_size: Sequence[int] | None = None,
        kernel_initializer: Any = "glorot_uniform",
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            num_heads,
            kernel_initializer=kernel_initializer,
            name=name,
            trainable=trainable,
            dtype=dtype,
        )
        self.window_size = window_size
        self.use_bias = use_bias
        self.use_rel_pos = use_rel_pos
        self.input_size = input_size

    def build(self, x_shape: Any, context_shape: Any = None) -> None:
        self.build_projections(x_shape, x_shape)
        if not self.use_rel_pos:
            return
        sizes = self.input_size or x_shape[1:3]
        if self.window_size:
            sizes = (self.window_size, self.window_size)
        if None in sizes:
            raise ValueError(
                "Expected `input_size`, the height and width of the maps that relative "
                f"positions are made for, where maps are of any size: {x_shape}. Pass "
                "it, or use_rel_pos=False."
            )
        width = self.query.units // self.num_heads
        self.row_positions, self.column_positions = add_distances(self, sizes, width)

    def call(self, x: Any, context: Any = None, training: bool = False) -> Any:
        policy, units = self.dtype_policy, self.query.units
        height, width = keras.ops.shape(x)[1:3]
        parts = []
        for layer in (self.query, self.key, self.value):
            part = bound_dense(layer, policy)(x)
            if self.window_size:
                bias = tensor(layer.bias, policy) if self.use_bias else None
                part = split_windows(part, self.window_size, bias)  # (B * N, s, s, D)
            parts.append(part)
        rows, columns = keras.ops.shape(parts[0])[1:3]
        query, key, value = (
            ops.split_heads(as_sequence(part), self.num_heads) for part in parts
        )  # (B * N, T, H, d), and T is s * s
        tables = None
        if self.use_rel_pos:
            tables = (
                distances(tensor(self.row_positions, policy), rows),
                distances(tensor(self.column_positions, policy), columns),
            )
        mixed = []
        for heads in self._groups(rows, columns):
            group = query[:, :, heads]
            bias = None if tables is None else position_bias(group, *tables)
            mixed.append(
                ops.attention(group, key[:, :, heads], value[:, :, heads], bias)
            )
        joined = mixed[0] if len(mixed) == 1 else keras.ops.concatenate(mixed, axis=2)
        y = keras.ops.reshape(ops.join_heads(joined), (-1, rows, columns, units))
        if self.window_size:
            y = join_windows(y, height, width)
        return bound_dense(self.out, policy)(y)

    def _groups(self, rows: Any, columns: Any) -> list[slice]:
        """Returns heads that attend at a time: the scores of all take much memory."""
        heads = self.num_heads
        if isinstance(rows, int) and isinstance(columns, int):
            heads = max(1, min(heads, _MOST_SCORES // (rows * columns) ** 2))
        return [slice(i, i + heads) for i in range(0, self.num_heads, heads)]

    def compute_output_spec(
        self, x: Any, context: Any = None, training: bool = False
    ) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)


def add_distances(layer: keras.Layer, sizes: Sequence[int], width: int) -> Any:
    """Gives a layer the tables of vectors for distances in rows and in columns.

    Args:
        layer: that is being built.
        sizes: height and width of the maps that they are made for.
        width: of a vector, `d`.
    """
    return tuple(
        layer.add_weight(
            name=name,
            shape=(2 * size - 1, width),
            initializer=initializer(keras.initializers.TruncatedNormal(0.02)),
        )
        for name, size in zip(("row_positions", "column_positions"), sizes, strict=True)
    )


def distances(table: Any, size: Any) -> Any:
    """Returns the vector for each place of a query and of a key, `(s, d, s)`.

    Args:
        table: tensor `(S, d)`, by distance.
        size: number of places, `s`.
    """
    table = resize_line(table, 2 * size - 1)
    places = position_indices(size)
    apart = places[:, None] - places[None, :] + (size - 1)  # from 0 on
    vectors = ops.take_rows(table, apart)  # (query, key, d)
    return keras.ops.transpose(vectors, (0, 2, 1))


def position_bias(query: Any, by_rows: Any, by_columns: Any) -> Any:
    """Returns what positions add to scores, `(B * N, H, T, T)`.

    Args:
        query: tensor `(B * N, T, H, d)`.
        by_rows: of `distances`, for the rows of a map.
        by_columns: likewise, for its columns.
    """
    heads, size = query.shape[2:]
    rows, columns = keras.ops.shape(by_rows)[0], keras.ops.shape(by_columns)[0]
    # Heads stay behind places: what has few numbers is moved, not the scores.
    by_row = keras.ops.matmul(
        keras.ops.reshape(query, (-1, rows, columns * heads, size)), by_rows
    )
    query = keras.ops.reshape(query, (-1, rows, columns, heads, size))
    query = keras.ops.transpose(query, (0, 2, 1, 3, 4))
    by_column = keras.ops.matmul(
        keras.ops.reshape(query, (-1, columns, rows * heads, size)), by_columns
    )
    shape = (-1, rows, columns, heads, rows)
    by_row = _moved(by_row, shape, (0, 3, 1, 2, 4))
    shape = (-1, columns, rows, heads, columns)
    by_column = _moved(by_column, shape, (0, 3, 2, 1, 4))
    # For a query in row i, column j: of (B * N, H, i, j, row) and (..., column).
    bias = keras.ops.expand_dims(by_row, -1) + keras.ops.expand_dims(by_column, -2)
    return keras.ops.reshape(bias, (-1, heads, rows * columns, rows * columns))


def _moved(x: Any, shape: Any, axes: Any) -> Any:
    """Transposes a tensor of a shape, and lays it out in memory as it is then.

    torch would else lay the sum of two such out as they lie, and copy that.
    """
    x = keras.ops.transpose(keras.ops.reshape(x, shape), axes)
    shape = (-1, *keras.ops.shape(x)[1:])
    flat = keras.ops.reshape(x, (-1, shape[-1]))
    return keras.ops.reshape(flat, shape)
