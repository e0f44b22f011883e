import keras
import numpy as np
import pytest

from domain_core.pipeline import PipelineModel
from domain_core.pipeline.batches import BatchDataset
from domain_core.pipeline.sources import open_source


def make(count=8, batch_size=2):
    source = open_source(list(range(count)), batch_size=batch_size, shuffle=True)
    return BatchDataset(source, lambda x, y, sample_weight: (tuple(x),))


@pytest.mark.parametrize("looked_at", [[], [0], [0, 1], [0, 0, 1]])
def test_looking_at_the_first_batches_does_not_start_an_epoch(looked_at):
    dataset = make()
    seen = [dataset[index] for index in looked_at]
    dataset.on_epoch_end()
    first = [dataset[index] for index in range(4)]
    dataset.on_epoch_end()
    assert seen == [first[index] for index in looked_at]
    assert first != [dataset[index] for index in range(4)]


@pytest.mark.parametrize("num_batches", [1, 2])
def test_short_epochs_are_shuffled_too(num_batches):
    dataset = make(6, 6 // num_batches)
    epochs = set()
    dataset[0]
    for _ in range(4):
        dataset.on_epoch_end()
        epochs.add(tuple(dataset[index] for index in range(num_batches)))
    assert len(epochs) > 1
    dataset.close()


def test_one_pass_may_be_looked_at_without_a_sign_between():
    dataset = make()  # as `predict` does
    seen = [dataset[0], dataset[1]]
    assert [dataset[index] for index in range(4)][:2] == seen
    assert sorted(np.concatenate([np.ravel(dataset[0])])) == sorted(seen[0][0])


def test_batches_are_read_in_order():
    dataset = make()
    dataset[0]
    with pytest.raises(RuntimeError, match="request for batch 1, received .* batch 3"):
        dataset[3]
    dataset.close()


@pytest.mark.backends("tensorflow")
def test_batches_of_other_lengths_than_the_first():
    class Points(PipelineModel):
        varying_axes = {"x['points']": (1,), "y": (1,)}

    inputs = {"points": keras.Input((None, 2), name="points")}
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = Points(inputs, layer(inputs["points"]))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    batches = [
        ({"points": np.ones((3, n, 2), "float32")}, np.ones((3, n, 1), "float32"))
        for n in (4, 4, 4, 7)
    ]
    assert model.fit(iter(batches), steps_per_epoch=4, verbose=0).history["loss"] == [1]
    assert model.evaluate(iter(batches), steps=4, verbose=0) == 1
