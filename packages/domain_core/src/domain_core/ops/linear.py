"""Affine map of the last axis, in the form that each backend runs fastest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

if keras.config.backend() == "torch":
    import torch
    from torch.nn import functional

    # For many numbers oneDNN is quicker than what torch takes on a CPU: of 8 rows on a
    # core of an AMD EPYC by 30 % from 768 to 3072, by 40 % to a vocabulary of 50,000;
    # for few numbers it is slower. It knows no gradients.
    _MANY = 2**20
    _one_dnn = (
        getattr(torch.ops.mkldnn, "_linear_pointwise", None)
        if torch.backends.mkldnn.is_available()
        else None
    )

    def _linear(x, kernel, bias):
        return functional.linear(x, kernel.t(), bias)

    def _bound_linear(kernel, bias):
        weight = kernel.t()
        if _one_dnn is None or not _is_for_one_dnn(weight):
            return lambda x: functional.linear(x, weight, bias)
        # A single row is quick unless a kernel lies the other way: a tied embedding.
        fewest = 1 if weight.is_contiguous() else 3

        def apply(x):
            if (
                torch.is_inference_mode_enabled()
                and x.numel() >= fewest * x.shape[-1]
                and x.dtype == torch.float32
                and not torch.compiler.is_compiling()
            ):
                return _one_dnn(x, weight, bias, "none", [], "")
            return functional.linear(x, weight, bias)

        return apply

    def _is_for_one_dnn(weight):
        return (
            type(weight) in (torch.Tensor, torch.nn.Parameter)
            and weight.device.type == "cpu"
            and weight.dtype == torch.float32
            and weight.numel() >= _MANY
        )

else:

    def _linear(x, kernel, bias):
        shape = keras.ops.shape(x)
        # As one matrix: on CPU a training step is 10 % slower under XLA, 3 % in
        # TensorFlow, when the kernel's gradient has to contract two axes.
        y = keras.ops.matmul(keras.ops.reshape(x, (-1, shape[-1])), kernel)
        if bias is not None:
            y = keras.ops.add(y, bias)
        return keras.ops.reshape(y, (*shape[:-1], kernel.shape[-1]))

    def _bound_linear(kernel, bias):
        return lambda x: _linear(x, kernel, bias)


def linear(x: Any, kernel: Any, bias: Any | None = None) -> Any:
    """Returns `x @ kernel + bias`.

    Args:
        x: tensor `(..., D)`.
        kernel: tensor `(D, E)`.
        bias: tensor `(E,)` or None.

    Returns:
        Tensor `(..., E)`.
    """
    return _linear(x, kernel, bias)


def bound_linear(kernel: Any, bias: Any | None = None) -> Callable[[Any], Any]:
    """Returns `x -> linear(x, kernel, bias)`, which is quicker where it runs often."""
    return _bound_linear(kernel, bias)
