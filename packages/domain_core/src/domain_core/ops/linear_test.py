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


@pytest.fixture
def calls(monkeypatch):
    """Numbers of rows that the other library gets."""
    if module._one_dnn is None:
        pytest.skip("torch has no oneDNN here")
    found, one_dnn = [], module._one_dnn

    def counted(x, *arguments):
        found.append(x.numel() // x.shape[-1])
        return one_dnn(x, *arguments)

    monkeypatch.setattr(module, "_one_dnn", counted)
    return found


@pytest.mark.parametrize("is_transposed", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 1024), (2, 1024), (3, 1, 1024), (0, 1024)])
def test_large_kernels_without_gradients(shape, is_transposed, calls):
    import torch

    x = DRAW.normal(size=shape)
    kernel = torch.tensor(KERNEL, dtype=torch.float32)
    if is_transposed:  # as that of a tied embedding
        kernel = kernel.t().contiguous().t()
    bias = torch.tensor(BIAS, dtype=torch.float32)
    inputs = torch.tensor(x, dtype=torch.float32)
    for added, expected in ((bias, x @ KERNEL + BIAS), (None, x @ KERNEL)):
        with torch.no_grad():
            bound = ops.bound_linear(kernel, added)
            found = bound(inputs)
            np.testing.assert_array_equal(found, ops.linear(inputs, kernel, added))
        # Sums of 1024 products of about 1, in float32.
        np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=5e-4)
        assert bound(inputs).requires_grad is kernel.requires_grad
    rows = x.size // 1024
    assert len(calls) == 4 * (rows >= (1 if is_transposed else 3))


@pytest.mark.parametrize("name", ["relu", "gelu", "gelu_approximate", "silu"])
def test_activations_of_large_kernels(name, calls):
    import torch

    kernel = torch.tensor(KERNEL / 32, dtype=torch.float32)
    x = torch.tensor(DRAW.normal(size=(7, 1024)), dtype=torch.float32)
    activate = ops.activation(name)
    with torch.no_grad():
        found = ops.bound_linear(kernel, None, activate)(x)
    expected = activate(x @ kernel)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert calls == [7] * (name != "silu")


def test_a_large_kernel_has_gradients():
    import torch

    kernel = torch.tensor(KERNEL, dtype=torch.float32, requires_grad=True)
    x = torch.tensor(DRAW.normal(size=(4, 1024)), dtype=torch.float32)
    ops.bound_linear(kernel, None)(x).sum().backward()
    expected = np.repeat(x.numpy().sum(0)[:, None], 1024, 1)
    np.testing.assert_allclose(kernel.grad.numpy(), expected, rtol=0, atol=1e-5)
