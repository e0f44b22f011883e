import numpy as np
import pytest

from domain_core.pipeline.padding import RowPadding


def run(sizes, num_samples=None, batch_size=None, enabled=True):
    padding = RowPadding(num_samples, batch_size, enabled=enabled)
    starts = np.cumsum([0, *sizes[:-1]])
    return padding, [
        padding.pad({"x": np.arange(start, start + size)})["x"]
        for start, size in zip(starts, sizes, strict=True)
    ]


def test_the_last_batch_is_filled_with_its_first_sample():
    padding, batches = run([4, 4, 2], 10, 4)
    np.testing.assert_array_equal(batches[2], [8, 9, 8, 8])
    outputs = padding.strip({"y": np.concatenate(batches)})
    np.testing.assert_array_equal(outputs["y"], np.arange(10))


@pytest.mark.parametrize(
    ("count", "batch_size", "rows"), [(1, 32, 1), (3, 32, 4), (9, 32, 16), (5, 6, 6)]
)
def test_a_single_small_batch_is_filled_to_a_power_of_two(count, batch_size, rows):
    padding, batches = run([count], count, batch_size)
    assert len(batches[0]) == rows
    np.testing.assert_array_equal(padding.strip(batches[0]), np.arange(count))


def test_batches_of_a_stream_get_the_largest_size_so_far():
    padding, batches = run([3, 2, 5, 1])
    assert [len(batch) for batch in batches] == [3, 3, 5, 5]
    outputs = np.concatenate(batches)
    np.testing.assert_array_equal(padding.strip(outputs), np.arange(11))
    # Batches that were made ahead and not asked for do not count.
    np.testing.assert_array_equal(padding.strip(outputs[:6]), np.arange(5))


def test_nothing_is_filled_where_nothing_is_compiled():
    padding, batches = run([4, 1], 5, 4, enabled=False)
    assert [len(batch) for batch in batches] == [4, 1]
    outputs = np.concatenate(batches)
    assert padding.strip(outputs) is outputs


def test_outputs_that_are_not_per_sample():
    padding, _ = run([4, 2], 6, 4)
    with pytest.raises(ValueError, match="Expected one row per sample"):
        padding.strip(np.zeros((9, 2)))
