"""Layers written for KerasCV's two base classes run as they are."""

import keras
import numpy as np
import pytest

from keras_cv.core import UniformFactorSampler
from keras_cv.layers import (
    BaseImageAugmentationLayer,
    VectorizedBaseImageAugmentationLayer,
)
from keras_cv.layers import preprocessing as P
from keras_cv.layers.preprocessing.matrix_test import compiled, to_numpy, to_tensors


@keras.saving.register_keras_serializable("test")
class Add(BaseImageAugmentationLayer):
    """Adds a number to all that it gets."""

    def __init__(self, low=0.0, high=1.0, fixed=None, **kwargs):
        super().__init__(**kwargs)
        self.low, self.high, self.fixed = low, high, fixed
        self.auto_vectorize = False

    def get_random_transformation(
        self,
        image=None,
        label=None,
        bounding_boxes=None,
        keypoints=None,
        segmentation_mask=None,
    ):
        if self.fixed is not None:
            return self.fixed
        return self._random_generator.uniform((), minval=self.low, maxval=self.high)

    def augment_image(self, image, transformation=None, **kwargs):
        return image + transformation

    def augment_label(self, label, transformation, **kwargs):
        return label + transformation

    def augment_bounding_boxes(self, bounding_boxes, transformation=None, **kwargs):
        return {
            "boxes": bounding_boxes["boxes"] + transformation,
            "classes": bounding_boxes["classes"],
        }

    def augment_keypoints(self, keypoints, transformation, **kwargs):
        return keypoints + transformation

    def augment_segmentation_mask(self, segmentation_mask, transformation, **kwargs):
        return segmentation_mask + transformation

    def get_config(self):
        config = super().get_config()
        config.update({"low": self.low, "high": self.high, "fixed": self.fixed})
        return config


class AddAtOnce(VectorizedBaseImageAugmentationLayer):
    """The same for a batch."""

    def __init__(self, fixed=None, **kwargs):
        super().__init__(**kwargs)
        self.fixed = fixed
        self.factor = UniformFactorSampler(1.0, 2.0)

    def get_random_transformation_batch(self, batch_size, **kwargs):
        drawn = self.factor(shape=(batch_size, 1))
        return {"add": drawn if self.fixed is None else drawn * 0 + self.fixed}

    def augment_images(self, images, transformations, **kwargs):
        return images + transformations["add"][..., None, None]

    def augment_ragged_image(self, image, transformation, **kwargs):
        return image + transformation["add"][..., None, None]

    def augment_labels(self, labels, transformations, raw_images, images, **kwargs):
        assert images.shape == raw_images.shape
        return labels + transformations["add"]

    def augment_bounding_boxes(self, bounding_boxes, transformations, **kwargs):
        boxes = bounding_boxes["boxes"] + transformations["add"][..., None]
        return {**bounding_boxes, "boxes": boxes}

    def augment_keypoints(self, keypoints, transformations, **kwargs):
        return keypoints + transformations["add"][..., None]

    def augment_segmentation_masks(self, segmentation_masks, transformations, **kwargs):
        return segmentation_masks + transformations["add"][..., None, None]


def samples(batch=3):
    rng = np.random.default_rng(0)
    boxes = rng.uniform(0, 4, (batch, 2, 4)).astype("float32")
    classes = np.ones((batch, 2), "float32")
    boxes[0, 1], classes[0, 1] = -1, -1  # padding
    return {
        "images": rng.integers(0, 200, (batch, 6, 5, 3), "uint8"),
        "labels": np.eye(batch, 4, dtype="float32"),
        "bounding_boxes": {"boxes": boxes, "classes": classes},
        "keypoints": rng.uniform(0, 4, (batch, 2, 2)).astype("float32"),
        "segmentation_masks": rng.integers(0, 4, (batch, 6, 5, 1)).astype("float32"),
        "id": np.arange(batch),
    }


def check(before, after, added):
    """All is larger by a number for each image, but padding and what is passed on."""
    added = np.broadcast_to(added, (len(before["images"]),)).astype("float32")
    assert after["images"].dtype == "float32"
    for key in ("images", "labels", "keypoints", "segmentation_masks"):
        first = before[key].astype("float32")
        shift = added.reshape(-1, *[1] * (first.ndim - 1))
        np.testing.assert_allclose(after[key], first + shift, atol=1e-4, err_msg=key)
    boxes, classes = (
        before["bounding_boxes"]["boxes"],
        before["bounding_boxes"]["classes"],
    )
    expected = np.where(classes[..., None] == -1, -1, boxes + added[:, None, None])
    found = after["bounding_boxes"]
    np.testing.assert_allclose(found["boxes"], expected, atol=1e-4)
    np.testing.assert_array_equal(found["classes"], classes)
    np.testing.assert_array_equal(after["id"], before["id"])


both = pytest.mark.parametrize("kind", [Add, AddAtOnce])


