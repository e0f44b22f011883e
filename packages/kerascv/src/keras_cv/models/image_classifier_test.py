"""ImageClassifier over a user's own backbone: raw images to names, and back again."""

import keras
import numpy as np
import pytest
from PIL import Image

import domain_core
from domain_core.images import ImageConverter
from domain_core.testing import TaskContract, assert_close
from keras_cv.datasets import read_image_folder
from keras_cv.layers import RandomBrightness
from keras_cv.models import ImageClassifier, ImageClassifierPreprocessor

SIZE = 12
NAMES = ["dark", "red", "blue"]


@domain_core.register_backbone
class Patches(domain_core.Backbone):
    """A user's backbone: one strided convolution."""

    def __init__(self, width, *, name=None, trainable=True, dtype=None):
        # layers
        conv = keras.layers.Conv2D(width, 4, 4, activation="relu", dtype=dtype)
        # functional model
        images = keras.Input((None, None, 3))
        super().__init__(
            images, conv(images), name=name, trainable=trainable, dtype=dtype
        )
        # config
        self.conv = conv
        self.set_config(width=width)


def draw(count, size=SIZE):
    """Returns images, each dark, red or blue with some noise, and their labels."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 3
    images = rng.integers(0, 60, (count, size, size, 3))
    images[labels == 1, :, :, 0] += 150
    images[labels == 2, :, :, 2] += 150
    return images.astype("uint8"), labels


def make(**options):
    converter = ImageConverter((SIZE, SIZE), scale=1 / 255)
    options = {
        "preprocessor": ImageClassifierPreprocessor(converter),
        "class_names": NAMES,
        **options,
    }
    return ImageClassifier(Patches(8), **{"num_classes": 3, **options})


class TestImageClassifier(TaskContract):
    cls = ImageClassifier

    @classmethod
    def make(cls):
        return make()

    @classmethod
    def samples(cls):
        images, labels = draw(11)
        # A list of arrays of different sizes.
        return [image[: 12 - i % 3] for i, image in enumerate(images)], labels

    @pytest.mark.backends
    def test_it_learns(self):
        task = make()
        task.compile(optimizer=keras.optimizers.Adam(0.01))
        images, labels = draw(12)
        task.fit(images, labels, batch_size=12, epochs=60, verbose=0)
        assert task.evaluate(images, labels, verbose=0)[1] == 1.0
        named = task.decode_predictions(task.predict(images, verbose=0), top=2)
        assert [row[0][0] for row in named] == [NAMES[label] for label in labels]
        assert [len(row) for row in named] == [2] * 12
        assert all(1 >= row[0][1] >= row[1][1] >= 0 for row in named)

    @pytest.mark.parametrize("labels", [[0, 1, 3], [0, -1, 0]])
    def test_labels_outside_the_classes(self, task, labels):
        with pytest.raises(ValueError, match=r"labels in \[0, 3\)"):
            task.fit(draw(3)[0], labels, verbose=0)

    def test_predicts_one_image_and_none(self, task):
        assert task.predict(draw(1)[0], verbose=0).shape == (1, 3)
        with pytest.raises(ValueError, match="at least one"):
            task.predict([], verbose=0)

    def test_one_broken_image_among_many(self, task):
        images = list(draw(3)[0])
        images[1] = images[1].astype("float32")
        images[1][0, 0, 0] = np.nan
        with pytest.raises(ValueError, match=r"\[1\]"):
            task.fit(images, [0, 1, 2], verbose=0)


def test_a_hidden_layer():
    task = make(hidden_units=5, hidden_activation="tanh", activation=None)
    images = draw(2)[0]
    features = task.backbone.predict(task.preprocessor(images), verbose=0)
    pooled = features.mean((1, 2))
    (kernel, bias), (last, shift) = (
        layer.get_weights() for layer in (task.hidden, task.predictions)
    )
    assert kernel.shape == (8, 5)
    expected = np.tanh(pooled @ kernel + bias) @ last + shift
    assert_close(task.predict(images, verbose=0), expected)
    config = task.get_config()
    assert (config["hidden_units"], config["hidden_activation"]) == (5, "tanh")
    with pytest.raises(ValueError, match="`hidden_units`"):
        make(hidden_units=0)


def test_degenerate_batches_stay_finite():
    task = make()
    black = np.zeros((1, SIZE, SIZE, 3), "uint8")
    history = task.fit(black, [2], epochs=3, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(task.predict(black, verbose=0)).all()
    one_class = task.fit(draw(5)[0], [1] * 5, epochs=3, verbose=0).history
    assert np.isfinite(one_class["loss"]).all()


def sources(images, labels, folder):
    """Yields the same batches of raw images and labels as users hold them."""
    from PIL import Image

    paths = [folder / f"{index}.png" for index in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    yield "list of paths", (paths, labels)
    yield "list of strings", ([str(path) for path in paths], labels)
    yield "Pillow images", ([Image.fromarray(image) for image in images], labels)
    yield "list of arrays", (list(images), labels)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            rows = slice(4 * index, 4 * index + 4)
            return images[rows], labels[rows]

    yield "PyDataset", (Batches(),)
    yield "generator", ((Batches()[i] for i in range(2)),)
    data = list(zip(images, labels, strict=True))
    torch = pytest.importorskip("torch")
    yield "DataLoader", (torch.utils.data.DataLoader(data, batch_size=4),)
    grain = pytest.importorskip("grain")
    yield "Grain", (grain.MapDataset.source(data).batch(4),)
    tf = pytest.importorskip("tensorflow")
    whole = tf.data.Dataset.from_tensor_slices((images, labels)).batch(4)
    yield "tf.data", (whole,)
    files = tf.data.Dataset.from_tensor_slices(([str(p) for p in paths], labels))
    yield "tf.data of paths", (files.batch(4),)
    mapped = files.map(lambda path, label: (tf.io.read_file(path), label)).batch(4)
    yield "tf.data of contents", (mapped,)


def test_every_kind_of_input(tmp_path):
    task = make()
    images, labels = draw(8)
    expected = task.evaluate(images, labels, batch_size=4, verbose=0)
    predictions = task.predict(images, batch_size=4, verbose=0)
    start = task.get_weights()
    task.fit(images, labels, batch_size=4, shuffle=False, verbose=0)
    fitted = task.get_weights()
    optimizer = task.optimizer.get_config()
    for kind, data in sources(images, labels, tmp_path):
        task.set_weights(start)
        if kind != "generator":  # read once
            assert_close(task.evaluate(*data, batch_size=4, verbose=0), expected)
            given = task.predict(data[0], batch_size=4, verbose=0)
            assert_close(given, predictions)
        task.compile(optimizer=type(task.optimizer).from_config(optimizer))
        task.fit(*data, batch_size=4, shuffle=False, verbose=0)
        for received, wanted in zip(task.get_weights(), fitted, strict=True):
            assert_close(received, wanted, rtol=1e-4, atol=1e-5)


def test_logits_on_request():
    task = make(activation=None)
    softmax = make()
    softmax.set_weights(task.get_weights())
    images, labels = draw(4)
    logits = task.predict(images, verbose=0)
    probabilities = softmax.predict(images, verbose=0)
    assert_close(keras.ops.softmax(logits), probabilities)
    assert_close(
        task.evaluate(images, labels, verbose=0),
        softmax.evaluate(images, labels, verbose=0),
    )
    for mine, theirs in zip(
        task.decode_predictions(logits),
        softmax.decode_predictions(probabilities),
        strict=True,
    ):
        assert [name for name, _ in mine] == [name for name, _ in theirs]
        assert_close([p for _, p in mine], [p for _, p in theirs])


def test_pooling():
    backbone = Patches(8)
    images = draw(2)[0].astype("float32")
    features = keras.ops.convert_to_numpy(backbone(images))
    for pooling, reduce in (("avg", np.mean), ("max", np.max)):
        task = ImageClassifier(backbone, 3, pooling, None)
        kernel, bias = map(keras.ops.convert_to_numpy, task.predictions.weights)
        expected = reduce(features, axis=(1, 2)) @ kernel + bias
        assert_close(task(images), expected)
        assert task.get_layer(f"{pooling}_pool") is not None


def test_as_keras_cv_users_call_it():
    task = ImageClassifier(Patches(4), num_classes=4)
    task.compile(loss="categorical_crossentropy", metrics=["accuracy"])
    images = draw(6)[0].astype("float32")
    task.fit(images, np.eye(4)[[0, 1, 2, 3, 0, 1]], verbose=0)
    assert_close(task.predict(images, verbose=0).sum(axis=1), np.ones(6))


def test_half_precision_predicts_float32():
    task = ImageClassifier(Patches(4, dtype="mixed_bfloat16"), num_classes=4)
    assert keras.backend.standardize_dtype(task.output.dtype) == "float32"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pooling": "mean"}, r"\['avg', 'max', 'token'\], received 'mean'"),
        ({"num_classes": 0}, "`num_classes` to be a positive integer, received 0"),
        ({"class_names": ["a", "b"]}, "num_classes=3 labels, received 2"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def nan_in_the_third():
    images = np.zeros((4, SIZE, SIZE, 3), "float32")
    images[2, 1, 1] = np.nan
    return images


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((SIZE, SIZE)), r"shape \(12, 12\)"),
        (np.zeros((SIZE, SIZE, 3)), r"shape \(12, 12, 3\).*`image\[None\]`"),
        (np.zeros((2, SIZE, SIZE, 1)), "3 channels"),
        (np.zeros((2, 0, SIZE, 3)), "no pixels"),
        (np.zeros((2, SIZE, SIZE, 3), "uint16"), "received uint16"),
        (nan_in_the_third(), r"images\[2\].*NaN"),
        ([np.zeros((9, 9, 3)), np.zeros((8, 9, 3))], "different shapes"),
    ],
)
def test_bad_images_without_a_preprocessor(images, message):
    task = ImageClassifier(Patches(4), 3)
    for call in (task.predict_on_batch, task.predict):
        with pytest.raises(ValueError, match=message):
            call(images)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([np.zeros((9, 9, 3)), np.zeros((9, 9))], r"images\[1\].*\(9, 9\)"),
        ([np.zeros((9, 9, 3)), np.zeros((9, 9, 4))], r"images\[1\].*3 channels"),
        ([np.zeros((0, 0, 3))], r"images\[0\].*no pixels"),
        ([np.zeros((9, 9, 3), "uint16")], r"images\[0\].*uint16"),
        (["no/such/file.png"], r"no/such/file.png"),
    ],
)
def test_bad_images_name_the_item(images, message):
    task = make()
    before = task.get_weights()
    with pytest.raises(ValueError, match=message):
        task.predict(images)
    with pytest.raises(ValueError) as caught:
        task.fit(images, [0] * len(images), verbose=0)
    # The batch is shuffled: a note says which samples it holds, in order.
    assert any("this batch holds samples" in note for note in caught.value.__notes__)
    for old, new in zip(before, task.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_bad_predictions_to_decode():
    task = make()
    with pytest.raises(ValueError, match=r"\(samples, 3\), received \(2, 4\)"):
        task.decode_predictions(np.zeros((2, 4)))
    task.class_names = None
    with pytest.raises(ValueError, match="a list of 3 names"):
        task.decode_predictions(np.zeros((2, 3)))


def test_a_backbone_without_image_features():
    tokens = keras.Input((None, 4))
    backbone = domain_core.Backbone(tokens, tokens)
    with pytest.raises(ValueError, match="not 'features'"):
        ImageClassifier(backbone, 2)


def test_a_preprocessor_without_converter():
    with pytest.raises(ValueError, match="Expected an ImageConverter"):
        ImageClassifierPreprocessor(None)


def datasets(folder, count=12):
    """A data set of files, and its images and labels in memory."""
    images, labels = draw(count)
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / NAMES[label] / f"{i:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
    order = np.argsort([NAMES[label] for label in labels], kind="stable")
    names = sorted(NAMES)
    numbers = np.array([names.index(NAMES[label]) for label in labels])
    return read_image_folder(folder), images[order], numbers[order]


def classifier():
    keras.utils.set_random_seed(0)
    converter = ImageConverter((SIZE, SIZE), scale=1 / 255)
    model = ImageClassifier(
        Patches(4), 3, preprocessor=ImageClassifierPreprocessor(converter)
    )
    model.compile(
        keras.optimizers.SGD(0.1),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


@pytest.mark.backends
def test_data_sets_are_taken_as_they_are(tmp_path):
    dataset, images, labels = datasets(tmp_path)
    model, same = classifier(), classifier()
    expected = same.predict(images, verbose=0)
    assert_close(model.predict(dataset, verbose=0), expected)
    assert_close(model.predict(dataset.batch(5), verbose=0), expected)
    # In the same order, both draw alike from the global state.
    losses = []
    for fitted, data in ((model, (dataset,)), (same, (images, labels))):
        keras.utils.set_random_seed(1)
        history = fitted.fit(
            *data, epochs=2, batch_size=5, verbose=0, validation_data=dataset.batch(4)
        )
        losses.append(history.history["loss"] + history.history["val_loss"])
    np.testing.assert_allclose(*losses, rtol=1e-4)
    found = model.evaluate(dataset, verbose=0, return_dict=True)
    expected = model.evaluate(images, labels, verbose=0, return_dict=True)
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-4)


def test_data_sets_in_batches_and_steps(tmp_path):
    dataset, images, _ = datasets(tmp_path)
    model, seen = classifier(), []

    def note(sample):
        seen.append(sample["images"].shape)
        return sample

    model.fit(dataset.batch(5, note), verbose=0, shuffle=False)
    assert [shape[0] for shape in seen] == [5, 5, 2]
    seen.clear()
    model.fit(dataset.map(note), batch_size=4, steps_per_epoch=1, epochs=3, verbose=0)
    assert len(seen) >= 12
    without_labels = dataset.map(lambda sample: {"images": sample["images"]})
    assert model.predict(without_labels, verbose=0).shape == (12, 3)
    with pytest.raises(ValueError, match="`y` was passed beside a ImageFiles"):
        model.fit(dataset, np.zeros(12))


def test_data_sets_draw_anew_in_each_epoch(tmp_path):
    dataset, *_ = datasets(tmp_path)
    seen = []

    def note(sample):
        seen.append(sample["images"].mean())
        return sample

    bright = dataset.map(RandomBrightness(0.5, seed=1)).map(note)
    classifier().fit(bright, epochs=2, verbose=0, shuffle=False)
    assert len(seen) == 24 and seen[:12] != seen[12:]
