"""Segment Anything on raw images."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_cv.models import (
    SAMMaskDecoder,
    SAMPromptEncoder,
    SegmentAnything,
    TwoWayTransformer,
    ViTDetBackbone,
)

# Height and width of the model's input, and of masks that come out.
SIZE, LOW = (64, 96), (16, 24)


def segmenter(seed=3, **options):
    keras.utils.set_random_seed(seed)
    backbone = ViTDetBackbone(
        include_rescaling=True,
        input_shape=(*SIZE, 3),
        **{"embed_dim": 8, "depth": 2, "mlp_dim": 16, "num_heads": 2, "window_size": 3},
        global_attention_indices=[1],
        out_chans=16,
    )
    encoder = SAMPromptEncoder(
        embed_dim=16, image_embedding_size=(4, 6), input_image_size=SIZE
    )
    decoder = SAMMaskDecoder(
        transformer_dim=16,
        transformer=TwoWayTransformer(depth=1, embed_dim=16, num_heads=2, mlp_dim=16),
    )
    model = SegmentAnything(
        backbone=backbone, prompt_encoder=encoder, mask_decoder=decoder, **options
    )
    return model


@pytest.fixture(scope="module")
def model():
    return segmenter()


def photo(height, width, seed=0):
    draw = np.random.default_rng(seed)
    return draw.integers(0, 256, (height, width, 3)).astype("uint8")


IMAGES = [photo(50, 40), photo(30, 90, 1), photo(128, 192, 2)]
POINTS = [
    [[[5, 6]], [[20.5, 30], [9, 9]]],
    None,
    [[100, 90], [30, 40], [190, 1]],
]
LABELS = [None, None, [1, 0, 1]]
BOXES = [None, [[3, 4, 60, 29.5], [10, 10, 20, 20]], None]


@pytest.mark.backends
def test_batch_equals_the_loop(model):
    check_batch(model, 2)


def test_batch_of_other_numbers(model):
    check_batch(model, 3)
    batch = model.predict(IMAGES[:2], POINTS[:2], None, BOXES[:2], return_logits=True)
    one = model.predict(IMAGES[1], boxes=BOXES[1][-1], return_logits=True)
    for key, value in one.items():
        np.testing.assert_allclose(batch[1][key][-1], value, rtol=1e-5, atol=1e-5)


def check_batch(model, number):
    prompts = [x[:number] for x in (POINTS, LABELS, BOXES)]
    batch = model.predict(IMAGES[:number], *prompts, batch_size=2, return_logits=True)
    shapes = [one["masks"].shape for one in batch]
    assert shapes == [(2, 50, 40), (2, 30, 90), (128, 192)][:number]
    for i, found in enumerate(batch):
        alone = model.predict(
            IMAGES[i], POINTS[i], LABELS[i], BOXES[i], return_logits=True
        )
        for key, value in alone.items():
            np.testing.assert_allclose(found[key], value, rtol=1e-5, atol=1e-5)


def test_outputs(model):
    image, box = IMAGES[0], [4, 4, 30, 40]
    every = model.predict(image, boxes=[box, box], output="all")
    best = model.predict(image, boxes=box)
    assert every["masks"].shape == (2, 3, 50, 40)
    assert every["masks"].dtype == bool and best["masks"].dtype == bool
    chosen = every["scores"][1].argmax()
    assert best["scores"] == pytest.approx(every["scores"][1, chosen], abs=1e-6)
    logits = model.predict(image, boxes=box, return_logits=True)["masks"]
    np.testing.assert_array_equal(best["masks"], logits > 0)
    first = model.predict(image, boxes=box, output="single")
    again = model.predict(
        image, boxes=[box], masks=first["low_res_masks"][None], output="single"
    )
    assert again["masks"].shape == (1, 50, 40)
    assert not np.allclose(again["low_res_masks"][0], first["low_res_masks"])


def test_array_interface(model):
    """What `predict` does is what the model does on pixels and their prompts."""
    image = IMAGES[2]  # twice the size of the model's input
    found = model.predict(image, [[60, 20], [8, 9]], [1, 0], output="all")
    pixels, _ = model.preprocessor.convert([image])
    outputs = model(
        {
            "images": pixels,
            "points": np.array([[[30, 10], [4, 4.5]]], "float32"),
            "labels": np.array([[1, 0]]),
        }
    )
    masks = keras.ops.convert_to_numpy(outputs["masks"])
    np.testing.assert_allclose(found["low_res_masks"], masks[0, 1:], atol=1e-5)


def test_embeddings(model, tmp_path):
    embeddings = model.embed(IMAGES)
    assert len(embeddings) == 3 and embeddings.image_sizes[1] == (30, 90)
    # They survive a file.
    np.savez(tmp_path / "e.npz", **dataclasses.asdict(embeddings))
    with np.load(tmp_path / "e.npz") as file:
        kept = type(embeddings)(
            file["features"], file["placements"], int(file["encoder"])
        )
    for i, image in enumerate(IMAGES):
        expected = model.predict(image, [5, 5])
        found = model.predict(kept[i], [5, 5])
        np.testing.assert_allclose(
            found["low_res_masks"], expected["low_res_masks"], rtol=1e-5, atol=1e-5
        )
    with pytest.raises(ValueError, match="another backbone"):
        segmenter(seed=4).predict(kept, points=[[5, 5]] * 3)


def test_mask_prompts_of_some(model):
    """Images with masks and images without go in one call."""
    low = np.random.default_rng(0).normal(size=LOW).astype("float32")
    found = model.predict(
        IMAGES, [[5, 5]] * 3, masks=[None, low, None], return_logits=True
    )
    for i, mask in enumerate([None, low, None]):
        alone = model.predict(IMAGES[i], [5, 5], masks=mask, return_logits=True)
        np.testing.assert_allclose(
            found[i]["masks"], alone["masks"], rtol=1e-5, atol=1e-5
        )


# After the loop above, whose compiled programs it needs.
def test_generated_masks_are_those_of_points(model):
    image = IMAGES[1]  # 30 x 90
    everything = {
        "pred_iou_thresh": -1e9,
        "stability_score_thresh": 0,
        "box_nms_thresh": 1,
    }
    found = model.generate_masks(image, points_per_side=2, **everything)
    points = [[[22.5, 7.5]], [[67.5, 7.5]], [[22.5, 22.5]], [[67.5, 22.5]]]
    expected = model.predict(image, points, output="all", return_logits=True)
    rows, columns = np.nonzero((expected["masks"] > 0).any(axis=(2, 3)))
    rows, columns = (
        x[np.argsort(-expected["scores"][rows, columns], kind="stable")]
        for x in (rows, columns)
    )
    scores = expected["scores"][rows, columns]
    np.testing.assert_allclose(found["scores"], scores, rtol=1e-6)
    np.testing.assert_array_equal(found["points"], np.array(points)[rows, 0])
    masks = expected["masks"][rows, columns] > 0
    np.testing.assert_array_equal(found["masks"], masks)


def test_masks_of_one_image(model):
    embeddings = model.embed(IMAGES)
    with pytest.raises(ValueError, match="one image .* received 3"):
        model.generate_masks(embeddings)
    with pytest.raises(ValueError, match="one image .* received 3"):
        model.generate_masks(IMAGES)
    with pytest.raises(ValueError, match="crop_n_layers=0"):
        model.generate_masks(embeddings[0], crop_n_layers=1)
    with pytest.raises(ValueError, match="another backbone"):
        segmenter(seed=4).generate_masks(embeddings[0])
    with pytest.raises(ValueError, match="axis of channels"):
        model.generate_masks(np.zeros((8, 8)))
    with pytest.raises(ValueError, match="`points_per_side`"):
        model.generate_masks(IMAGES[0], points_per_side=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"points": [[41, 3]]}, r"x in \[0, 40\] and y in \[0, 50\], received \[41"),
        ({"points": [[4, -3]]}, "within the image"),
        ({"points": [[4, np.nan]]}, "finite"),
        ({"points": [[4, 3]], "labels": [2]}, "1 for the object"),
        ({"points": [[4, 3]], "labels": [1, 1]}, "label for each point"),
        ({"points": [[4, 3]], "labels": [-1]}, "a point, a box or a mask for each"),
        ({"points": [[4, 3, 2]]}, r"\(objects, points, 2\)"),
        ({"points": [[[4, 3]], [[1, 2, 3]]]}, r"object 1 of the shape \(points, 2\)"),
        ({"points": [[4, 3], [1, 2, 3]]}, r"object 0 of the shape"),
        ({"points": [[], [[1, 2]]]}, "a point, a box or a mask for each"),
        ({"points": "here"}, "numbers"),
        ({"labels": [1]}, "labels alone"),
        ({"boxes": [30, 4, 3, 9]}, "left and top the smaller"),
        ({"boxes": [60, 4, 90, 9]}, "has a part in"),
        ({"boxes": [1, 2, 3]}, "4 numbers"),
        ({"boxes": [[[1, 2, 3, 4]]]}, "1 axes for one object or 2"),
        ({"points": [[[1, 2]]], "boxes": [[1, 1, 2, 2]] * 2}, "as many objects each"),
        ({"masks": np.zeros((8, 8))}, "16 x 24 logits"),
        ({}, "received none.*generate_masks"),
        ({"points": [3, 4], "output": "three"}, "`output` to be one of"),
    ],
)
def test_bad_prompts(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        model.predict(IMAGES[0], **arguments)


def test_bad_images(model):
    with pytest.raises(ValueError, match="axis of channels"):
        model.predict(np.zeros((8, 8)), [3, 4])
    with pytest.raises(ValueError, match="each of 3 images.*received 2"):
        model.predict(IMAGES, points=[[3, 4]] * 2)
    with pytest.raises(ValueError, match="received none"):
        model.predict(IMAGES, points=[[3, 4], None, [3, 4]])
    with pytest.raises(ValueError, match="of image 1 .*x in"):
        model.predict(IMAGES, points=[[3, 4], [5, 40], [3, 4]])
    with pytest.raises(ValueError, match="dict of"):
        model.predict({"images": IMAGES})
