"""By which engine samples are changed, and the host call inside `tf.data`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from domain_core.arrays.host_call import Spec, host_call, is_ragged_tensor, is_symbolic
from domain_core.arrays.operations import is_backend_tensor


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
        function: takes a dict of arrays and the index; gives a dict of arrays. Images
            of different sizes, ragged tensors here, are lists there.
        inputs: TensorFlow tensors, in nested dicts.
        index: of the samples, a tensor, a number or None.
        out: a `Spec` for each array that is given; a ragged one `(B, None, None, C)`
            for images of different sizes.
    """
    flat = {key: to_parts(value) for key, value in inputs.items()}
    specs = {key: _part_specs(spec) for key, spec in out.items()}
    results = host_call(_Ordered(function, specs), (flat, index), specs)
    return {key: _from_parts(value) for key, value in results.items()}


class _Ordered:
    """Hands over results in the order in which they are expected."""

    def __init__(self, function: Callable[..., Any], out: dict[str, Any]) -> None:
        self._function = function
        self._out = out

    def __call__(self, inputs: Any, index: Any) -> dict[str, Any]:
        images = {key: _to_images(value) for key, value in inputs.items()}
        return _like(self._out, self._function(images, index))


def _like(order: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    ordered = {}
    for key, value in order.items():
        if _are_parts(value):
            ordered[key] = _of_images(results[key])
        elif isinstance(value, dict):
            ordered[key] = _like(value, results[key])
        else:
            ordered[key] = results[key]
    return ordered


# Images of different sizes cross as all their pixels, and the lengths of their rows.
_PIXELS, _HEIGHTS, _WIDTHS = "pixels of all", "heights", "widths of all rows"


def _are_parts(value: Any) -> bool:
    return isinstance(value, dict) and _PIXELS in value


def to_parts(tensor: Any) -> Any:
    """Returns dense tensors for a ragged one of images, all else as it is."""
    if not is_ragged_tensor(tensor) or len(tensor.shape) != 4:
        return tensor
    import tensorflow as tf

    rows = tensor.values
    if not is_ragged_tensor(rows):  # All are of one width.
        rows = tf.RaggedTensor.from_tensor(rows)
    heights, widths = tensor.row_lengths(), rows.row_lengths()
    return {_PIXELS: rows.flat_values, _HEIGHTS: heights, _WIDTHS: widths}


def ragged_to_list(value: Any) -> Any:
    """Returns a list of arrays for a ragged tensor of images that has values."""
    parts = to_parts(value)
    if not _are_parts(parts):
        return value
    return _to_images({key: part.numpy() for key, part in parts.items()})


def list_to_ragged(images: list[np.ndarray]) -> Any:
    """Returns a ragged tensor of a list of images."""
    import tensorflow as tf

    parts = {key: tf.constant(value) for key, value in _of_images(images).items()}
    return _from_parts(parts)


def _part_specs(spec: Any) -> Any:
    if isinstance(spec, dict) or not spec.ragged:
        return spec
    return {
        _PIXELS: Spec(spec.dtype, (None, *spec.shape[3:])),
        _HEIGHTS: Spec("int64", spec.shape[:1]),
        _WIDTHS: Spec("int64", (None,)),
    }


def _from_parts(parts: Any) -> Any:
    if not _are_parts(parts):
        return parts
    import tensorflow as tf

    return tf.RaggedTensor.from_nested_row_lengths(
        parts[_PIXELS], [parts[_HEIGHTS], parts[_WIDTHS]], validate=False
    )


def _to_images(parts: Any) -> Any:
    """Cuts pixels into images, which share their memory."""
    if not _are_parts(parts):
        return parts
    pixels, heights, widths = (parts[key] for key in (_PIXELS, _HEIGHTS, _WIDTHS))
    images, row, start = [], 0, 0
    for height in heights:
        width = int(widths[row]) if height else 0
        stop = start + int(height) * width
        images.append(pixels[start:stop].reshape(height, width, -1))
        row, start = row + int(height), stop
    return images


def _of_images(images: Any) -> dict[str, np.ndarray]:
    heights = np.array([len(image) for image in images], "int64")
    widths = np.repeat([image.shape[1] for image in images], heights)
    pixels = [image.reshape(-1, image.shape[-1]) for image in images]
    return {
        _PIXELS: np.concatenate(pixels),
        _HEIGHTS: heights,
        _WIDTHS: widths.astype("int64"),
    }


def spec_of(tensor: Any) -> Spec:
    """Returns the spec of a tensor that comes back as it goes."""
    if is_ragged_tensor(tensor):
        if len(tensor.shape) == 4:
            return Spec(tensor.dtype.name, tuple(tensor.shape), ragged=True)
        return Spec("float32", (tensor.shape[0], None, *tensor.shape[2:]))
    return Spec(tensor.dtype.name, tuple(tensor.shape))


def as_written(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps TensorFlow from rewriting a function, which it would with warnings."""
    import tensorflow as tf

    return tf.autograph.experimental.do_not_convert(function)
