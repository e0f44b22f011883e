import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.layers import DropBlock2D


def dropped(layer, shape):
    """Returns where values were dropped, and checks the scale of the others."""
    y = to_numpy(layer(np.ones(shape, "float32"), training=True))
    kept = y != 0
    assert_close(y[kept], np.full(kept.sum(), 1 / kept.mean(), "float32"))
    return ~kept


def paper_probability(rate, size, block):
    """Returns the paper's probability that each cell is dropped.

    A cell stays if none of the blocks that cover it, all inside the map, is drawn.
    """
    (height, width), (h, w) = size, block
    starts = (height - h + 1, width - w + 1)
    gamma = rate * height * width / (h * w) / (starts[0] * starts[1])
    covering = np.zeros(size)
    for row in range(starts[0]):
        for column in range(starts[1]):
            covering[row : row + h, column : column + w] += 1
    return 1 - (1 - gamma) ** covering


@pytest.mark.backends
@pytest.mark.parametrize(("size", "block"), [((7, 5), (3, 2)), ((4, 9), (4, 1))])
def test_each_cell_is_dropped_as_often_as_in_the_paper(size, block):
    samples = 4000
    layer = DropBlock2D(0.25, block, seed=0)
    shares = dropped(layer, (samples // 8, *size, 8)).mean(axis=(0, 3))
    expected = paper_probability(0.25, size, block)
    # Five standard deviations of a binomial share.
    deviation = np.sqrt(expected * (1 - expected) / samples)
    assert (np.abs(shares - expected) < 5 * deviation).all()


def test_what_is_dropped_are_whole_blocks():
    mask = dropped(DropBlock2D(0.2, (3, 2), seed=0), (8, 11, 6, 4))
    windows = np.lib.stride_tricks.sliding_window_view(mask, (3, 2), axis=(1, 2))
    corners = windows.all(axis=(-2, -1))
    blocks = np.zeros_like(mask)
    for row in range(3):
        for column in range(2):
            blocks[:, row : row + 9, column : column + 5] |= corners
    np.testing.assert_array_equal(blocks, mask)
    assert 0.1 < mask.mean() < 0.3
    # Samples and channels draw their own; one in nine draws no block.
    maps = np.moveaxis(mask, -1, 1).reshape(32, -1)
    assert len({row.tobytes() for row in maps}) > 20


def test_a_small_map_is_dropped_as_a_whole():
    mask = dropped(DropBlock2D(0.25, 7, seed=0), (500, 2, 3, 8))
    share = mask[:, 0, 0].mean()
    assert (mask == mask[:, :1, :1]).all()
    assert abs(share - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 4000)


def test_all_dropped_is_zero():
    x = np.ones((1, 2, 2, 1), "float32")
    layer = DropBlock2D(0.99, 2, seed=0)
    assert 0 in [to_numpy(layer(x, training=True)).sum() for _ in range(5)]


@pytest.mark.backends
def test_a_seed_reproduces_the_draws():
    x = np.ones((8, 11, 6, 4), "float32")
    first, again, other = (
        [to_numpy(layer(x, training=True)) for _ in range(2)]
        for layer in (DropBlock2D(0.3, (3, 2), seed) for seed in (0, 0, 1))
    )
    np.testing.assert_array_equal(first, again)
    assert (first[0] != first[1]).any()
    assert (first[0] != other[0]).any()


@pytest.mark.parametrize(("rate", "training"), [(0.9, False), (0.9, None), (0, True)])
def test_without_drops_the_input_comes_back(rate, training):
    x = np.array([0.1, np.inf, np.nan, -0.0], "float32").reshape(1, 2, 2, 1)
    y = to_numpy(
        DropBlock2D(rate, 2)(keras.ops.convert_to_tensor(x), training=training)
    )
    assert y.tobytes() == x.tobytes()


@pytest.mark.backends("tensorflow")
def test_sizes_unknown_to_a_tensorflow_graph():
    import tensorflow as tf

    layer = DropBlock2D(0.4, (3, 2), seed=0)
    spec = tf.TensorSpec((None, None, None, 2))
    function = tf.function(lambda x: layer(x, training=True), input_signature=[spec])
    for shape in [(2, 9, 5, 2), (2, 2, 5, 2), (2, 1, 1, 2)]:
        eager = DropBlock2D(0.4, (3, 2), seed=0)
        layer.seed_generator.state.assign(eager.seed_generator.state)
        x = tf.ones(shape)
        assert_close(function(x), eager(x, training=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 2), r"`rate` to be a number in \[0, 1\)"),
        ((0.1, 0), "`block_size` to be a positive integer"),
        ((0.1, 2.0), "`block_size` to be a positive integer"),
        ((0.1, (2, -1)), "`block_size` to be a positive integer"),
        ((0.1, (2, 2, 2)), "or two for height and width"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DropBlock2D(*arguments)


def test_bad_rank():
    with pytest.raises(ValueError, match=r"shape \(B, H, W, C\)"):
        DropBlock2D(0.1, 2)(np.ones((2, 3, 4), "float32"))
