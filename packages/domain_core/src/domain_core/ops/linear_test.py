"""Large kernels, which torch hands to another library."""

import numpy as np
import pytest

from domain_core import ops
from domain_core.ops import linear as module

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
def test_large_kernels(shape, is_transposed, calls):
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
        # Sums of 1024 products of about 1, in float32.
        np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=5e-4)
    rows = x.size // 1024
    assert len(calls) == 2 * (rows >= (1 if is_transposed else 3))


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
    assert calls == [7]


@pytest.mark.parametrize("is_transposed", [False, True])
@pytest.mark.parametrize("frozen", [None, 0, 1, 2])
def test_gradients_of_large_kernels(frozen, is_transposed, calls):
    """Of the first and second order, those of what torch has; they lie the same way."""
    import torch

    values = [DRAW.normal(size=(2, 64, 1024)), KERNEL / 32, BIAS]
    inputs = [torch.tensor(v, dtype=torch.float32, requires_grad=True) for v in values]
    if frozen is not None:
        inputs[frozen].requires_grad_(False)
    learn = [x for x in inputs if x.requires_grad]

    def plain(x, kernel, bias):
        weight = kernel if is_transposed else kernel.t()
        return torch.nn.functional.linear(x, weight, bias)

    def ours(x, kernel, bias):
        return ops.bound_linear(kernel, bias, transposed=is_transposed)(x)

    def gradients(function):
        loss = function(*inputs).tanh().square().mean()
        first = torch.autograd.grad(loss, learn, create_graph=True)
        penalty = sum(x.square().mean() for x in first)
        return [*first, *torch.autograd.grad(penalty, learn)]

    found, expected = gradients(ours), gradients(plain)
    assert calls
    for one, other in zip(found, expected, strict=True):
        largest = other.abs().max()
        torch.testing.assert_close(one / largest, other / largest, rtol=0, atol=1e-5)
        assert one.stride() == other.stride()


def test_large_kernels_in_what_torch_makes_of_functions(calls):
    """Its functional gradients and its mixed precision."""
    import torch

    x = torch.tensor(DRAW.normal(size=(64, 1024)), dtype=torch.float32)
    kernel = torch.tensor(KERNEL / 32, dtype=torch.float32)

    def loss(kernel):
        return ops.bound_linear(kernel)(x).square().mean()

    def plain(kernel):
        return (x @ kernel).square().mean()

    found, expected = (torch.func.grad(f)(kernel) for f in (loss, plain))
    torch.testing.assert_close(found, expected)
    assert calls
    calls.clear()
    with torch.autocast("cpu", torch.bfloat16):
        assert ops.bound_linear(kernel)(x).dtype == torch.bfloat16
    assert not calls


@pytest.mark.parametrize(
    "rows, inner, learns, goes",
    [
        (2, 1024, False, False),
        (3, 1024, False, True),
        (3, 1024, True, False),
        (64, 1024, True, True),
        (64, 256, False, False),
        (1024, 64, False, True),
        (1024, 64, True, True),
        (4096, 32, True, False),
    ],
)
def test_what_is_worth_it(rows, inner, learns, goes, calls):
    import torch

    x, kernel = torch.ones((rows, 1024)), torch.ones((1024, inner))
    with torch.set_grad_enabled(learns):
        ops.bound_linear(kernel)(x)
    assert calls == [rows] * goes
