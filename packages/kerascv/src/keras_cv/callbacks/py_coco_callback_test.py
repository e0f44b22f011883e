import keras
import numpy as np
import pytest
from keras import ops

from domain_core.pipeline.pipeline_model import PipelineModel
from keras_cv.callbacks import PyCOCOCallback
from keras_cv.datasets.image_dataset import ImageDataset
from keras_cv.metrics import coco_metrics

ROWS = 4
KEYS = (
    "val_AP val_AP50 val_AP75 val_APs val_APm val_APl val_ARmax1 val_ARmax10 "
    "val_ARmax100 val_ARs val_ARm val_ARl"
).split()


class Scaled(keras.layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, x):
        return x * self.scale


def detector(base=keras.Model):
    """Returns a model that reads its boxes off images: numbers of them are pixels."""

    class Detector(base):
        def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
            return ops.mean(y_pred["boxes"])

    images = keras.Input((ROWS, 6, 1))
    rows = ops.squeeze(Scaled()(images), axis=-1)
    outputs = {
        "boxes": rows[..., :4],
        "classes": rows[..., 4],
        "confidence": rows[..., 5],
    }
    model = Detector(images, outputs)
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    return model


def found(images):
    rows = np.asarray(images)[..., 0]
    return {
        "boxes": rows[..., :4],
        "classes": rows[..., 4],
        "confidence": rows[..., 5],
    }


def validation_images(count=10):
    source = np.random.default_rng(0)
    corners = source.uniform(0, 50, (count, ROWS, 2))
    boxes = np.concatenate(
        [corners, corners + source.uniform(20, 50, corners.shape)], -1
    )
    images = np.concatenate(
        [
            boxes,
            source.integers(0, 2, (count, ROWS, 1)),
            source.uniform(0.1, 1, (count, ROWS, 1)),
        ],
        axis=-1,
    )
    images[0, 2:] = images[1] = -1  # padding
    return images[..., None].astype("float32")


def true_boxes(images):
    """Returns boxes of the rows without the first, some a little off."""
    boxes = found(images)
    moved = boxes["boxes"][:, 1:] + np.linspace(0, 6, ROWS - 1)[:, None]
    classes = boxes["classes"][:, 1:].copy()
    moved[classes < 0] = -1
    return {"boxes": moved.astype("float32"), "classes": classes}


IMAGES = validation_images()
TRUTH = true_boxes(IMAGES)
EXPECTED = coco_metrics(TRUTH, found(IMAGES), "xyxy")


def logs_of(data, model=None, **options):
    callback = PyCOCOCallback(data, "xyxy", **options)
    callback.set_model(model or detector())
    logs = {"loss": 1.0}
    callback.on_epoch_end(0, logs)
    return logs


def check(logs):
    np.testing.assert_allclose(
        [logs[key] for key in KEYS], list(EXPECTED.values()), atol=1e-9
    )


def batches(*sizes):
    """Yields batches with as many boxes as their fullest image has."""
    first = 0
    for size in sizes:
        rows = slice(first, first + size)
        truth = {key: value[rows] for key, value in TRUTH.items()}
        width = max(int((truth["classes"] >= 0).sum(axis=1).max()), 1)
        yield IMAGES[rows], {key: value[:, :width] for key, value in truth.items()}
        first += size


@pytest.mark.backends
@pytest.mark.parametrize("base", [keras.Model, PipelineModel])
def test_adds_numbers_to_the_logs_of_each_epoch(base):
    assert 0.1 < EXPECTED["MaP"] < 0.9 and EXPECTED["MaP@[area=large]"] == -1
    callback = PyCOCOCallback((IMAGES, TRUTH), "xyxy", batch_size=4)
    model = detector(base)
    history = model.fit(
        IMAGES, np.zeros(10), epochs=2, batch_size=5, callbacks=[callback], verbose=0
    )
    assert set(history.history) == {"loss", *KEYS}
    for epoch in range(2):
        check({key: values[epoch] for key, values in history.history.items()})
    assert np.isfinite(model.evaluate(IMAGES, np.zeros(10), verbose=0))


class Pairs(keras.utils.PyDataset):
    def __init__(self):
        super().__init__()
        self._batches = list(batches(4, 3, 3))

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return self._batches[index]


class Samples(ImageDataset):
    def __len__(self):
        return len(IMAGES)

    def sample(self, index, epoch):
        is_box = TRUTH["classes"][index] >= 0
        boxes = {key: value[index][is_box] for key, value in TRUTH.items()}
        return {"images": IMAGES[index], "bounding_boxes": boxes}


def as_dict(batch):
    return {"images": batch[0], "bounding_boxes": batch[1]}


