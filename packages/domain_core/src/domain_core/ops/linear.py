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
    # a CPU, forward and backward, with 8 rows 30 % less from 768 to 3072 and 40 % to a
    # vocabulary of 50,000; for few numbers it is slower, and a gradient costs 0.15 ms.
    _LEAST = 2**16  # weights that are worth a look
    _MANY = 2**19  # weights that are worth it with few rows
    _WORK = 2**26  # products of a call that is always worth it

    def _find_one_dnn():
        one = torch.ones((1, 1))
        try:  # no promise of torch's: it may change
            found = torch.ops.mkldnn._linear_pointwise
            found(one, one, None, "none", [], "")
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

    class _Linear(torch.autograd.Function):
        """The affine map by oneDNN, with gradients of every order."""

        @staticmethod
        def forward(x, weight, bias):
            return _one_dnn(x, weight, bias, "none", [], "")

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs[:2])

        @staticmethod
        def backward(ctx, gradient):
            x, weight = ctx.saved_tensors
            of_x = of_weight = of_bias = None
            rows = gradient.reshape(-1, gradient.shape[-1])
            if ctx.needs_input_grad[0]:
                of_x = _Linear.apply(gradient, weight.t(), None)
            if ctx.needs_input_grad[1]:
                inputs = x.reshape(-1, x.shape[-1])
                if weight.is_contiguous():
                    of_weight = rows.t() @ inputs
                else:  # the gradient lies as the weight does
                    of_weight = (inputs.t() @ rows).t()
            if ctx.needs_input_grad[2]:
                of_bias = rows.sum(0)
            return of_x, of_weight, of_bias

    def _bound_linear(kernel, bias, activate, transposed):
        weight = kernel if transposed else kernel.t()

        def plain(x):
            return activated(functional.linear(x, weight, bias))

        def activated(y):
            return y if activate is None else activate(y)

        if not _is_for_one_dnn(weight):
            return plain
        enough = few = -(-_WORK // weight.numel())
        if weight.numel() >= _MANY:
            # A row is quick unless a kernel lies the other way: a tied embedding.
            few = 1 if weight.is_contiguous() else 3
        along = _ALONG.get(activate)

        def apply(x):
            if torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
                return plain(x)
            learns = torch.is_grad_enabled()
            rows = x.numel() // x.shape[-1]
            if rows < (enough if learns else few) or x.dtype != torch.float32:
                return plain(x)
            if along is not None and not learns:
                name, algorithm = along
                return _one_dnn(x, weight, bias, name, [], algorithm)
            return activated(_Linear.apply(x, weight, bias))

        return apply

    def _is_for_one_dnn(weight):
        return (
            _one_dnn is not None
            and type(weight) in (torch.Tensor, torch.nn.Parameter)
            and weight.device.type == "cpu"
            and weight.dtype == torch.float32
            and weight.numel() >= _LEAST
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


def bound_linear(
    kernel: Any,
    bias: Any | None = None,
    activate: Callable[[Any], Any] | None = None,
    transposed: bool = False,
) -> Callable[[Any], Any]:
    """Returns `x -> activate(x @ kernel + bias)`, for `x` of `(..., D)`.

    Args:
        kernel: tensor `(D, E)`.
        bias: tensor `(E,)` or None.
        activate: a function of `ops.activation`; None for none.
        transposed: whether `kernel` is `(E, D)`, as a table of embeddings is.
    """
    return _bound_linear(kernel, bias, activate, transposed)
