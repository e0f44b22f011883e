"""`fit`, `evaluate` and `predict` on raw samples do what Keras does on arrays."""

import inspect
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest

from domain_core.pipeline import PipelineModel
from domain_core.pipeline.prefetch import THREAD_NAME

TEXTS = ["a", "ab", "abb", "bbb", "aaaa", "c", "dc", "aab", "ba", "xa", "bca"]  # 11
LABELS = [0, 1, 2, 1, 0, 0, 1, 2, 1, 0, 2]
WEIGHTS = np.linspace(0.5, 2.0, len(TEXTS))
BATCH_SIZE = 4  # so that the last batch is smaller


def features(texts):
    return np.array(
        [[len(text), text.count("a"), text.count("b"), 1.0] for text in texts],
        dtype="float32",
    )


class CountingLayer(keras.layers.Layer):
    """Counts how often Python runs through it: on JAX and TensorFlow, once a trace."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.count = 0

    def call(self, x):
        self.count += 1
        return x


class TextModel(PipelineModel):
    """Features of texts through batch normalization; a layer each of its kinds."""

    def __init__(self):
        counter = CountingLayer()
        inputs = keras.Input((4,), name="features")
        x = keras.layers.BatchNormalization(name="norm")(counter(inputs))
        x = keras.layers.Dense(5, activation="tanh", name="hidden")(x)
        outputs = keras.layers.Dense(3, name="scores")(x)
        super().__init__(inputs=inputs, outputs=outputs)
        self.counter = counter
        self.calls = []

    def preprocess_samples(self, x, y=None, sample_weight=None):
        self.calls.append(list(x))
        return features(x), y, sample_weight

    def check_targets(self, y):
        if y.min() < 0 or y.max() > 2:
            raise ValueError(f"Expected labels from 0 to 2, received {y.max()}.")


def compiled(model):
    model.compile(
        optimizer=keras.optimizers.Adam(0.05),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="weighted")],
    )
    return model


def plain_keras(model):
    """Returns a Keras model of the same layers and weights."""
    copy = keras.Model(model.input, model.output)
    clone = keras.models.clone_model(copy)
    clone.set_weights(model.get_weights())
    return compiled(clone)


def assert_same(ours, theirs):
    for our, their in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(our, their)


def pipeline_threads():
    return [t for t in threading.enumerate() if t.name == THREAD_NAME]


def test_signatures_are_those_of_keras():
    names = ("fit", "evaluate", "predict")
    for name in (*names, "train_on_batch", "test_on_batch", "predict_on_batch"):
        ours = inspect.signature(getattr(PipelineModel, name)).parameters
        theirs = inspect.signature(getattr(keras.Model, name)).parameters
        assert list(ours) == list(theirs)
        for parameter in ours:
            assert ours[parameter].default == theirs[parameter].default


@pytest.mark.backends
class TestSameAsKeras:
    """History and weights equal those of Keras on preprocessed arrays, bit by bit."""

    def check(self, ours, theirs, **options):
        options = {"batch_size": BATCH_SIZE, "epochs": 2, "verbose": 0, **options}
        model = compiled(TextModel())
        reference = plain_keras(model)
        history = model.fit(**options, **ours, shuffle=False).history
        expected = reference.fit(**options, **theirs, shuffle=False).history
        assert history == expected
        assert_same(model, reference)
        assert not pipeline_threads()
        return model, reference

    def test_fit_evaluate_predict_on_lists(self):
        x, y = features(TEXTS), np.array(LABELS)
        model, reference = self.check(
            {"x": TEXTS, "y": LABELS, "validation_data": (TEXTS[:7], LABELS[:7])},
            {"x": x, "y": y, "validation_data": (x[:7], y[:7])},
        )
        options = {"batch_size": BATCH_SIZE, "verbose": 0}
        assert model.evaluate(TEXTS, LABELS, **options) == reference.evaluate(
            x, y, **options
        )
        weighted = {"sample_weight": WEIGHTS, "return_dict": True, **options}
        assert model.evaluate(TEXTS, LABELS, **weighted) == reference.evaluate(
            x, y, **weighted
        )
        np.testing.assert_allclose(
            model.predict(TEXTS, **options), reference.predict(x, **options), rtol=1e-6
        )
        assert_same(model, reference)

    def test_sample_weight_and_validation_split(self):
        options = {"sample_weight": WEIGHTS, "validation_split": 0.3}
        self.check(
            {"x": np.array(TEXTS), "y": np.array(LABELS), **options},
            {"x": features(TEXTS), "y": np.array(LABELS), **options},
        )

    def test_class_weight(self):
        self.check(
            {"x": TEXTS, "y": LABELS},
            {"x": features(TEXTS), "y": np.array(LABELS)},
            class_weight={0: 0.2, 2: 3.0},
        )

    @pytest.mark.backends("jax", "tensorflow")  # PyTorch takes one step at a time
    def test_several_steps_per_execution(self):
        model = compiled(TextModel())
        reference = plain_keras(model)
        for each in (model, reference):
            each.compile("sgd", each.loss, steps_per_execution=2)
        options = {"batch_size": BATCH_SIZE, "shuffle": False, "verbose": 0}
        history = model.fit(TEXTS, LABELS, **options).history
        x = features(TEXTS)
        assert history == reference.fit(x, np.array(LABELS), **options).history
        assert_same(model, reference)
        assert len(model.predict(TEXTS, batch_size=BATCH_SIZE, verbose=0)) == len(TEXTS)

    def test_train_and_test_on_batch(self):
        model = compiled(TextModel())
        reference = plain_keras(model)
        x, y = features(TEXTS[:4]), np.array(LABELS[:4])
        assert model.train_on_batch(TEXTS[:4], LABELS[:4]) == reference.train_on_batch(
            x, y
        )
        weights = [1.0, 2.0, 0.5, 0.0]
        assert model.test_on_batch(
            TEXTS[:4], LABELS[:4], sample_weight=weights
        ) == reference.test_on_batch(x, y, sample_weight=np.array(weights))
        np.testing.assert_array_equal(
            model.predict_on_batch(TEXTS[:4]), reference.predict_on_batch(x)
        )
        assert_same(model, reference)

    def test_several_inputs_and_outputs(self):
        def build(cls):
            left, right = (
                keras.Input((1,), name="left"),
                keras.Input((2,), name="right"),
            )
            both = keras.layers.Concatenate()([left, right])
            first = keras.layers.Dense(1, name="first")(both)
            second = keras.layers.Dense(2, name="second")(both)
            model = cls(
                inputs={"left": left, "right": right},
                outputs={"first": first, "second": second},
            )
            model.compile("sgd", {"first": "mse", "second": "mae"})
            return model

        class Both(PipelineModel):
            pass

        model, reference = build(Both), build(keras.Model)
        reference.set_weights(model.get_weights())
        x = {"left": [1.0, 2.0, 3.0, 5.0, 8.0], "right": [[1.0, 0.0]] * 5}
        y = {"first": [1.0, 2.0, 3.0, 4.0, 5.0], "second": np.ones((5, 2))}
        weights = {"first": [1.0, 1.0, 0.0, 2.0, 1.0], "second": np.arange(5.0)}
        arrays = [
            {key: np.array(value) for key, value in part.items()}
            for part in (x, y, weights)
        ]
        options = {"batch_size": 2, "shuffle": False, "verbose": 0}
        for given, expected in (
            ({"sample_weight": weights}, {"sample_weight": arrays[2]}),
            ({"sample_weight": np.arange(5.0)}, {"sample_weight": np.arange(5.0)}),
        ):
            history = model.fit(x, y, **given, **options).history
            assert history == reference.fit(*arrays[:2], **expected, **options).history
        outputs = model.predict(x, batch_size=2, verbose=0)
        np.testing.assert_allclose(
            outputs["second"], reference.predict(arrays[0], verbose=0)["second"], 1e-5
        )


@pytest.fixture(scope="module")
def model():
    return compiled(TextModel())


class Recorder(keras.callbacks.Callback):
    """Notes how many steps progress bars are told of and how many there are."""

    def __init__(self):
        super().__init__()
        self.steps, self.batches, self.test_batches = [], 0, 0

    def on_train_begin(self, logs=None):
        self.steps.append(self.params["steps"])

    def on_test_begin(self, logs=None):
        self.steps.append(self.params["steps"])

    def on_train_batch_begin(self, batch, logs=None):
        self.batches += 1

    def on_test_batch_begin(self, batch, logs=None):
        self.test_batches += 1


class TestSteps:
    def test_progress_bar_has_the_number_of_batches(self, model):
        recorder = Recorder()
        model.fit(TEXTS, LABELS, BATCH_SIZE, epochs=2, callbacks=[recorder], verbose=0)
        model.evaluate(TEXTS, LABELS, BATCH_SIZE, callbacks=[recorder], verbose=0)
        assert recorder.steps == [3, 3]
        assert (recorder.batches, recorder.test_batches) == (6, 3)

    def test_steps_and_validation_options(self, model):
        recorder = Recorder()
        history = model.fit(
            TEXTS,
            LABELS,
            BATCH_SIZE,
            epochs=4,
            initial_epoch=1,
            steps_per_epoch=1,
            validation_data=(TEXTS, LABELS),
            validation_steps=2,
            validation_batch_size=3,
            validation_freq=2,
            callbacks=[recorder],
            verbose=0,
        )
        assert history.epoch == [1, 2, 3]
        assert len(history.history["val_loss"]) == 2
        assert (recorder.batches, recorder.test_batches) == (3, 4)
        assert not pipeline_threads()

    def test_early_stop_ends_the_thread(self, model):
        class Stop(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                self.model.stop_training = True

        model.fit(TEXTS * 5, LABELS * 5, BATCH_SIZE, callbacks=[Stop()], verbose=0)
        assert not pipeline_threads()


class TestShuffle:
    def epochs(self, model, batch_size=BATCH_SIZE, **options):
        """Returns the samples of each epoch in the order the model saw them."""
        model.calls = []
        model.fit(TEXTS, LABELS, batch_size, epochs=3, verbose=0, **options)
        seen = [text for batch in model.calls for text in batch]
        assert len(seen) == 3 * len(TEXTS)
        return [seen[i : i + len(TEXTS)] for i in range(0, len(seen), len(TEXTS))]

    @pytest.mark.parametrize("batch_size", [11, 6, 4])  # one, two, three batches
    def test_each_epoch_has_an_order_of_its_own(self, model, batch_size):
        np.random.seed(1)
        first = self.epochs(model, batch_size)
        assert all(sorted(epoch) == sorted(TEXTS) for epoch in first)
        assert len({tuple(epoch) for epoch in first}) == 3
        np.random.seed(1)
        assert self.epochs(model, batch_size) == first

    def test_within_batches_or_not_at_all(self, model):
        assert self.epochs(model, shuffle=False) == [TEXTS] * 3
        epochs = self.epochs(model, shuffle="batch")
        assert sorted(epochs[0][:BATCH_SIZE]) == sorted(TEXTS[:BATCH_SIZE])
        assert epochs[0] != epochs[1]


class TestAhead:
    def test_next_batches_are_prepared_while_the_model_works(self, model):
        ahead = []
        threads = set()

        class Wait(keras.callbacks.Callback):
            def on_train_batch_begin(self, batch, logs=None):
                wait = threading.Event()
                for _ in range(200):
                    if batch > 0 or len(model.calls) >= 3:
                        break
                    wait.wait(0.02)
                ahead.append(len(model.calls) - batch)

        class Watched(TextModel):
            def preprocess_samples(self, x, y=None, sample_weight=None):
                threads.add(threading.current_thread().name)
                return super().preprocess_samples(x, y, sample_weight)

        model.calls = []
        model.fit(TEXTS, LABELS, BATCH_SIZE, callbacks=[Wait()], verbose=0)
        assert ahead[0] == 3
        watched = Watched()
        watched.predict(TEXTS, verbose=0)
        assert threads == {THREAD_NAME}


@pytest.mark.backends("jax", "tensorflow")  # PyTorch traces nothing
class TestTraces:
    def test_predict_compiles_once_whatever_the_last_batch(self):
        model = TextModel()
        model.counter.count = 0
        for count in (11, 10, 9, 8, 5, 4, 3):
            outputs = model.predict(TEXTS[:count], batch_size=BATCH_SIZE, verbose=0)
            assert len(outputs) == count
        stream = (TEXTS[start : start + 4] for start in (0, 4, 8))
        assert len(model.predict(stream, verbose=0)) == len(TEXTS)
        assert model.counter.count == 1

    def test_fit_compiles_once_more_for_the_last_batch(self):
        model = compiled(TextModel())
        model.fit(TEXTS[:8], LABELS[:8], BATCH_SIZE, verbose=0)
        model.counter.count = 0
        for _ in range(2):
            model.fit(TEXTS, LABELS, BATCH_SIZE, epochs=2, verbose=0)
            assert model.counter.count <= 1


def test_preprocessing_may_make_targets_and_weights():
    class Masked(PipelineModel):
        def preprocess_samples(self, x, y=None, sample_weight=None):
            assert y is None
            x = features(x)
            return x, x[:, :1], np.where(x[:, 1] > 0, 1.0, 0.0)

    inputs = keras.Input((4,))
    model = Masked(inputs=inputs, outputs=keras.layers.Dense(1)(inputs))
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    history = model.fit(TEXTS, batch_size=BATCH_SIZE, validation_split=0.5, verbose=0)
    assert np.isfinite(history.history["val_mae"][0])
    model.fit(TEXTS, batch_size=BATCH_SIZE, validation_data=(TEXTS,), verbose=0)
    model.evaluate(TEXTS, batch_size=BATCH_SIZE, verbose=0)
    assert model.predict(TEXTS, batch_size=BATCH_SIZE, verbose=0).shape == (11, 1)


def test_images_of_different_sizes():
    class Images(PipelineModel):
        def preprocess_samples(self, x, y=None, sample_weight=None):
            return [image[:2, :2] / 255.0 for image in x], y, sample_weight

    inputs = keras.Input((2, 2, 3))
    outputs = keras.layers.Dense(1)(keras.layers.Flatten()(inputs))
    model = Images(inputs=inputs, outputs=outputs)
    model.compile("sgd", "mse")
    images = [np.full((size, size + 1, 3), size, "uint8") for size in (2, 5, 3)]
    model.fit(images, [0.0, 1.0, 2.0], batch_size=2, verbose=0)
    assert model.predict(images, batch_size=2, verbose=0).shape == (3, 1)


class TestTargetsAreChecked:
    def test_all_of_them_before_the_first_step(self, model):
        weights = model.get_weights()
        with pytest.raises(ValueError, match="from 0 to 2, received 7"):
            model.fit(TEXTS, LABELS[:-1] + [7], BATCH_SIZE, shuffle=False, verbose=0)
        for before, after in zip(weights, model.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)

    def test_in_every_batch_of_a_dataset(self, model):
        batches = [(TEXTS[:4], [0, 1, 2, 0]), (TEXTS[4:8], [0, 1, 9, 0])]
        with pytest.raises(ValueError, match="from 0 to 2, received 9") as caught:
            model.evaluate((batch for batch in batches), verbose=0)
        assert "batch 1" in caught.value.__notes__[0]
        with pytest.raises(ValueError, match="from 0 to 2"):
            model.train_on_batch(TEXTS[:2], [3, 0])


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("`x` is empty", {"x": [], "y": []}),
        (r"`x\[1\]` is None", {"x": ["a", None], "y": [0, 1]}),
        (r"`x\[1\]` is None", {"x": np.array(["a", None]), "y": [0, 1]}),
        (r"`y\[0\]` is None", {"x": ["a", "b"], "y": [None, 1]}),
        ("x: 2, y: 3", {"x": ["a", "b"], "y": [0, 1, 2]}),
        ("sample_weight: 1", {"x": ["a"] * 2, "y": [0, 1], "sample_weight": [1.0]}),
        ("single sample, 'some text'", {"x": "some text", "y": [0]}),
        ("single sample, 3", {"x": 3, "y": [0]}),
        ("`x` is None", {"x": None, "y": None}),
        ("no batch of samples", {"x": object(), "y": [0]}),
        ("`batch_size` to be a positive integer", {"batch_size": 0}),
        ("`batch_size` to be a positive integer", {"batch_size": 2.5}),
        ("`steps` to be a positive integer", {"steps_per_epoch": 0}),
        ("between 0 and 1, received 1.0", {"validation_split": 1.0}),
        ("between 0 and 1, received -0.5", {"validation_split": -0.5}),
        ("leaves 0 for training", {"validation_split": 0.99}),
        ("passed beside a generator", {"x": iter([["a"]]), "y": [0]}),
        (
            "`validation_split` needs samples in memory",
            {"x": iter([(["a"], [0])]), "y": None, "validation_split": 0.5},
        ),
        ("generator is empty", {"x": iter([]), "y": None}),
        (
            "generator ended after 1 batches, expected 6",
            {"x": iter([(["a"], [0])]), "y": None, "steps_per_epoch": 2, "epochs": 3},
        ),
        ("single sample, 'a'", {"x": iter([("a", 0)]), "y": None}),
        ("`class_weight` needs one array", {"y": None, "class_weight": {0: 1.0}}),
    ],
)
def test_bad_input(model, message, arguments):
    arguments = {"x": TEXTS, "y": LABELS, **arguments}
    with pytest.raises(ValueError, match=message):
        model.fit(**arguments, verbose=0)
    assert not pipeline_threads()


def test_strings_that_reach_the_model_are_an_error():
    class Unprepared(PipelineModel):
        pass

    inputs = keras.Input((4,))
    model = Unprepared(inputs=inputs, outputs=keras.layers.Dense(1)(inputs))
    with pytest.raises(ValueError, match="holds <U1 values after preprocessing"):
        model.predict(["a", "b"], verbose=0)
    with pytest.raises(ValueError, match="different shapes"):
        model.predict([np.ones(4), np.ones(3)], verbose=0)


def test_attributes_set_after_the_graph_survive_subclassing():
    class Deeper(TextModel):
        def __init__(self, extra):
            super().__init__()
            self.extra = extra

    model = compiled(Deeper(extra=["kept"]))
    model.fit(TEXTS, LABELS, batch_size=BATCH_SIZE, verbose=0)
    assert list(model.extra) == ["kept"]
    assert isinstance(model, PipelineModel)
    assert len(model.trainable_variables) == 6


WITHOUT_TENSORFLOW = """
import sys
import numpy as np
import keras
from domain_core.pipeline import PipelineModel

