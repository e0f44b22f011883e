"""Tensors of the backend that are changed on the host all the same.

TensorFlow runs a layer of many small operations several times slower than NumPy does,
and has no backend tensor of images of different sizes; JPEG is made on the host alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from domain_core.arrays.host_call import is_ragged_tensor, to_host
from domain_core.arrays.operations import map_leaves
from keras_cv.augmentation.route_choice import list_to_ragged, ragged_to_list


def suits_host(leaves: list[Any], needs_host: bool) -> bool:
    """Whether tensors of the backend are better changed by NumPy.

    Those of TensorFlow are that have values and lie in the memory of the host.

    Args:
        leaves: all tensors of the samples, images first.
        needs_host: whether nothing else can do it.
    """
    images = leaves[0]
    if not _has_values(images):
        return False
    if needs_host or keras.backend.backend() != "tensorflow":
        return needs_host
    if any(map(is_ragged_tensor, leaves)):
        return True
    return "GPU" not in images.device


def _has_values(images: Any) -> bool:
    backend = keras.backend.backend()
    if isinstance(images, keras.KerasTensor):
        return False
    if backend == "tensorflow":
        import tensorflow as tf

        # A graph may hold tensors that had values before it was traced.
        return bool(tf.executing_eagerly())
    if backend == "jax":
        import jax

        return not isinstance(images, jax.core.Tracer)
    import torch

    return images.device.type != "meta" and not torch.compiler.is_compiling()


def to_arrays(structure: Any) -> Any:
    """Returns tensors as NumPy arrays, ragged ones of images as lists of such."""

    def convert(value: Any) -> Any:
        if is_ragged_tensor(value):
            return to_host(ragged_to_list(value))
        return ops.convert_to_numpy(value) if ops.is_tensor(value) else value

    ops = keras.ops
    return map_leaves(convert, structure)


def to_tensors(structure: Any) -> Any:
    """Returns arrays as tensors; a list of images as a ragged one.

    Only TensorFlow has those: of others, a list of tensors.
    """

    def convert(value: Any) -> Any:
        if isinstance(value, list):
            if keras.backend.backend() == "tensorflow":
                return list_to_ragged(value)
            return [convert(image) for image in value]
        is_array = isinstance(value, np.ndarray | np.generic)
        return keras.ops.convert_to_tensor(value) if is_array else value

    return map_leaves(convert, structure)


def cast(images: Any, dtype: str) -> Any:
    """Returns images, an array or a list of arrays, as another float dtype."""
    if isinstance(images, list):
        return [cast(image, dtype) for image in images]
    return images.astype(dtype, copy=False)


def with_gradient(images: Any, changed: Any, change: Callable[[Any], Any]) -> Any:
    """Returns tensors of TensorFlow that were made on the host, with a gradient.

    Args:
        images: what they were made of.
        changed: the tensors.
        change: makes the same of `images` by operations of TensorFlow; called when a
            gradient is asked for.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def known(images: Any) -> Any:
        def gradient(upstream: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(images)
                again = change(images)
            return tape.gradient(again, images, upstream)

        return tf.identity(changed), gradient

    return known(images)