def tf_data(ragged):
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    data = tf.data.Dataset.from_tensor_slices((IMAGES, TRUTH)).batch(4)
    if not ragged:
        return data

    def drop_padding(images, boxes):
        kept = boxes["classes"] >= 0
        boxes = {k: tf.ragged.boolean_mask(v, kept) for k, v in boxes.items()}
        return {"images": images, "bounding_boxes": boxes}

    return data.map(drop_padding)


def torch_loader():
    torch = pytest.importorskip("torch", reason="needs torch")
    from keras_cv.datasets import collate

    return torch.utils.data.DataLoader(
        Samples(), batch_size=4, collate_fn=lambda x: collate(x, to_torch=True)
    )


FORMS = {
    "arrays": lambda: (IMAGES, TRUTH),
    "dict of arrays": lambda: as_dict((IMAGES, TRUTH)),
    "lists": lambda: (list(IMAGES), [x["bounding_boxes"] for x in Samples()]),
    "list of samples": lambda: list(Samples()),
    "keras_cv.datasets": Samples,
    "batches of keras_cv.datasets": lambda: Samples().batch(3),
    "PyDataset": Pairs,
    "generator": lambda: map(as_dict, batches(4, 3, 3)),
    "tf.data": lambda: tf_data(ragged=False),
    "ragged tf.data": lambda: tf_data(ragged=True),
    "DataLoader": torch_loader,
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_data(form):
    check(logs_of(FORMS[form]()))


def test_images_of_many_sizes():
    """A model that takes raw images gets them as they are."""

    class Raw(PipelineModel):
        def preprocess_samples(self, x, y=None, sample_weight=None):
            return np.stack([image[:ROWS] for image in x]), y, sample_weight

    images = [np.pad(x, ((0, i % 3), (0, 0), (0, 0))) for i, x in enumerate(IMAGES)]
    assert len({image.shape for image in images}) == 3
    check(logs_of((images, TRUTH), detector(Raw), batch_size=4))


def test_relative_boxes():
    """Areas are in pixels: these images have four rows and six columns."""
    callback = PyCOCOCallback((IMAGES, TRUTH), "rel_xyxy")
    callback.set_model(detector())
    callback.on_epoch_end(0, logs := {})
    expected = coco_metrics(TRUTH, found(IMAGES), "rel_xyxy", image_shape=(ROWS, 6, 1))
    assert [*logs.values()] == [*expected.values()]
    assert logs["val_APs"] == -1 and logs["val_APl"] > 0.1


def test_classes():
    logs = logs_of((IMAGES, TRUTH), per_class=True, class_names=["cell"])
    expected = coco_metrics(TRUTH, found(IMAGES), "xyxy", per_class=True)
    for name, number in (("cell", 0), (1, 1)):
        assert logs[f"val_AP@[class={name}]"] == expected[f"MaP@[class={number}]"]
        key = f"class={number}, IoU=50"
        assert logs[f"val_AP@[class={name}, IoU=50]"] == expected[f"MaP@[{key}]"]


def test_defect_5_class_0_counts():
    """KerasCV leaves boxes of class 0 out of the truth (facts 7.4, 5)."""
    images, truth = IMAGES.copy(), dict(TRUTH)
    images[:, :, 4] = np.minimum(images[:, :, 4], 0)
    truth["classes"] = np.minimum(truth["classes"], 0)
    assert logs_of((images, truth))["val_AP"] > 0.1


class Counted(Pairs):
    reads = 0

    def __getitem__(self, index):
        self.reads += 1
        return super().__getitem__(index)


@pytest.mark.parametrize("cache", [True, False])
def test_cache(cache):
    data = Counted()
    callback = PyCOCOCallback(data, "xyxy", cache)
    callback.set_model(detector())
    for epoch in range(3):
        callback.on_epoch_end(epoch, logs := {})
        check(logs)
    assert data.reads == (3 if cache else 9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bounding_box_format": "xy"}, "bounding box format"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"validation_data": iter([]), "cache": False}, "read again.*generator"),
    ],
)
def test_refuses_arguments(arguments, message):
    given = {"validation_data": (IMAGES, TRUTH), "bounding_box_format": "xyxy"}
    with pytest.raises(ValueError, match=message):
        PyCOCOCallback(**given | arguments)


def test_refuses_data_without_end():
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    data = tf.data.Dataset.from_tensor_slices((IMAGES, TRUTH)).batch(4).repeat()
    with pytest.raises(ValueError, match=r"an end.*tf.data.Dataset"):
        PyCOCOCallback(data, "xyxy")


def test_refuses_data_without_boxes():
    with pytest.raises(ValueError, match="received images alone"):
        logs_of(IMAGES)
    with pytest.raises(ValueError, match=r"received a dict with \['images'\]"):
        logs_of({"images": IMAGES})


def test_refuses_models_that_give_no_boxes():
    images = keras.Input((ROWS, 6, 1))
    with pytest.raises(ValueError, match=r"`predict` to return .* received ndarray"):
        logs_of((IMAGES, TRUTH), keras.Model(images, Scaled()(images)))