class Model(PipelineModel):
    def preprocess_samples(self, x, y=None, sample_weight=None):
        return np.array([[len(text)] for text in x], "float32"), y, sample_weight

inputs = keras.Input((1,))
model = Model(inputs=inputs, outputs=keras.layers.Dense(1)(inputs))
model.compile("sgd", "mse")
texts, labels = ["a", "bb", "ccc"], [1.0, 2.0, 3.0]
model.fit(texts, labels, batch_size=2, validation_data=(texts, labels), verbose=0)
model.fit(iter([(texts, labels)]), verbose=0)
model.evaluate(texts, labels, verbose=0)
model.predict({"texts": texts}["texts"], batch_size=2, verbose=0)
model.train_on_batch(texts, labels)
assert "tensorflow" not in sys.modules
"""


@pytest.mark.backends("jax", "torch")
def test_tensorflow_is_not_imported():
    subprocess.run([sys.executable, "-c", WITHOUT_TENSORFLOW], check=True)


def test_errors_in_a_shuffled_batch_say_which_samples_it_held():
    class Refuses(PipelineModel):
        def preprocess_samples(self, x, y=None, sample_weight=None):
            raise ValueError(f"sample {list(x[:, 0]).index(7)} is a seven")

    inputs = keras.Input((1,))
    model = Refuses(inputs, inputs)
    model.compile(loss="mse")
    with pytest.raises(ValueError, match="is a seven") as caught:
        model.fit(np.arange(8.0)[:, None], np.zeros(8), batch_size=8, verbose=0)
    place = int(str(caught.value).split()[1])
    [note] = [n for n in caught.value.__notes__ if n.startswith("Shuffled")]
    assert note.split("samples ")[1].split(" of")[0].split(", ")[place] == "7"
