import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.layers import DropPath


def images(batch=4):
    return np.random.default_rng(0).uniform(1, 2, (batch, 3, 2, 5)).astype("float32")


@pytest.mark.backends
def test_drops_whole_samples_and_scales_the_rest():
    x = images(4000)
    ratio = to_numpy(DropPath(0.3, seed=0)(x, training=True)) / x
    kept = ratio[:, 0, 0, 0] != 0
    expected = np.where(kept, 1 / 0.7, 0).astype("float32")[:, None, None, None]
    assert_close(ratio, np.broadcast_to(expected, x.shape))
    # Five standard deviations of a binomial share.
    assert abs(kept.mean() - 0.7) < 5 * np.sqrt(0.3 * 0.7 / 4000)


@pytest.mark.parametrize("shape", [(300,), (300, 4), (300, 4, 5)])
def test_any_rank(shape):
    y = to_numpy(DropPath(0.5, seed=0)(np.ones(shape, "float32"), training=True))
    y = y.reshape(300, -1)
    assert set(np.unique(y)) == {0, 2}
    assert (y == y[:, :1]).all()


def test_kept_samples_are_those_of_transformers():
    torch = pytest.importorskip("torch")
    from transformers.models.convnext.modeling_convnext import ConvNextDropPath

    x = images(64)
    theirs = ConvNextDropPath(0.4).train()(torch.tensor(x)).numpy()
    ours = to_numpy(DropPath(0.4, seed=0)(x, training=True))
    both = (theirs != 0) & (ours != 0)
    assert both.any()
    assert_close(ours[both], theirs[both])


@pytest.mark.backends
def test_a_seed_reproduces_the_draws():
    x = np.ones((64, 1), "float32")
    first, again, other = (
        [to_numpy(layer(x, training=True)) for _ in range(2)]
        for layer in (DropPath(seed=0), DropPath(seed=0), DropPath(seed=1))
    )
    np.testing.assert_array_equal(first, again)
    assert (first[0] != first[1]).any()
    assert (first[0] != other[0]).any()


@pytest.mark.parametrize(("rate", "training"), [(0.9, False), (0.9, None), (0, True)])
def test_without_drops_the_input_comes_back(rate, training):
    x = keras.ops.convert_to_tensor(np.array([[0.1, np.inf, np.nan, -0.0]], "float32"))
    y = to_numpy(DropPath(rate)(x, training=training))
    assert y.tobytes() == to_numpy(x).tobytes()


@pytest.mark.parametrize("rate", [1, -0.1, "0.5", None, True, np.nan])
def test_bad_rate(rate):
    with pytest.raises(ValueError, match=r"`rate` to be a number in \[0, 1\)"):
        DropPath(rate)
