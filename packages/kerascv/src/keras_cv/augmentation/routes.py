"""By which engine samples are changed, and the host call inside `tf.data`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from domain_core.host_call import Spec, host_call, is_symbolic
from keras_cv.array_ops import is_backend_tensor


def route(tensors: list[Any], graph: bool) -> str:
    """Returns where samples are changed.

    Args:
        tensors: all arrays of the samples, images first.
        graph: whether graphs of TensorFlow have to stay pure.

    Returns:
        "host", "host call", "graph" (TensorFlow operations) or "backend".
    """
    if is_symbolic(*tensors):
        if keras.backend.backend() == "tensorflow" and not in_dataset():
            return "backend"
        return "graph" if graph else "host call"
    return "backend" if is_backend_tensor(tensors[0]) else "host"


def in_dataset() -> bool:
    """Whether TensorFlow is tracing a function of a `tf.data.Dataset`."""
    import tensorflow as tf

    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        if (getattr(graph, "name", None) or "").startswith("Dataset_"):
            return True
        graph = getattr(graph, "outer_graph", None)
    return False


def call_on_host(
    function: Callable[..., Any],
    inputs: dict[str, Any],
    index: Any,
    out: dict[str, Any],
) -> dict[str, Any]:
    """Calls a function of samples and their index whenever the graph runs.

    Args:
        function: takes a dict of arrays and the index; gives a dict of arrays.
        inputs: TensorFlow tensors, in nested dicts.
        index: of the samples, a tensor, a number or None.
        out: a `Spec` for each array that is given.
    """
    return dict(host_call(_Ordered(function, out), (inputs, index), out))


class _Ordered:
    """Hands over results in the order in which they are expected."""

    def __init__(self, function: Callable[..., Any], out: dict[str, Any]) -> None:
        self._function = function
        self._out = out

    def __call__(self, inputs: Any, index: Any) -> dict[str, Any]:
        return _like(self._out, self._function(inputs, index))


def _like(order: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _like(value, results[key]) if isinstance(value, dict) else results[key]
        for key, value in order.items()
    }


def spec_of(tensor: Any) -> Spec:
    """Returns the spec of a tensor that comes back as it goes."""
    if hasattr(tensor, "row_lengths"):
        return Spec("float32", (tensor.shape[0], None, *tensor.shape[2:]))
    return Spec(tensor.dtype.name, tuple(tensor.shape))
