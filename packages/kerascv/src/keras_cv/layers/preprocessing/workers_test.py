"""The draws of layers in the workers of data loaders."""

import numpy as np
import pytest

from keras_cv.layers.preprocessing import RandomBrightness

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    # Forked beside JAX or TensorFlow, processes may hang.
    pytest.mark.backends("torch"),
]
IMAGE = np.full((4, 4, 3), 128, "uint8")


class Samples:
    """A dataset that augments its samples, as users of torch write it."""

    def __init__(self, by_index):
        self.layer = RandomBrightness(0.4, seed=0)
        self.by_index = by_index

    def __len__(self):
        return 24

    def __getitem__(self, i):
        index = i if self.by_index else None
        return self.layer(IMAGE, index=index)[0, 0, 0]


def epochs(dataset, workers):
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    loader = torch.utils.data.DataLoader(dataset, 4, num_workers=workers)
    return [np.concatenate([batch.numpy() for batch in loader]) for _ in range(2)]


def test_draws_by_index_do_not_depend_on_workers():
    expected, _ = epochs(Samples(by_index=True), 0)
    assert len(set(expected.tolist())) > 12
    for workers in (1, 3):
        found, _ = epochs(Samples(by_index=True), workers)
        np.testing.assert_array_equal(found, expected)


def test_workers_and_epochs_draw_anew():
    first, second = epochs(Samples(by_index=False), 2)
    assert not np.array_equal(first, second)
    # Batches go to the workers in turn.
    assert not np.array_equal(first[:4], first[4:8])
    again, _ = epochs(Samples(by_index=False), 2)
    np.testing.assert_array_equal(first, again)
