"""What the metrics of text share."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Any, Self

import keras
import numpy as np

from domain_core.arrays.host_call import is_symbolic, to_host
from domain_core.remembered_arguments import RemembersArguments
from domain_core.text.text_inputs import as_texts


class MergeableMetric(RemembersArguments, keras.metrics.Metric):
    """A metric whose variables are sums, so that metrics of parts can be added up.

    Args:
        dtype: float type of the result.
        name: name of the metric.

    Raises:
        ValueError: if `dtype` is no float type.
    """

    def __init__(self, dtype: Any, name: str) -> None:
        dtype = keras.backend.standardize_dtype(dtype)
        if not keras.backend.is_float_dtype(dtype):
            raise ValueError(
                f"Expected `dtype` to be a float type, received {dtype!r}."
            )
        super().__init__(dtype=dtype, name=name)

    def merge_state(self, metrics: Iterable[Self]) -> None:
        """Adds what other metrics of the same kind have seen.

        Args:
            metrics: metrics constructed like this one, as on other machines.

        Raises:
            ValueError: if one is of another kind.
        """
        for metric in metrics:
            self._check_like(metric)
            for variable, other in zip(self.variables, metric.variables, strict=True):
                variable.assign(variable + other)

    def _check_like(self, metric: keras.metrics.Metric) -> None:
        shapes = [[v.shape for v in m.variables] for m in (self, metric)]
        if type(metric) is not type(self) or shapes[0] != shapes[1]:
            raise ValueError(
                f"Expected metrics constructed like {self.name!r} of type "
                f"{type(self).__name__}, received {metric.name!r} of type "
                f"{type(metric).__name__}."
            )


class SampleMetric(MergeableMetric):
    """A metric of strings or tokens, from sums of statistics over samples.

    It is computed on the host, outside of compiled steps: call it yourself, or compile
    a model with `run_eagerly=True`. A subclass writes `statistics` and `from_sums`.

    Args:
        size: how many statistics there are.
        dtype: float type of the result.
        name: name of the metric.
    """

    def __init__(self, size: int, dtype: Any, name: str) -> None:
        super().__init__(dtype, name)
        # The sum, and what float32 rounds off it: counts stay exact beyond 2 ** 24.
        self._sums = self.add_variable(
            (2, size), initializer="zeros", dtype="float32", name="sums"
        )

    def statistics(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """Returns the statistics of each sample, `(B, size)`.

        Args:
            y_true: as `update_state` got it, without TensorFlow's tensors.
            y_pred: likewise.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `statistics`.")

    def from_sums(self, sums: np.ndarray) -> Any:
        """Returns the result as a float, or several in a dict."""
        raise NotImplementedError(f"{type(self).__name__} must write `from_sums`.")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if is_symbolic((y_true, y_pred)):
            raise ValueError(
                f"{type(self).__name__} is computed on the host, but was called in a "
                "compiled step. Call it on the outputs of `predict`, or compile the "
                "model with run_eagerly=True."
            )
        statistics = self.statistics(to_host(y_true), to_host(y_pred))
        weights = _as_weights(sample_weight, len(statistics))
        self._add(weights @ np.asarray(statistics, np.float64))

    def merge_state(self, metrics: Iterable[Self]) -> None:
        for metric in metrics:
            self._check_like(metric)
            self._add(metric.sums())

    def result(self) -> Any:
        result = self.from_sums(self.sums())
        return keras.tree.map_structure(
            lambda value: keras.ops.convert_to_tensor(value, dtype=self.dtype), result
        )

    def sums(self) -> np.ndarray:
        """Returns the sums over all samples so far, float64 `(size,)`."""
        return keras.ops.convert_to_numpy(self._sums.value).astype(np.float64).sum(0)

    def _add(self, sums: np.ndarray) -> None:
        exact = self.sums() + sums
        rounded = exact.astype(np.float32)
        self._sums.assign(np.stack([rounded, exact - rounded]).astype(np.float32))


def one_text_each(inputs: Any, name: str) -> list[str]:
    """Reads strings of the shape `()`, `(B,)` or `(B, 1)`."""
    if isinstance(inputs, np.ndarray) and inputs.ndim == 2 and inputs.shape[1] == 1:
        inputs = inputs[:, 0]
    if isinstance(inputs, list | tuple):
        inputs = [_only(text) for text in inputs]
    return as_texts(inputs, name)[0]


def require_same_size(y_true: Sized, y_pred: Sized) -> None:
    """Raises ValueError if there are not as many references as predictions."""
    if len(y_true) != len(y_pred):
        raise ValueError(
            "Expected `y_true` and `y_pred` with the same number of samples, received "
            f"{len(y_true)} and {len(y_pred)}."
        )


def _only(text: Any) -> Any:
    is_row = isinstance(text, list | tuple | np.ndarray) and len(text) == 1
    return text[0] if is_row else text


def _as_weights(sample_weight: Any, batch: int) -> np.ndarray:
    if sample_weight is None:
        return np.ones(batch)
    weights = keras.ops.convert_to_numpy(sample_weight).astype(np.float64)
    if weights.size != batch or weights.shape[:1] not in ((batch,), ()):
        raise ValueError(
            f"Expected `sample_weight` to be a number per sample, {batch} in all, "
            f"received an array of shape {weights.shape}."
        )
    if not (weights >= 0).all():
        raise ValueError("Expected no negative or NaN `sample_weight`.")
    return weights.reshape(batch)
