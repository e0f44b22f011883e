"""What the losses share."""

from __future__ import annotations

import numbers
from typing import Any

import keras
from keras import ops

from domain_core.arrays import operations
from domain_core.remembered_arguments import RemembersArguments
from keras_cv.bounding_box.formats import parse
from keras_cv.bounding_box.rows import PADDING

# Below it a probability counts as this.
EPSILON = 1e-7


def as_pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Returns both as tensors that are computed in float32, or in float64.

    Raises:
        ValueError: if their shapes differ.
    """
    y_true, y_pred = (
        operations.as_float(x if hasattr(x, "dtype") else ops.convert_to_tensor(x), ops)
        for x in (y_true, y_pred)
    )
    shapes = tuple(y_true.shape), tuple(y_pred.shape)
    if len(shapes[0]) != len(shapes[1]) or any(
        None not in pair and pair[0] != pair[1] for pair in zip(*shapes, strict=True)
    ):
        raise ValueError(
            "Expected `y_true` and `y_pred` of one shape, received "
            f"{shapes[0]} and {shapes[1]}. Labels are to be one-hot rows."
        )
    return ops.cast(y_true, y_pred.dtype), y_pred


def log_probabilities(y_pred: Any, from_logits: bool) -> tuple[Any, Any, Any]:
    """Returns a probability, its logarithm and that of its complement.

    From logits they are exact; probabilities are kept `EPSILON` away from 0 and 1.

    Args:
        y_pred: float tensor.
        from_logits: whether it holds logits.
    """
    if from_logits:
        return (
            ops.sigmoid(y_pred),
            ops.log_sigmoid(y_pred),
            ops.log_sigmoid(-y_pred),
        )
    # Not clipped above: 1 - 1e-7 is none of the numbers in float32.
    return (
        y_pred,
        ops.log(ops.maximum(y_pred, EPSILON)),
        ops.log(ops.maximum(1.0 - y_pred, EPSILON)),
    )


def power(base: Any, exponent: float) -> Any:
    """Returns a power of numbers in [0, 1] whose gradient is finite at 0."""
    return ops.power(ops.maximum(base, 1e-20), exponent)


def as_number(name: str, value: Any, above: float | None = None) -> float:
    """Returns a number that is not negative as a float.

    Args:
        name: of the argument.
        value: what was passed.
        above: below the smallest that makes sense.

    Raises:
        ValueError: if it is none.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Real)
        or not (float(value) >= 0 if above is None else float(value) > above)
    ):
        limit = "of at least 0" if above is None else f"above {above:g}"
        raise ValueError(
            f"Expected `{name}` to be a number {limit}, received {value!r:.200}."
        )
    return float(value)


class BoxLoss(RemembersArguments, keras.losses.Loss):
    """How far boxes are off, one by one.

    A subclass writes `box_loss`. Where `y_true` is padding, -1, the loss is 0, and the
    mean over an axis leaves it out.

    Args:
        bounding_box_format: of both, see `keras_cv.bounding_box.convert_format`.
        axis: over which axis of the boxes' losses the mean is taken; "no_reduction" for
            none, which gives a loss per box, as weights per box need it.
        reduction: see `keras.losses.Loss`.
        name: of the loss.
        dtype: of the loss.

    Raises:
        ValueError: if there is no such format or axis.
    """

    def __init__(
        self,
        bounding_box_format: str,
        axis: int | str | None = "no_reduction",
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        parse(bounding_box_format)
        if isinstance(axis, bool) or not (
            axis is None or axis == "no_reduction" or isinstance(axis, int)
        ):
            raise ValueError(
                'Expected `axis` to be an integer, None or "no_reduction", received '
                f"{axis!r:.200}."
            )
        self.bounding_box_format = bounding_box_format
        self.axis = axis

    def box_loss(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the losses `(...)` of boxes `(..., 4)`."""
        raise NotImplementedError(f"{type(self).__name__} must write `box_loss`.")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if sample_weight is not None and self.axis != "no_reduction":
            shape = tuple(ops.shape(sample_weight))
            axes = 0 if self.axis is None else len(y_pred.shape) - 2
            if any(length != 1 for length in shape[axes:]):
                raise ValueError(
                    "Expected a weight for each of the losses, which are averaged over "
                    f"boxes here, received `sample_weight` of shape {shape} for "
                    f"`y_pred` of shape {tuple(y_pred.shape)}. For weights of boxes "
                    'construct the loss with axis="no_reduction".'
                )
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = as_pair(y_true, y_pred)
        if y_pred.shape[-1] != 4:
            raise ValueError(
                "Expected boxes with four numbers each on the last axis, received the "
                f"shape {tuple(y_pred.shape)}."
            )
        is_box = ops.any(ops.not_equal(y_true, PADDING), axis=-1)
        # Inside too: a loss that is multiplied by 0 can still have a NaN for gradient.
        y_pred = ops.where(is_box[..., None], y_pred, 0.0)
        losses = ops.where(is_box, self.box_loss(y_true, y_pred), 0.0)
        if self.axis == "no_reduction":
            return losses
        count = ops.sum(ops.cast(is_box, losses.dtype), axis=self.axis)
        return ops.sum(losses, axis=self.axis) / ops.maximum(count, 1.0)
