"""SAM as a whole, on a stand-in for its backbone."""

import keras
import numpy as np
import pytest

from domain_core.testing import TaskContract, assert_close
from keras_cv.models import (
    ResNetBackbone,
    SAMMaskDecoder,
    SAMPromptEncoder,
    SegmentAnythingModel,
    TwoWayTransformer,
)

# Not square, and as small as four halvings allow.
PIXELS, SIZE, DIM = (32, 48), (4, 6), 16


def make(**encoder):
    backbone = ResNetBackbone(
        stackwise_filters=[8, DIM],
        stackwise_blocks=[1, 1],
        stackwise_strides=[1, 2],
        block_type="basic_block",
        include_rescaling=True,
    )
    return SegmentAnythingModel(
        backbone=backbone,
        prompt_encoder=SAMPromptEncoder(
            embed_dim=DIM, **{**SIZES, **encoder}, mask_in_chans=8
        ),
        mask_decoder=SAMMaskDecoder(
            transformer_dim=DIM,
            transformer=TwoWayTransformer(embed_dim=DIM, num_heads=2, mlp_dim=24),
            iou_head_hidden_dim=16,
        ),
    )


SIZES = {"image_embedding_size": SIZE, "input_image_size": PIXELS}


def images(number=3):
    draw = np.random.default_rng(0)
    return draw.uniform(0, 255, (number, *PIXELS, 3)).astype("float32")


def prompts():
    """Three sets: a box and two points, one point, a box alone; the rest is padding."""
    draw = np.random.default_rng(1)
    labels = np.array([[1, 0, -1], [-1, 1, -1], [-1, -1, -1]])
    points = draw.uniform(0, PIXELS[0], (3, 3, 2))
    points[labels < 0] = np.nan  # what stands in padding does not matter
    boxes = draw.uniform(0, PIXELS[0], (3, 1, 2, 2))
    boxes[1] = -1
    return {"points": points, "labels": labels, "boxes": boxes}


def without_padding(prompts, index):
    """Returns the prompts of one set, with what is real alone."""
    real, box = prompts["labels"][index] >= 0, prompts["boxes"][index]
    one = {}
    if real.any():
        one["points"] = prompts["points"][index][real][None]
        one["labels"] = prompts["labels"][index][real][None]
    if (box != -1).any():
        one["boxes"] = box[None]
    return one


class TestContract(TaskContract):
    cls = SegmentAnythingModel
    test_a_batch_passes_once = None  # it has no `fit`

    @classmethod
    def make(cls):
        return make()

    @classmethod
    def samples(cls):
        return {"images": images(), **prompts()}, None

    @pytest.fixture(scope="class")
    @classmethod
    def task(cls):
        """It has no `fit`."""
        return cls.make()


@pytest.fixture(scope="module")
def model():
    return make()


def test_sets_of_prompts_are_as_one_alone(model):
    """Several of an image, padded to the same numbers; then one, without padding."""
    pixels, sets = images(1), prompts()
    several = model.predict(
        {"images": pixels, **{name: x[None] for name, x in sets.items()}}, verbose=0
    )
    assert several["masks"].shape == (1, 3, 4, 16, 24)
    assert several["iou_pred"].shape == (1, 3, 4)
    alone = model.predict({"images": pixels, **without_padding(sets, 1)}, verbose=0)
    for name, output in alone.items():
        assert_close(several[name][:, 1], output, rtol=1e-5, atol=1e-5)


def test_padding_changes_nothing(model):
    pixels, sets = images(), prompts()
    together = model.predict({"images": pixels, **sets}, verbose=0)
    embeddings = model.encode_images(pixels)
    for index in range(3):
        one = slice(index, index + 1)
        alone = model.segment(embeddings[one], without_padding(sets, index))
        for name, output in alone.items():
            assert_close(together[name][one], output, rtol=1e-5, atol=1e-5)


def test_what_keras_cv_asked_for_changes_nothing(model):
    point = {"points": [[[9.5, 20.0]]], "labels": [[1]]}
    padded = {"points": [[[9.5, 20.0], [0, 0]]], "labels": [[1, -1]]}
    empty = {
        "boxes": np.zeros((1, 0, 2, 2)),
        "masks": np.zeros((1, 0, 16, 24, 1)),
    }
    expected = model.predict({"images": images(1), **point}, verbose=0)
    for case in (padded, {**padded, **empty}):
        outputs = model.predict({"images": images(1), **case}, verbose=0)
        for name, output in expected.items():
            assert_close(outputs[name], output, rtol=1e-6, atol=1e-6)


def test_all_kinds_of_prompts_matter(model):
    pixels, sets = images(1), {k: x[:1] for k, x in prompts().items()}
    sets["masks"] = np.random.default_rng(2).normal(size=(1, 1, 16, 24, 1))
    whole = model.predict({"images": pixels, **sets}, verbose=0)
    for missing in (["points", "labels"], ["boxes"], ["masks"], [*sets]):
        some = {k: x for k, x in sets.items() if k not in missing}
        outputs = model.predict({"images": pixels, **some}, verbose=0)
        assert outputs["masks"].shape == whole["masks"].shape
        assert np.abs(outputs["masks"] - whole["masks"]).max() > 1e-3


def test_the_graph_is_the_call(model):
    sets = {k: x[:1] for k, x in prompts().items()}
    sets["points"] = np.nan_to_num(sets["points"])
    inputs = {"images": images(1), **sets, "masks": np.ones((1, 1, 16, 24, 1))}
    graph = keras.Model(model.input, model.output)
    assert_close(graph(inputs), model(inputs), rtol=1e-6, atol=1e-6)


@pytest.mark.backends("torch")
def test_torch_finds_all_weights(model):
    shapes = [tuple(w.shape) for w in model.weights]
    assert sorted(shapes) == sorted(
        tuple(p.shape) for p in model.parameters() if p.dtype.is_floating_point
    )
    paths = [weight.path for weight in model.weights]
    assert len(set(paths)) == len(paths)


def test_predicts_only(model):
    with pytest.raises(NotImplementedError, match="predict"):
        model.fit({"images": images(1)})


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"points": [[[1, 2]]], "labels": [[1]]}, 'a dict with "images"'),
        ({"images": images(1), "points": [[[1, 2]]]}, "alone"),
        (
            {"images": images(1), "points": [[[1, 2]]], "labels": [[2]]},
            "labels of points",
        ),
        ({"images": images(1), "boxes": [[[1, 2], [3, 4]]]}, "to have 4 axes"),
        ({"images": images(1), "masks": np.ones((1, 1, 8, 8, 1))}, "Resize them"),
    ],
)
def test_wrong_prompts(model, inputs, message):
    with pytest.raises(ValueError, match=message):
        model.predict(inputs, verbose=0)


def test_parts_that_do_not_fit():
    with pytest.raises(ValueError, match="what the prompt encoder is for"):
        make(image_embedding_size=(4, 4))
