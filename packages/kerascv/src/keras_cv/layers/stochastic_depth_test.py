import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.layers import StochasticDepth


def pair():
    random = np.random.default_rng(0)
    return list(random.normal(size=(2, 3, 4, 5, 2)).astype("float32"))


@pytest.mark.backends
def test_training_adds_the_residual_of_all_samples_or_of_none():
    shortcut, residual = pair()
    layer = StochasticDepth(0.3, seed=0)
    kept = []
    for _ in range(400):
        y = to_numpy(layer([shortcut, residual], training=True))
        kept.append(not np.array_equal(y, shortcut))
        assert_close(y, shortcut + kept[-1] * residual)
    # Five standard deviations of a binomial share.
    assert abs(np.mean(kept) - 0.7) < 5 * np.sqrt(0.3 * 0.7 / 400)


@pytest.mark.backends
def test_inference_adds_the_expected_residual():
    shortcut, residual = pair()
    y = StochasticDepth(0.3)((shortcut, residual))
    assert_close(y, shortcut + 0.7 * residual)


def test_rate_zero_always_adds():
    shortcut, residual = pair()
    for training in (False, True):
        y = StochasticDepth(0)([shortcut, residual], training=training)
        assert_close(y, shortcut + residual)


def test_a_seed_reproduces_the_draws():
    inputs = pair()
    first, again = (
        [to_numpy(layer(inputs, training=True)) for _ in range(20)]
        for layer in (StochasticDepth(seed=0), StochasticDepth(seed=0))
    )
    np.testing.assert_array_equal(first, again)
    assert len({y.tobytes() for y in first}) == 2


def test_unknown_sizes_are_filled_in():
    shapes = [(None, None, 4, 2), (None, 3, None, 2)]
    assert StochasticDepth().compute_output_shape(shapes) == (None, 3, 4, 2)


@pytest.mark.parametrize(
    "shapes",
    [[(2, 4)], [(2, 4)] * 3, [(2, 4), (2, 5)], [(2, 4), (2, 4, 1)], [(2, 4), (2, 1)]],
)
def test_bad_inputs(shapes):
    with pytest.raises(ValueError, match="list of two tensors of one shape"):
        StochasticDepth()([np.ones(shape, "float32") for shape in shapes])


def test_one_tensor_is_no_pair():
    with pytest.raises(ValueError, match="list of two tensors of one shape"):
        StochasticDepth()(np.ones((2, 4), "float32"))


@pytest.mark.parametrize("rate", [1.0, -1, "a"])
def test_bad_rate(rate):
    with pytest.raises(ValueError, match=r"`rate` to be a number in \[0, 1\)"):
        StochasticDepth(rate)
