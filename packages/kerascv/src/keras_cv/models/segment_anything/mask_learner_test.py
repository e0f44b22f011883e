"""Segment Anything learns: it overfits, from samples in every form, and says what not.

The gate's model is tiny, and its images are small: what costs is the number of steps.
"""

import keras
import numpy as np
import pytest

from domain_core.ops import FusedAdam
from domain_core.testing import assert_close, to_numpy
from keras_cv.models import (
    SAMMaskDecoder,
    SAMPromptEncoder,
    SegmentAnything,
    TwoWayTransformer,
    ViTDetBackbone,
)
from keras_cv.testing.shapes import draw_shapes

SIZE, PATCH, DIM = 32, 4, 48


def make(seed=0, dtype=None):
    keras.utils.set_random_seed(seed)
    backbone = ViTDetBackbone(
        include_rescaling=True,
        input_shape=(SIZE, SIZE, 3),
        patch_size=PATCH,
        embed_dim=DIM,
        depth=1,
        mlp_dim=2 * DIM,
        num_heads=2,
        global_attention_indices=[0],
        out_chans=DIM,
        dtype=dtype,
    )
    transformer = TwoWayTransformer(
        depth=1, embed_dim=DIM, num_heads=2, mlp_dim=2 * DIM, dtype=dtype
    )
    return SegmentAnything(
        backbone=backbone,
        prompt_encoder=SAMPromptEncoder(
            embed_dim=DIM,
            image_embedding_size=(SIZE // PATCH, SIZE // PATCH),
            input_image_size=(SIZE, SIZE),
            mask_in_chans=4,
            dtype=dtype,
        ),
        mask_decoder=SAMMaskDecoder(
            transformer_dim=DIM,
            transformer=transformer,
            iou_head_hidden_dim=DIM,
            dtype=dtype,
        ),
    )


def shapes(count, most=3):
    """Returns images of one or more shapes, boxes around these, and their masks."""
    images, found = draw_shapes(count, SIZE, objects=(1, most), sides=(0.35, 0.5))
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    masks = []
    for image, boxes in zip(images, found["boxes"], strict=True):
        left, top, right, bottom = boxes.T[..., None, None]
        inside = (x > left) & (x < right) & (y > top) & (y < bottom)
        masks.append(inside & (image.max(axis=-1) >= 120))  # the ground is darker
    return list(images), found["boxes"], masks


@pytest.fixture(scope="module")
def model():
    """A model whose weights no step changes."""
    model = make()
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    return model


def loss(model, x, y=None, **options):
    """Returns the loss of a step of `fit`, which changes nothing."""
    options = {"verbose": 0, "shuffle": False, **options}
    return model.fit(x, y, **options).history["loss"][0]


@pytest.fixture(scope="module")
def learned():
    """A model that has seen three images 100 times, and what it says of itself."""
    images, boxes, masks = seen = shapes(3, most=2)
    model, steps, times = make(), 100, 20  # an epoch has a price of its own
    rate = keras.optimizers.schedules.CosineDecay(4e-3, steps)
    model.compile(FusedAdam(rate, beta_2=0.95), train_encoder=True)
    history = model.fit(
        {"images": images * times, "boxes": boxes * times},
        masks * times,
        batch_size=len(images),
        epochs=steps // times,
        shuffle=False,  # as many boxes in each batch: one shape to compile
        verbose=0,
    ).history
    return model, seen, {name: values[-1] for name, values in history.items()}


@pytest.mark.backends
def test_overfits(learned):
    """The gate; Adam's second moment is short, as there is no time for a long one."""
    *_, last = learned
    assert last["mask_iou"] >= 0.9
    assert last["iou_loss"] < 0.02


def test_predicts_what_it_learned(learned):
    """Masks of the images' size, and scores that know how well they fit."""
    model, (images, boxes, masks), last = learned
    overlaps, scores = [], []
    for found, true in zip(model.predict(images, boxes=boxes), masks, strict=True):
        both = (found["masks"] & true).sum(axis=(1, 2))
        overlaps += [*(both / (found["masks"] | true).sum(axis=(1, 2)))]
        scores += [*found["scores"]]
    assert len(overlaps) == 4 and np.mean(overlaps) >= 0.9
    # `fit` counts masks at the model's size, over the last steps.
    assert np.mean(overlaps) == pytest.approx(last["mask_iou"], abs=0.02)
    np.testing.assert_allclose(scores, overlaps, atol=0.3)


def dense(boxes, masks):
    """Returns arrays of three sets for each image: boxes of -1 where there is none."""
    whole = np.full((len(boxes), 3, 4), -1, "float32")
    true = np.zeros((len(boxes), 3, SIZE, SIZE), "uint8")
    for i, (box, mask) in enumerate(zip(boxes, masks, strict=True)):
        whole[i, : len(box)], true[i, : len(box)] = box, mask
    return whole, true


def forms(model):
    """Yields one batch in all forms, with what else `fit` has to know."""
    images, boxes, masks = shapes(2)
    padded, true = dense(boxes, masks)
    assert (padded == -1).any()
    yield "lists", ({"images": images, "boxes": boxes}, masks)
    yield "arrays", ({"images": np.stack(images), "boxes": padded}, true)
    points = {"points": [None, None], "labels": None}
    yield "None", ({"images": images, "boxes": boxes, **points}, masks)
    embeddings = model.embed(images)
    yield "embeddings", ({"images": embeddings, "boxes": boxes}, masks)
    arrays = {**embeddings.as_samples(), "boxes": padded}
    yield "arrays of embeddings", (arrays, true)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return {"images": images, "boxes": boxes}, masks

    yield "PyDataset", (Batches(),)
    import torch

    samples = [
        ({"images": image, "boxes": box}, mask)
        for image, box, mask in zip(images, padded, true, strict=True)
    ]
    yield "DataLoader", (torch.utils.data.DataLoader(samples, batch_size=2),)
    grain = pytest.importorskip("grain")
    yield "Grain", (grain.MapDataset.source(samples).batch(2),)
    tf = pytest.importorskip("tensorflow")
    slices = tf.data.Dataset.from_tensor_slices((arrays, true))
    yield "tf.data of embeddings", (slices.batch(2),)


def test_every_form_of_samples(model):
    expected = None
    for form, data in forms(model):
        found = loss(model, *data)
        expected = expected or found
        np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=form)
    assert expected > 0.1