@pytest.mark.backends
@both
def test_all_kinds_of_labels_on_arrays_and_tensors(kind):
    inputs = samples()
    layer = kind(fixed=2.0)
    check(inputs, to_numpy(layer(inputs)), 2.0)
    check(inputs, to_numpy(layer(to_tensors(inputs))), 2.0)
    random = kind(seed=1)
    for given in (inputs, to_tensors(inputs)):
        found = to_numpy(random(given))
        added = (found["images"] - inputs["images"])[:, 0, 0, 0]
        assert len(set(added.tolist())) == len(added)  # each its own
        check(inputs, found, added)


@pytest.mark.backends
@both
def test_a_single_image(kind):
    image = samples()["images"][0]
    for given in (image, keras.ops.convert_to_tensor(image)):
        found = to_numpy(kind(fixed=3)(given))
        np.testing.assert_array_equal(found, image.astype("float32") + 3)


@both
def test_images_of_different_sizes(kind):
    images = [np.zeros((4, 5, 3), "uint8"), np.ones((6, 3, 3), "uint8")]
    found = kind(fixed=1.0)(images)
    for before, after in zip(images, found, strict=True):
        np.testing.assert_array_equal(after, before + 1.0)


@pytest.mark.backends("tensorflow")
@both
def test_ragged_images(kind):
    import tensorflow as tf

    images = tf.ragged.stack([tf.zeros((4, 5, 3)), tf.ones((6, 3, 3))])
    found = kind(fixed=1.0)(images)
    assert isinstance(found, tf.RaggedTensor)
    np.testing.assert_array_equal(found[1].to_tensor(), np.full((6, 3, 3), 2.0))
    (mapped,) = tf.data.Dataset.from_tensors(images).map(kind(fixed=1.0))
    np.testing.assert_array_equal(mapped[1].to_tensor(), np.full((6, 3, 3), 2.0))


@pytest.mark.backends("torch", "tensorflow")
@pytest.mark.parametrize("graph", [False, True])
@both
def test_in_a_dataset(kind, graph):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    inputs = samples()
    data = tf.data.Dataset.from_tensors(inputs).repeat(2)
    mapped = data.map(kind(fixed=2.0, graph=graph))
    assert mapped.element_spec["images"].dtype == "float32"
    for found in mapped:
        check(inputs, keras.tree.map_structure(lambda x: x.numpy(), found), 2.0)
    first, second = data.map(kind(seed=1, graph=graph))
    added = (first["images"] - tf.cast(inputs["images"], "float32"))[:, 0, 0, 0]
    check(inputs, keras.tree.map_structure(lambda x: x.numpy(), first), added.numpy())
    assert not np.array_equal(first["images"], second["images"])


@pytest.mark.backends
@both
def test_in_a_compiled_model(kind):
    before = samples()
    del before["id"]
    run = compiled({"layer": kind(seed=1)})
    found = to_numpy(run({"layer": to_tensors(before)})["layer"][0])
    added = (found["images"] - before["images"])[:, 0, 0, 0]
    assert len(set(added.tolist())) == len(added)
    check({**before, "id": 0}, {**found, "id": 0}, added)
    # Inside a model it follows the flag.
    inputs = keras.Input((6, 5, 3))
    model = keras.Model(inputs, kind(fixed=2.0)(inputs))
    images = before["images"].astype("float32")
    np.testing.assert_array_equal(model.predict(images, verbose=0), images)
    np.testing.assert_array_equal(to_numpy(model(images, training=True)), images + 2)


@both
def test_draws_depend_on_the_seed_and_can_be_repeated(kind):
    inputs = samples()
    one, same = (kind(seed=4)(inputs)["images"] for _ in range(2))
    np.testing.assert_array_equal(one, same)
    layer = kind(seed=5)
    found, parameters = layer(inputs, return_parameters=True)
    assert not np.array_equal(found["images"], one)
    again = layer(inputs, parameters=parameters)
    np.testing.assert_array_equal(found["images"], again["images"])
    assert not np.array_equal(found["images"], layer(inputs)["images"])


def test_draws_of_a_sample_depend_on_its_index():
    images = samples()["images"]
    whole = Add(seed=4)(images, index=np.arange(3))
    for i in range(3):
        one = Add(seed=4)(images[i : i + 1], index=np.array([i]))
        np.testing.assert_array_equal(whole[i], one[0])


@pytest.mark.backends
@both
def test_inside_layers_that_hold_others(kind):
    inputs = {key: samples()[key] for key in ("images", "labels")}
    for layer, least, most in (
        (P.RandomApply(kind(fixed=2.0), rate=1.0), 2, 2),
        (P.RandomChoice([kind(fixed=1.0), kind(fixed=3.0)], seed=1), 1, 3),
        (P.RandomAugmentationPipeline([kind(fixed=1.0)], 2), 2, 2),
        (P.Augmenter([P.RandomFlip(rate=0.0), kind(fixed=2.0)]), 2, 2),
    ):
        for given in (inputs, to_tensors(inputs)):
            found = to_numpy(layer(given))
            added = (found["images"] - inputs["images"])[:, 0, 0, 0]
            assert added.min() >= least and added.max() <= most
            np.testing.assert_allclose(
                found["labels"], inputs["labels"] + added[:, None], rtol=1e-6
            )


