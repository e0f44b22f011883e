"""`fit`, `evaluate` and `predict` read every kind of dataset of raw batches alike."""

import threading

import keras
import numpy as np
import pytest

from domain_core.pipeline import PipelineModel
from domain_core.pipeline.prefetch import THREAD_NAME

TEXTS = ["a", "ab", "abb", "bbb", "aaaa", "c", "dc", "aab", "ba", "xa", "bca"]
LABELS = np.array([0.5, 1.0, 2.0, 1.0, 0.0, 0.0, 1.0, 2.0, 1.0, 0.0, 2.0], "float32")
BATCH_SIZE = 4


class TextModel(PipelineModel):
    """A linear model of two features of texts."""

    def preprocess_samples(self, x, y=None, sample_weight=None):
        texts = [text.decode() if isinstance(text, bytes) else text for text in x]
        assert all(isinstance(text, str) for text in texts)
        counts = [[text.count("a"), len(text)] for text in texts]
        return np.array(counts, "float32"), y, sample_weight


@pytest.fixture(scope="module")
def model():
    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(1, kernel_initializer="ones")(inputs)
    model = TextModel(inputs=inputs, outputs=outputs)
    model.compile(keras.optimizers.SGD(0.01), "mse", weighted_metrics=["mae"])
    return model


def batches(*parts):
    """Yields batches of the parts, the last one smaller."""
    for start in range(0, len(TEXTS), BATCH_SIZE):
        yield tuple(part[start : start + BATCH_SIZE] for part in parts)


class Sequence(keras.utils.PyDataset):
    def __init__(self, *parts, **options):
        super().__init__(**options)
        self.batches = list(batches(*parts))
        self.epochs = []

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]

    def on_epoch_begin(self):
        self.epochs.append("begin")

    def on_epoch_end(self):
        self.epochs.append("end")


def tf_data(*parts):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices(parts).batch(BATCH_SIZE)


def tf_data_of_unknown_length(*parts):
    return tf_data(*parts).filter(lambda *_: True)


def torch_loader(*parts):
    data = pytest.importorskip("torch.utils.data")
    return data.DataLoader(list(zip(*parts, strict=True)), batch_size=BATCH_SIZE)


def torch_loader_of_iterable(*parts):
    data = pytest.importorskip("torch.utils.data")

    class Rows(data.IterableDataset):
        def __iter__(self):
            return zip(*parts, strict=True)

    return data.DataLoader(Rows(), batch_size=BATCH_SIZE)


def grain_map_dataset(*parts):
    grain = pytest.importorskip("grain")
    rows = list(zip(*parts, strict=True))
    return grain.MapDataset.source(rows).batch(BATCH_SIZE)


def grain_iter_dataset(*parts):
    return grain_map_dataset(*parts).to_iter_dataset()


def grain_loader(*parts):
    grain = pytest.importorskip("grain")
    return grain.DataLoader(
        data_source=list(zip(*parts, strict=True)),
        sampler=grain.samplers.SequentialSampler(num_records=len(TEXTS)),
        operations=[grain.transforms.Batch(BATCH_SIZE)],
    )


def sequence(*parts):
    return Sequence(*parts)


def sequence_read_by_threads(*parts):
    return Sequence(*parts, workers=3, use_multiprocessing=True)


@pytest.mark.parametrize(
    "make",
    [
        batches,
        sequence,
        sequence_read_by_threads,
        tf_data,
        tf_data_of_unknown_length,
        torch_loader,
        torch_loader_of_iterable,
        grain_map_dataset,
        grain_iter_dataset,
        grain_loader,
    ],
)
def test_each_kind_of_dataset_equals_lists(model, make):
    weights = np.linspace(0.0, 1.0, len(TEXTS), dtype="float32")
    start = model.get_weights()
    options = {"epochs": 2, "shuffle": False, "verbose": 0}
    expected = model.fit(
        TEXTS, LABELS, BATCH_SIZE, validation_data=(TEXTS, LABELS), **options
    ).history
    expected_evaluation = model.evaluate(
        TEXTS, LABELS, BATCH_SIZE, sample_weight=weights, verbose=0
    )
    expected_outputs = model.predict(TEXTS, BATCH_SIZE, verbose=0)

    model.set_weights(start)
    history = model.fit(
        make(TEXTS, LABELS), validation_data=make(TEXTS, LABELS), **options
    ).history
    assert history == expected
    evaluation = model.evaluate(make(TEXTS, LABELS, weights), verbose=0)
    assert evaluation == expected_evaluation
    for dataset in (make(TEXTS, LABELS), make(TEXTS)):
        outputs = model.predict(dataset, verbose=0)
        np.testing.assert_array_equal(outputs, expected_outputs)
    assert not [t for t in threading.enumerate() if t.name == THREAD_NAME]


