"""Large kernels, which torch hands to another library where there are no gradients."""

import importlib

import numpy as np
import pytest

from domain_core import ops

# The package's `linear` is the function.
module = importlib.import_module("domain_core.ops.linear")
pytestmark = pytest.mark.backends("torch")
DRAW = np.random.default_rng(0)
KERNEL, BIAS = DRAW.normal(size=(1024, 1024)), DRAW.normal(size=1024)


@pytest.mark.parametrize("is_transposed", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 1024), (2, 1024), (3, 1, 1024), (0, 1024)])
def test_large_kernels_without_gradients(shape, is_transposed, monkeypatch):
    import torch

    if module._one_dnn is None:
        pytest.skip("torch has no oneDNN here")
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return one_dnn(*arguments)

    one_dnn = module._one_dnn
    monkeypatch.setattr(module, "_one_dnn", counted)
    x = DRAW.normal(size=shape)
    kernel = torch.tensor(KERNEL, dtype=torch.float32)
    if is_transposed:  # as that of a tied embedding
        kernel = kernel.t().contiguous().t()
    bias = torch.tensor(BIAS, dtype=torch.float32)
    inputs = torch.tensor(x, dtype=torch.float32)
    for added, expected in ((bias, x @ KERNEL + BIAS), (None, x @ KERNEL)):
        with torch.inference_mode():
            found = ops.bound_linear(kernel, added)(inputs)
        # Sums of 1024 products of about 1, in float32.
        np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=5e-4)
    rows = x.size // 1024
    assert len(calls) == 2 * (rows >= (1 if is_transposed else 3))


def test_a_large_kernel_has_gradients():
    import torch

    kernel = torch.tensor(KERNEL, dtype=torch.float32, requires_grad=True)
    x = torch.tensor(DRAW.normal(size=(4, 1024)), dtype=torch.float32)
    ops.bound_linear(kernel, None)(x).sum().backward()
    expected = np.repeat(x.numpy().sum(0)[:, None], 1024, 1)
    np.testing.assert_allclose(kernel.grad.numpy(), expected, rtol=0, atol=1e-5)
