"""Affine map of the last axis, in the form that each backend runs fastest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from domain_core.ops.activation import activation

if keras.config.backend() == "torch":
    import torch
    from torch.nn import functional

    # On a core of an AMD EPYC oneDNN takes 5 to 12 % less time than what torch takes on
    # a CPU, with 8 rows 30 % less from 768 to 3072 and 40 % to a vocabulary of 50,000;
    # for few numbers it is slower. It knows no gradients.
    _MANY = 2**19

    def _find_one_dnn():
        try:
            found = torch.ops.mkldnn._linear_pointwise
            one = torch.ones((1, 1))
            found(
                one, one, None, "none", [], ""
            )  # no promise of torch's: it may change
        except (AttributeError, RuntimeError, TypeError):
            return None
        return found

    _one_dnn = _find_one_dnn()

    # What it computes along, by the function that torch has for it.
    _ALONG = {
        None: ("none", ""),
        activation("relu"): ("relu", ""),
        activation("gelu"): ("gelu", "none"),
        activation("gelu_approximate"): ("gelu", "tanh"),
    }

    def _linear(x, kernel, bias):
        return _bound_linear(kernel, bias, None, transposed=False)(x)

    def _bound_linear(kernel, bias, activate, transposed):
        weight = kernel if transposed else kernel.t()
        if activate is None:

            def plain(x):
                return functional.linear(x, weight, bias)

        else:

            def plain(x):
                return activate(functional.linear(x, weight, bias))

        along = _ALONG.get(activate)
        if torch.is_grad_enabled() or along is None or not _is_for_one_dnn(weight):
            return plain
        # A single row is quick unless a kernel lies the other way: a tied embedding.
        fewest = 1 if weight.is_contiguous() else 3
        name, algorithm = along

        def apply(x):
            if (
                x.numel() < fewest * x.shape[-1]
                or x.dtype != torch.float32
                or torch.is_grad_enabled()
                or torch.compiler.is_compiling()
            ):
                return plain(x)
            return _one_dnn(x, weight, bias, name, [], algorithm)

        return apply

    def _is_for_one_dnn(weight):
        return (
            _one_dnn is not None
            and type(weight) in (torch.Tensor, torch.nn.Parameter)
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

    def _bound_linear(kernel, bias, activate, transposed):
        # Turned where it is used: turned ahead of a loop, XLA copies a table of words.
        turn = keras.ops.transpose if transposed else lambda kernel: kernel
        if activate is None:
            return lambda x: _linear(x, turn(kernel), bias)
        return lambda x: activate(_linear(x, turn(kernel), bias))


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


def bound_linear(
    kernel: Any,
    bias: Any | None = None,
    activate: Callable[[Any], Any] | None = None,
    transposed: bool = False,
) -> Callable[[Any], Any]:
    """Returns `x -> activate(linear(x, kernel, bias))`, quicker where it runs often.

    Args:
        kernel: tensor `(D, E)`.
        bias: tensor `(E,)` or None.
        activate: a function of `ops.activation`; None for none.
        transposed: whether `kernel` is `(E, D)`, as a table of embeddings is.
    """
    return _bound_linear(kernel, bias, activate, transposed)