def endless_generator():
    while True:
        yield from batches(TEXTS, LABELS)


def endless_tf_data():
    return tf_data(TEXTS, LABELS).repeat()


def endless_grain():
    return grain_map_dataset(TEXTS, LABELS).repeat()


def endless_sequence():
    class Endless(Sequence):
        num_batches = None

        def __getitem__(self, index):
            return self.batches[index % 3]

    return Endless(TEXTS, LABELS)


@pytest.mark.parametrize(
    "make", [endless_generator, endless_tf_data, endless_grain, endless_sequence]
)
def test_datasets_without_end_take_steps(model, make):
    history = model.fit(
        make(),
        epochs=2,
        steps_per_epoch=3,
        validation_data=make(),
        validation_steps=2,
        verbose=0,
    )
    assert len(history.history["val_loss"]) == 2
    model.evaluate(make(), steps=1, verbose=0)
    assert model.predict(make(), steps=2, verbose=0).shape == (8, 1)
    if make is not endless_generator:
        with pytest.raises(ValueError, match="has no end. Pass `steps_per_epoch`"):
            model.fit(make(), verbose=0)


def test_a_generator_goes_on_in_the_next_epoch(model):
    taken = []

    def texts():
        for index in range(10):
            taken.append(index)
            yield ["a" * index], [0.0]

    model.fit(texts(), epochs=2, steps_per_epoch=2, verbose=0)
    assert taken == [0, 1, 2, 3]  # and nothing beyond what is trained on


def test_a_short_dataset_starts_over(model):
    dataset = tf_data_of_unknown_length(TEXTS, LABELS)
    assert model.predict(dataset, steps=5, verbose=0).shape == (4 + 4 + 3 + 4 + 4, 1)


def test_a_py_dataset_is_told_of_epochs_and_its_batches_are_shuffled(model):
    dataset = Sequence(TEXTS, LABELS)
    model.fit(dataset, epochs=2, verbose=0)
    assert dataset.epochs == ["begin", "end"] * 2

    orders = []

    class Watched(TextModel):
        def preprocess_samples(self, x, y=None, sample_weight=None):
            orders.append(x[0])
            return super().preprocess_samples(x, y, sample_weight)

    inputs = keras.Input((2,))
    watched = Watched(inputs=inputs, outputs=keras.layers.Dense(1)(inputs))
    watched.compile("sgd", "mse", run_eagerly=True)
    np.random.seed(3)
    watched.fit(dataset, epochs=4, verbose=0)
    epochs = [tuple(orders[i : i + 3]) for i in range(0, 12, 3)]
    assert {frozenset(epoch) for epoch in epochs} == {frozenset(("a", "aaaa", "ba"))}
    assert len(set(epochs)) > 1


def test_batches_of_a_dataset_may_differ_in_size(model):
    parts = [TEXTS[:2], TEXTS[2:7], TEXTS[7:8], TEXTS[8:]]
    outputs = model.predict(((part,) for part in parts), verbose=0)
    np.testing.assert_array_equal(outputs, model.predict(TEXTS, verbose=0))


@pytest.mark.parametrize("what", ["texts", "rows"])
def test_single_samples_are_refused(model, what):
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices((TEXTS, LABELS))
    if what == "rows":
        dataset = (row for row in zip(TEXTS, LABELS, strict=True))
    with pytest.raises(ValueError, match="single sample"):
        model.fit(dataset, verbose=0)


def test_ragged_batches_become_lists_of_arrays():
    tf = pytest.importorskip("tensorflow")
    seen = []

    class Lengths(PipelineModel):
        def preprocess_samples(self, x, y=None, sample_weight=None):
            seen.append([len(row) for row in x])
            return np.array([[sum(row)] for row in x], "float32"), y, sample_weight

    inputs = keras.Input((1,))
    model = Lengths(inputs=inputs, outputs=keras.layers.Dense(1)(inputs))
    rows = tf.ragged.constant([[1, 2], [3], [4, 5, 6]])
    dataset = tf.data.Dataset.from_tensor_slices(rows).batch(2)
    model.predict(dataset, verbose=0)
    model.predict(rows, verbose=0)
    assert seen == [[2, 1], [3], [2, 1, 3]]
