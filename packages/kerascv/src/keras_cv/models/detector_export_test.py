"""What is exported finds in photographs what the detector finds."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from domain_core.testing.values import assert_close, to_numpy
from keras_cv.layers import NonMaxSuppression
from keras_cv.testing.tiny_detectors import spread_scores, tiny_retinanet, tiny_yolov8

SIZE = (64, 96)


def photographs():
    """Returns a church and a flower, float `(2, 64, 96, 3)`."""
    from PIL import Image

    return np.stack(
        [
            np.asarray(Image.fromarray(image).resize(SIZE[::-1]), "float32")
            for image in load_sample_images().images
        ]
    )


def make(factory, count, **options):
    decoder = NonMaxSuppression(
        "xywh", True, confidence_threshold=0.05, max_detections=count
    )
    task = factory(3, "xywh", prediction_decoder=decoder, **options)
    return spread_scores(task)


def saved_model(folder):
    tf = pytest.importorskip("tensorflow")
    program = tf.saved_model.load(str(folder))

    def run(images):
        found = program.serve(tf.constant(images))
        return {name: values.numpy() for name, values in found.items()}

    return run


def onnx_file(path):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(path))
    names = [output.name for output in session.get_outputs()]
    return lambda images: dict(
        zip(names, session.run(names, {"images": images}), strict=True)
    )


def torch_program(path):
    import torch

    program = torch.export.load(path).module()

    def run(images):
        with torch.no_grad():
            return program(torch.from_numpy(images))

    return run


def check(task, run, **options):
    """Runs an exported program beside the model, on two images and on one."""
    images = photographs()
    expected = task.predict(images, batch_size=2, verbose=0, **options)
    assert (expected["num_detections"] > 2).all()
    received = run(images)
    # Pixels and scores: 1e-4 of what is some tens, and some tenths.
    assert_close(received, expected, rtol=1e-4, atol=1e-4)
    alone = run(images[1:])
    assert_close(alone, {k: v[1:] for k, v in expected.items()}, rtol=1e-4, atol=1e-4)


@pytest.mark.backends("tensorflow")
def test_saved_model_of_tensorflow(tmp_path):
    task = make(tiny_retinanet, 20)
    task.export(tmp_path / "model", image_size=SIZE)
    check(task, saved_model(tmp_path / "model"))


@pytest.mark.backends("jax")
def test_saved_model_of_jax(tmp_path):
    task = make(tiny_yolov8, 20)
    task.export(tmp_path / "model", "tf_saved_model", image_size=SIZE)
    check(task, saved_model(tmp_path / "model"))
    with pytest.raises(ValueError, match="image_size"):
        task.export(tmp_path / "any")


@pytest.mark.backends("torch")
def test_onnx(tmp_path):
    task = make(tiny_retinanet, 3)
    task.export(tmp_path / "model.onnx", "onnx", image_size=SIZE)
    check(task, onnx_file(tmp_path / "model.onnx"))


@pytest.mark.large
@pytest.mark.backends
@pytest.mark.parametrize("factory", [tiny_retinanet, tiny_yolov8])
@pytest.mark.parametrize("format", ["tf_saved_model", "onnx", "torch"])
@pytest.mark.parametrize("suppress", [True, False])
def test_all_formats(tmp_path, factory, format, suppress):
    """Also without suppression, from a size of the preprocessor's."""
    from keras_cv.models import ObjectDetectorPreprocessor

    is_torch = keras.backend.backend() == "torch"
    path = tmp_path / "model.pt2"
    preprocessor = ObjectDetectorPreprocessor(image_size=SIZE)
    task = make(factory, 20, preprocessor=preprocessor)
    if is_torch == (format == "tf_saved_model"):
        with pytest.raises(ValueError, match="KERAS_BACKEND"):
            task.export(path, format, suppress=suppress)
        return
    task.export(path, format, suppress=suppress)
    load = {"onnx": onnx_file, "torch": torch_program}.get(format, saved_model)
    run = load(path)
    if suppress:
        check(task, run)
        return
    # All boxes; those that the decoder chose are among them.
    images = photographs()
    received, found = to_numpy(run(images)), task.predict(images, verbose=0)
    assert received["boxes"].shape[:2] == received["scores"].shape[:2]
    assert received["scores"].shape[2] == 3
    for image in range(2):
        count = found["num_detections"][image]
        places = found["idx"][image][:count]
        boxes = received["boxes"][image][places]
        scores = received["scores"][image][places]
        assert_close(boxes, found["boxes"][image][:count], rtol=1e-4, atol=1e-4)
        assert_close(
            scores.max(-1), found["confidence"][image][:count], rtol=1e-4, atol=1e-4
        )
        assert (scores.argmax(-1) == found["classes"][image][:count]).all()


@pytest.mark.large
@pytest.mark.backends("tensorflow")
def test_any_size_on_tensorflow(tmp_path):
    task = make(tiny_retinanet, 20)
    task.export(tmp_path / "model")
    check(task, saved_model(tmp_path / "model"))


@pytest.mark.backends("torch")
@pytest.mark.parametrize(
    ("format", "options", "message"),
    [
        ("tf_saved_model", {"image_size": SIZE}, r"\['onnx', 'torch'\].*KERAS_BACKEND"),
        ("onnx", {}, "`image_size=\\(height, width\\)`"),
        ("onnx", {"image_size": (64, 0)}, "image_size"),
        ("coreml", {"image_size": SIZE}, "coreml"),
    ],
)
def test_what_torch_cannot_export(tmp_path, format, options, message):
    with pytest.raises(ValueError, match=message):
        tiny_yolov8().export(tmp_path / "model", format, **options)
    assert not (tmp_path / "model").exists()
