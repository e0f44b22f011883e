"""Whether a program is traced to be run by something else than its backend.

Such a program can't ask for values, and knows fewer operations.
"""

from __future__ import annotations

from typing import Any

import keras

if keras.config.backend() == "torch":
    import torch

    def _is_exporting(x):
        return torch.compiler.is_exporting() or torch.jit.is_tracing()

elif keras.config.backend() == "jax":

    def _is_exporting(x):
        # JAX tells only by lengths that are symbols.
        return not all(isinstance(length, int) for length in x.shape)

else:

    def _is_exporting(x):
        return False


def is_exporting(x: Any) -> bool:
    """Whether the program that computes `x` is on its way into a file.

    JAX tells where the size of the batch is left open, not where it is fixed.

    Args:
        x: tensor of the program.
    """
    return _is_exporting(x)
