"""What is exported gives the masks that the model gives."""

import keras
import numpy as np
import pytest

from domain_core.testing.values import assert_close, to_numpy
from keras_cv.models import (
    SAMMaskDecoder,
    SAMPromptEncoder,
    SegmentAnything,
    TwoWayTransformer,
    ViTDetBackbone,
)

SIZE, LOW = (64, 96), (16, 24)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    backbone = ViTDetBackbone(
        include_rescaling=True,
        input_shape=(*SIZE, 3),
        **{"embed_dim": 8, "depth": 1, "mlp_dim": 16, "num_heads": 2, "window_size": 3},
        out_chans=16,
    )
    encoder = SAMPromptEncoder(
        embed_dim=16, image_embedding_size=(4, 6), input_image_size=SIZE
    )
    decoder = SAMMaskDecoder(
        transformer_dim=16,
        transformer=TwoWayTransformer(depth=1, embed_dim=16, num_heads=2, mlp_dim=16),
    )
    return SegmentAnything(
        backbone=backbone, prompt_encoder=encoder, mask_decoder=decoder
    )


def photographs():
    """Returns a church and a flower, of different sizes."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    church, flower = load_sample_images().images
    return [
        np.asarray(Image.fromarray(church).resize((90, 60))),
        np.asarray(Image.fromarray(flower).resize((64, 128))),
    ]


def check(model, encode, decode):
    """Runs two programs beside the model: prompts of all kinds, and a single one."""
    images = photographs()
    pixels, placements = model.preprocessor.convert(images)
    embeddings = encode({"images": pixels})["image_embeddings"]
    expected = model.embed(images, batch_size=2).features
    assert_close(embeddings, expected, rtol=1e-4, atol=1e-4)
    # Two objects in one image by points, and one in the other by a box and a mask.
    points, labels = [[[20, 30], [40, 9]], [[5, 6], [-1, -1]]], [[1, 0], [1, -1]]
    box = [3, 4, 60, 100]
    low = np.random.default_rng(0).normal(size=LOW).astype("float32")
    scale = placements[:, :2]
    inputs = {
        "image_embeddings": embeddings,
        "rows": np.array([0, 0, 1], "int32"),
        "points": np.zeros((3, 2, 2), "float32"),
        "labels": np.full((3, 2), -1, "int32"),
        "boxes": np.full((3, 1, 2, 2), -1, "float32"),
        "masks": np.zeros((3, 1, *LOW, 1), "float32"),
        "has_masks": np.array([False, False, True]),
    }
    inputs["points"][:2] = points * scale[0]
    inputs["labels"][:2] = labels
    inputs["boxes"][2, 0] = np.reshape(box, (2, 2)) * scale[1]
    inputs["masks"][2, 0, ..., 0] = low
    found = decode(inputs)
    assert found["low_res_masks"].shape == (3, 4, *LOW)
    asked = [
        model.predict(images[0], points, labels, output="all"),
        model.predict(images[1], boxes=[box], masks=low[None], output="all"),
    ]
    for key in ("low_res_masks", "scores"):
        expected = np.concatenate([one[key] for one in asked])
        assert_close(found[key][:, 1:], expected, rtol=1e-4, atol=1e-4)
    # All that is free, once: the other image's set of prompts alone.
    alone = {key: x[2:] for key, x in inputs.items()}
    alone |= {"image_embeddings": embeddings[1:], "rows": np.array([0], "int32")}
    alone |= {key: alone[key][:, :1] for key in ("points", "labels")}
    expected = {key: x[2:] for key, x in found.items()}
    assert_close(decode(alone), expected, rtol=1e-4, atol=1e-4)
    # And more often than in the example that torch saw.
    for key, more in (("points", 5), ("labels", 5), ("boxes", 6)):
        around = [(0, 0), (0, more)] + [(0, 0)] * (inputs[key].ndim - 2)
        inputs[key] = np.pad(inputs[key], around, constant_values=-1)
    assert_close(decode(inputs), found, rtol=1e-4, atol=1e-4)


def saved_model(folder):
    tf = pytest.importorskip("tensorflow")
    program = tf.saved_model.load(str(folder))

    def run(inputs):
        given = {name: tf.constant(x) for name, x in inputs.items()}
        found = program.serve(given["images"] if len(given) == 1 else given)
        return {name: values.numpy() for name, values in found.items()}

    return run


def onnx_file(path):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(path))
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def torch_program(path):
    import torch

    program = torch.export.load(path).module()

    def run(inputs):
        with torch.no_grad():
            return to_numpy(program(*map(torch.from_numpy, inputs.values())))

    return run


@pytest.mark.backends("tensorflow")
def test_saved_model(model, tmp_path):
    model.export(tmp_path)
    check(model, saved_model(tmp_path / "encoder"), saved_model(tmp_path / "decoder"))


@pytest.mark.large
@pytest.mark.backends("jax")
def test_saved_model_of_jax(model, tmp_path):
    model.export(tmp_path)
    check(model, saved_model(tmp_path / "encoder"), saved_model(tmp_path / "decoder"))


@pytest.mark.large
@pytest.mark.backends("torch")
def test_onnx(model, tmp_path):
    model.export(tmp_path, "onnx")
    check(
        model,
        onnx_file(tmp_path / "encoder.onnx"),
        onnx_file(tmp_path / "decoder.onnx"),
    )


@pytest.mark.large
@pytest.mark.backends("torch")
def test_torch_program(model, tmp_path):
    model.export(tmp_path, "torch")
    check(
        model,
        torch_program(tmp_path / "encoder.pt2"),
        torch_program(tmp_path / "decoder.pt2"),
    )


@pytest.mark.backends("torch")
def test_what_torch_cannot_export(model, tmp_path):
    with pytest.raises(ValueError, match=r"\['onnx', 'torch'\].*KERAS_BACKEND"):
        model.export(tmp_path / "model")
    assert not (tmp_path / "model").exists()
