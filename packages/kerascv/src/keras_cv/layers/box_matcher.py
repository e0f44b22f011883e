"""Which column of a table of similarities belongs to each row, if any does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from domain_core.arguments import is_finite
from domain_core.arrays.operations import KERAS as ops
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("kerascv")
class BoxMatcher(RemembersArguments, keras.layers.Layer):
    """Matches each row with its most similar column, and says how good that is.

    Rows are anchors, mostly, columns the boxes of an image, and their similarity the
    intersection over union. The thresholds part similarities into bands, and each band
    has a value: with thresholds `[0.4, 0.5]` and values `[-1, -2, 1]` a similarity
    below 0.4 gives -1, one of 0.5 or more 1, and any between -2.

    Args:
        thresholds: where bands begin, in ascending order.
        match_values: whole numbers, one more than thresholds.
        force_match_for_each_col: whether the row most similar to a column is matched
            with it and gets the last value, however similar they are. Not where all
            similarities of the column are 0 or less, as those of padding. Of several
            columns that claim one row, the most similar gets it.

    Call arguments:
        similarity_matrix: `(rows, columns)` or `(B, rows, columns)`; columns of padding
            hold -1.

    Returns:
        The column of each row and the value of its band, both int32 `(rows,)` or
        `(B, rows)`. Where no column is left, the column is 0 and the value the first.
        Of equal similarities the first counts.

    Raises:
        ValueError: if thresholds are not in order or values don't fit.

    Reference:
        Ren et al., "Faster R-CNN", 2015, https://arxiv.org/abs/1506.01497.

    Example:
        >>> matcher = keras_cv.layers.BoxMatcher([0.4, 0.5], [-1, -2, 1])
        >>> columns, values = matcher(np.array([[0.1, 0.7], [0.45, 0.2]]))
        >>> [keras.ops.convert_to_numpy(x).tolist() for x in (columns, values)]
        [[1, 0], [1, -2]]
    """

    def __init__(
        self,
        thresholds: Sequence[float],
        match_values: Sequence[int],
        force_match_for_each_col: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        # Thresholds are not to be compared with similarities in half precision.
        super().__init__(name=name, trainable=trainable, dtype=dtype, autocast=False)
        # No weights. Keras would trace a model around it on every batch until then.
        self.built = True
        thresholds, match_values = list(thresholds), list(match_values)
        if not all(map(is_finite, thresholds)) or sorted(thresholds) != thresholds:
            raise ValueError(
                "Expected `thresholds` to be numbers in ascending order, received "
                f"{thresholds!r:.200}."
            )
        if len(match_values) != len(thresholds) + 1 or not all(
            is_finite(value) and value == int(value) for value in match_values
        ):
            raise ValueError(
                f"Expected `match_values` to be {len(thresholds) + 1} whole numbers, "
                f"one more than thresholds, received {match_values!r:.200}."
            )
        self.thresholds = [float(threshold) for threshold in thresholds]
        self.match_values = [int(value) for value in match_values]
        self.force_match_for_each_col = force_match_for_each_col

    def call(self, similarity_matrix: Any) -> tuple[Any, Any]:
        similarity = ops.cast(similarity_matrix, "float32")
        if len(similarity.shape) not in (2, 3):
            raise ValueError(
                "Expected a similarity matrix `(rows, columns)` or `(B, rows, "
                f"columns)`, received the shape {tuple(similarity.shape)}."
            )
        if similarity.shape[-1] == 0:
            shape = ops.shape(similarity)[:-1]
            first = ops.full(shape, self.match_values[0], dtype="int32")
            return ops.zeros(shape, dtype="int32"), first
        columns = ops.cast(ops.argmax(similarity, axis=-1), "int32")  # (..., rows)
        best = ops.max(similarity, axis=-1)
        values = self.values_of(best)
        if not self.force_match_for_each_col:
            return columns, values
        highest = ops.max(similarity, axis=-2, keepdims=True)
        rows = ops.argmax(similarity, axis=-2)[..., None, :]  # (..., 1, columns)
        numbers = ops.arange(ops.shape(similarity)[-2], dtype="int32")[:, None]
        is_claimed = ops.logical_and(numbers == ops.cast(rows, "int32"), highest > 0)
        claims = ops.where(is_claimed, similarity, -1.0)  # (..., rows, columns)
        is_forced = ops.any(is_claimed, axis=-1)
        claimant = ops.cast(ops.argmax(claims, axis=-1), "int32")
        return (
            ops.where(is_forced, claimant, columns),
            ops.where(is_forced, self.match_values[-1], values),
        )

    def values_of(self, similarity: Any) -> Any:
        """Returns the values of the bands that similarities are in.

        Args:
            similarity: float tensor of any shape.

        Returns:
            Int32 of that shape.
        """
        values = ops.full_like(similarity, self.match_values[0], dtype="int32")
        for threshold, value in zip(
            self.thresholds, self.match_values[1:], strict=True
        ):
            values = ops.where(similarity >= threshold, value, values)
        return values

    def compute_output_spec(self, similarity_matrix: Any) -> Any:
        shape = tuple(similarity_matrix.shape)[:-1]
        return keras.KerasTensor(shape, "int32"), keras.KerasTensor(shape, "int32")