def test_evaluate_and_validation_data(model):
    """A batch is the mean of its sets; weights are those of images."""
    images, boxes, masks = shapes(3)
    boxes[0], masks[0] = boxes[0][:1], masks[0][:1]
    x = {"images": images, "boxes": boxes}
    names = {"loss", "focal_loss", "dice_loss", "iou_loss", "mask_iou"}
    found = model.evaluate(x, masks, verbose=0, return_dict=True)
    assert set(found) == names
    terms = 20 * found["focal_loss"] + found["dice_loss"] + found["iou_loss"]
    assert found["loss"] == pytest.approx(terms, rel=1e-5)
    alone = [
        model.evaluate(
            {"images": [image], "boxes": [box]}, [mask], verbose=0, return_dict=True
        )
        for image, box, mask in zip(images, boxes, masks, strict=True)
    ]
    numbers = [len(box) for box in boxes]
    assert len(set(numbers)) > 1
    for name in names:
        mean = np.average([one[name] for one in alone], weights=numbers)
        assert found[name] == pytest.approx(mean, rel=1e-4)
    history = model.fit(
        {"images": images, "boxes": boxes},
        masks,
        sample_weight=np.zeros(3),
        validation_data=({"images": model.embed(images), "boxes": boxes}, masks),
        verbose=0,
    ).history
    assert history["loss"] == [0] and history["mask_iou"] == [0]
    assert history["val_mask_iou"][0] == pytest.approx(found["mask_iou"], rel=1e-4)


def test_an_image_without_objects_changes_nothing(model):
    images, boxes, masks = shapes(2)
    expected = loss(model, {"images": images, "boxes": boxes}, masks)
    more = {"images": [*images, images[0]], "boxes": [*boxes, []]}
    found = loss(model, more, [*masks, np.zeros((0, SIZE, SIZE))])
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("train_encoder", [False, True])
def test_what_learns(train_encoder):
    images, boxes, masks = shapes(2)
    model = make()
    model.compile(
        keras.optimizers.SGD(1e-3), train_encoder=train_encoder, output="single"
    )
    before = {w.path: to_numpy(w).copy() for w in model.weights}
    model.fit({"images": images, "boxes": boxes}, masks, verbose=0)
    changed = {w.path for w in model.weights if (to_numpy(w) != before[w.path]).any()}
    encoder = {w.path for w in model.backbone.weights}
    assert bool(encoder & changed) is train_encoder
    heads = [w.path for w in model.mask_decoder.hypernetworks[0].weights]
    assert set(heads) & changed
    others = [w.path for w in model.mask_decoder.hypernetworks[1].weights]
    assert not set(others) & changed
    embedding = [w.path for w in model.prompt_encoder.mask_embedding.weights]
    assert embedding and not set(embedding) & changed


def test_embeddings_of_another_encoder(model):
    images, boxes, masks = shapes(2)
    x = {"images": make(seed=1).embed(images), "boxes": boxes}
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="that this model made"):
            call(x, masks)
    learner = make()
    learner.compile(train_encoder=True)
    x["images"] = learner.embed(images)
    with pytest.raises(ValueError, match="an encoder that learns too"):
        learner.fit(x, masks)


def test_saved_as_it_was_compiled(tmp_path):
    images, boxes, masks = shapes(2)
    model = make()
    model.compile(FusedAdam(1e-3), 10.0, 2.0, 0.5, True, output="single")
    x = {"images": images, "boxes": boxes}
    model.fit(x, masks, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.get_compile_config() == model.get_compile_config()
    assert again.backbone.trainable
    # The state of the optimizer came along: the next step is the same.
    for one in (model, again):
        one.fit(x, masks, verbose=0)
    for one, two in zip(model.weights, again.weights, strict=True):
        assert_close(one, two, rtol=1e-5, atol=1e-6)


def test_mixed_precision(model):
    """Eight bits of the numbers, of the same weights; places stay exact."""
    images, boxes, masks = shapes(2)
    half = make(dtype="mixed_bfloat16")
    half.set_weights([to_numpy(w) for w in model.weights])
    half.compile(keras.optimizers.SGD(0.0))
    x = {"images": images, "boxes": boxes}
    found, expected = (
        one.evaluate(x, masks, verbose=0, return_dict=True) for one in (half, model)
    )
    for name in ("focal_loss", "dice_loss", "loss"):
        assert found[name] == pytest.approx(expected[name], rel=0.03)


def test_wrong_arguments(model):
    images, boxes, masks = shapes(2)
    with pytest.raises(ValueError, match="`dice_weight` of at least 0"):
        make().compile(dice_weight=-1)
    with pytest.raises(ValueError, match="`output`"):
        make().compile(output="all")
    with pytest.raises(ValueError, match="masks to learn, received images"):
        model.fit({"images": images, "boxes": boxes}, verbose=0)
    with pytest.raises(ValueError, match="a dict with"):
        model.fit(images, masks)
    masks[1] = np.concatenate([masks[1], masks[1]])
    with pytest.raises(ValueError, match="of image 1 for each of"):
        model.fit({"images": images, "boxes": boxes}, masks, shuffle=False)
