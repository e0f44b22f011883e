"""Steps that may overwrite a tensor nobody else holds; torch does without gradients.

A new tensor of a few megabytes costs more, in page faults, than the sum or the ReLU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from domain_core.ops.activation import activation

if keras.config.backend() == "torch":
    import torch

    def add_in_place(x: Any, y: Any) -> Any:
        """Returns `x + y`.

        Args:
            x: tensor that the caller made and does not use again.
            y: tensor of its shape and dtype.
        """
        return x + y if torch.is_grad_enabled() else x.add_(y)

    def activation_in_place(identifier: Any) -> Callable[[Any], Any]:
        """Returns an activation function that may overwrite its argument.

        Args:
            identifier: see `activation`.
        """
        function = activation(identifier)
        if identifier != "relu":
            return function
        return lambda x: function(x) if torch.is_grad_enabled() else x.relu_()

else:

    def add_in_place(x: Any, y: Any) -> Any:
        """Returns `x + y`; see the torch form."""
        return x + y

    activation_in_place = activation
