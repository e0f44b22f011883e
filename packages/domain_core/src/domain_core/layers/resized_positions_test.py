import keras
import numpy as np
import pytest

from domain_core.layers.resized_positions import resize_grid, resize_line
from domain_core.testing import assert_close, reference


def interpolated(folder, shape, sizes, mode):
    """Returns what torch makes of a random table, by its new size."""
    import numpy as np
    import torch

    table = torch.tensor(np.random.default_rng(0).normal(size=shape).astype("float32"))
    found = {}
    for size in sizes:
        y = torch.nn.functional.interpolate(
            table.movedim(-1, 0)[None], size, mode=mode, align_corners=False
        )
        found[str(size)] = y[0].movedim(0, -1).numpy()
    return found


def table(*shape):
    return keras.ops.convert_to_tensor(
        np.random.default_rng(0).normal(size=shape).astype("float32")
    )


@pytest.mark.backends
def test_as_torch_interpolates():
    sizes = [[1], [4], [7], [20]]
    expected = reference(
        "torch", interpolated, shape=[7, 3], sizes=sizes, mode="linear"
    ).arrays
    for size in sizes:
        assert_close(resize_line(table(7, 3), size[0]), expected[str(size)])
    sizes = [[4, 6], [7, 6], [4, 2], [1, 13]]
    expected = reference(
        "torch", interpolated, shape=[4, 6, 3], sizes=sizes, mode="bicubic"
    ).arrays
    for size in sizes:
        assert_close(resize_grid(table(4, 6, 3), *size), expected[str(size)])


def test_a_known_size_costs_nothing():
    line, grid = table(7, 3), table(4, 6, 3)
    assert resize_line(line, 7) is line
    assert resize_grid(grid, 4, 6) is grid


def test_half_precision_is_summed_in_full():
    half = keras.ops.cast(table(4, 6, 3), "bfloat16")
    received = resize_grid(half, 9, 5)
    assert keras.backend.standardize_dtype(received.dtype) == "bfloat16"
    full = resize_grid(keras.ops.cast(half, "float32"), 9, 5)
    assert_close(
        keras.ops.cast(received, "float32"),
        keras.ops.cast(keras.ops.cast(full, "bfloat16"), "float32"),
        rtol=0,
        atol=0,
    )


@pytest.mark.backends("tensorflow")
def test_sizes_that_only_a_run_knows():
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((), tf.int32)] * 2)
    def resize(height, width):
        return resize_grid(table(4, 6, 3), height, width)

    for size in ((4, 6), (9, 5)):
        assert_close(
            resize(*map(tf.constant, size)), resize_grid(table(4, 6, 3), *size)
        )
