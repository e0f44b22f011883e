import numpy as np
import pytest

from domain_core.pipeline.sources import as_targets, open_source


def sizes(source):
    return [len(x) for x, _, _ in source]


def test_batch_sizes():
    x = list(range(10))
    assert sizes(open_source(x, batch_size=4)) == [4, 4, 2]
    assert open_source(x, batch_size=4).num_batches == 3
    assert sizes(open_source(x)) == [10]  # 32
    assert sizes(open_source(x, steps=4)) == [3, 3, 3, 1]  # as many as steps
    assert sizes(open_source(x, batch_size=8, steps=4)) == [8, 2]


def test_split_takes_the_last_samples():
    source = open_source(list("abcdefgh"), np.arange(8), batch_size=3, shuffle=True)
    first, last = source.split(0.3, batch_size=None, steps=None)
    assert sorted(x for batch, _, _ in first for x in batch) == list("abcde")
    assert [batch for batch, _, _ in last] == [["f", "g", "h"]]
    assert sizes(source.split(0.5, batch_size=2, steps=None)[1]) == [2, 2]


def test_a_generator_is_kept_when_no_steps_are_given():
    source = open_source(["a"] * size for size in (3, 2))
    assert source.num_batches == 2
    assert sizes(source) == sizes(source) == [3, 2]


def test_targets_in_lists():
    y = as_targets({"labels": [0, 1], "boxes": [np.zeros((1, 4)), np.zeros((2, 4))]})
    assert isinstance(y["labels"], np.ndarray)
    assert isinstance(y["boxes"], list)


def test_samples_of_a_batch_are_counted():
    source = open_source(iter([(["a", "b"], [0])]))
    with pytest.raises(ValueError, match="x: 2, y: 1"):
        list(source)