def test_labels_without_a_method_are_refused_by_name():
    class Bare(BaseImageAugmentationLayer):
        def augment_image(self, image, transformation):
            assert transformation is None
            return image

    class BareAtOnce(VectorizedBaseImageAugmentationLayer):
        def augment_images(self, images, transformations):
            assert np.shape(transformations) == (3,)
            return images

    inputs = samples()
    for kind, singular in ((Bare, "label"), (BareAtOnce, "labels")):
        np.testing.assert_array_equal(kind()(inputs["images"]), inputs["images"])
        for key, method in (
            ("labels", f"augment_{singular}"),
            ("bounding_boxes", "augment_bounding_boxes"),
            ("keypoints", "augment_keypoints"),
            ("segmentation_masks", f"augment_segmentation_mask{singular[5:]}"),
        ):
            with pytest.raises(NotImplementedError, match=f"{method}`"):
                kind()({"images": inputs["images"], key: inputs[key]})
    with pytest.raises(NotImplementedError, match="augment_ragged_image"):
        BareAtOnce()([np.zeros((2, 2, 3)), np.zeros((3, 2, 3))])
    with pytest.raises(NotImplementedError, match="must write `augment`"):
        BaseImageAugmentationLayer()(inputs["images"])


def test_targets_are_labels_by_another_name():
    inputs = samples()
    found = Add(fixed=1.0)({"images": inputs["images"], "targets": inputs["labels"]})
    np.testing.assert_array_equal(found["targets"], inputs["labels"] + 1)


@pytest.mark.backends("tensorflow", "torch")
def test_sizes_and_numbers_of_channels_may_change():
    class Half(BaseImageAugmentationLayer):
        def augment_image(self, image, transformation, **kwargs):
            return image[::2, ::2, :1]

    images = samples()["images"]
    np.testing.assert_array_equal(Half()(images), images[:, ::2, ::2, :1])
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    mapped = tf.data.Dataset.from_tensors(images).map(Half())
    assert tuple(mapped.element_spec.shape) == (3, 3, 3, 1)
    np.testing.assert_array_equal(next(iter(mapped)), images[:, ::2, ::2, :1])


@pytest.mark.backends("tensorflow")
@pytest.mark.parametrize("graph", [False, True])
def test_code_of_tensorflow(graph):
    """What upstream's layers are made of; branches are rewritten in graphs."""
    import tensorflow as tf

    class Flip(BaseImageAugmentationLayer):
        def get_random_transformation(self, **kwargs):
            return self._random_generator.uniform(shape=()) > 0.5

        def augment_image(self, image, transformation, **kwargs):
            assert image.get_shape().rank == 3
            if transformation:
                image = tf.image.flip_left_right(image)
            return image

    images = samples(16)["images"].astype("float32")
    layer = Flip(seed=1, graph=graph)
    (mapped,) = tf.data.Dataset.from_tensors(images).map(layer)
    for found in (mapped, layer(tf.constant(images)), layer(images)):
        pairs = list(zip(found, images, strict=True))
        is_flipped = [np.array_equal(a, b[:, ::-1]) for a, b in pairs]
        is_same = [np.array_equal(a, b) for a, b in pairs]
        assert all(np.logical_xor(is_flipped, is_same))
        assert any(is_flipped) and any(is_same)


def test_saving():
    layer = Add(low=0.5, seed=3, name="add")
    config = layer.get_config()
    assert config["low"] == 0.5 and config["seed"] == 3
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert again.get_config() == config
    images = samples()["images"]
    np.testing.assert_array_equal(again(images), Add(low=0.5, seed=3)(images))


@pytest.mark.backends
def test_numbers_of_the_generator():
    drawn = {}

    class Draw(BaseImageAugmentationLayer):
        def augment_image(self, image, transformation, **kwargs):
            generator = self._random_generator
            drawn["uniform"] = generator.uniform((2000,), 2.0, 4.0)
            drawn["integers"] = generator.uniform((2000,), 0, 5, dtype="int32")
            drawn["normal"] = generator.normal((2000,), 1.0, 3.0)
            drawn["factor"] = UniformFactorSampler(2.0, 4.0)((50, 4))
            return image

    for given in (np.zeros((2, 2, 3)), keras.ops.zeros((2, 2, 3))):
        Draw(seed=1)(given)
        numbers = {k: keras.ops.convert_to_numpy(v) for k, v in drawn.items()}
        for name in ("uniform", "factor"):
            assert 2 <= numbers[name].min() < 2.1 < 3.9 < numbers[name].max() <= 4
        assert numbers["factor"].shape == (50, 4)
        assert numbers["integers"].dtype == "int32"
        assert set(numbers["integers"].tolist()) == set(range(5))
        assert abs(numbers["normal"].mean() - 1) < 0.3
        assert abs(numbers["normal"].std() - 3) < 0.3
    # Outside of a call it draws, too.
    assert keras.ops.convert_to_numpy(Draw()._random_generator.uniform((3,))).size == 3
