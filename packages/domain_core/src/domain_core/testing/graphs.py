"""Running a function as a graph of TensorFlow, and looking at what it consists of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def in_graph(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """Compiles a function of tensors into a graph of unknown sizes.

    Args:
        function: takes TensorFlow tensors, ragged ones too.
        arguments: its arguments; a rectangle of tokens as an array, rows of different
            lengths as a list of lists.

    Returns:
        A function that runs the graph on the arguments.

    Raises:
        AssertionError: if the graph calls Python.
    """
    import tensorflow as tf

    tensors = [
        tf.ragged.constant(x, ragged_rank=1) if isinstance(x, list) else tf.constant(x)
        for x in arguments
    ]
    # Reading our source code again would take longer than the rest.
    compiled = tf.function(lambda *inputs: function(*inputs), autograph=False)
    concrete = compiled.get_concrete_function(*map(_spec, tensors))
    calls = {name for name in operations(concrete) if "PyFunc" in name}
    assert not calls, f"the graph calls Python: {sorted(calls)}"
    return lambda: concrete(*tensors)


def operations(concrete: Any) -> set[str]:
    """Returns the names of all operations of a concrete function and what it calls."""
    graph = concrete.graph.as_graph_def()
    nodes = [*graph.node]
    for function in graph.library.function:
        nodes += function.node_def
    return {node.op for node in nodes}


def to_plain(value: Any) -> Any:
    """Returns tensors, arrays and ragged rows as nested lists of numbers and str."""
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray | np.generic):
        return to_plain(value.tolist()) if value.dtype == object else value.tolist()
    if type(value).__name__.startswith("RaggedTensor"):
        return to_plain(value.to_list())
    return to_plain(value.numpy()) if hasattr(value, "numpy") else value


def _spec(tensor: Any) -> Any:
    import tensorflow as tf

    shape = [None] * tensor.shape.rank
    if isinstance(tensor, tf.RaggedTensor):
        return tf.RaggedTensorSpec(shape, tensor.dtype, ragged_rank=1)
    return tf.TensorSpec(shape, tensor.dtype)
