"""Non-max suppression and label assignment of detectors: ours beside its peers.

    python benchmarks/non_max_suppression.py --contenders '*tensorflow*'
    python benchmarks/non_max_suppression.py --contenders 'ours-*' --anchors 49104
    python benchmarks/non_max_suppression.py --measurements 'few*' --markdown

8,400 anchors are those of YOLOv8 at 640 x 640, 49,104 those of RetinaNet at 512 x 512.
Every contender gets the same boxes in heaps around 20 objects and one score for each,
and chooses at most 100 with an IoU of 0.5 and a score of 0.25, class-agnostic:

  few      200 boxes of an image have a higher score, as of a model that has learned
  all      all do, in the heaps: what is left of the best is not enough
  spread   all do, spread over the image, of which many stay

Arrays are on the backend already, and the result is waited for. Ours and keras-hub's
run as the backend compiles them (torch: eager, `inference_mode`); TensorFlow's are
`tf.image.combined_non_max_suppression`, which has no XLA kernel, and
`non_max_suppression_padded`, compiled by XLA; torchvision's is taken if there is one.
keras-hub takes seconds per call in heaps of 49,104.

  retinanet labels   ours: 49,104 anchors and 20 boxes, of 100 rows, in each image
  yolov8 labels      ours: 8,400 anchors, 80 classes, likewise
"""

import argparse
from collections.abc import Callable
from typing import Any

import harness
import numpy as np
from harness import Contender, Measurements

COUNT, OVERLAP, LEAST, OBJECTS = 100, 0.5, 0.25, 20
CLASSES, ROWS = 80, 100
RETINANET, YOLOV8 = 49104, 8400
Run = Callable[[np.ndarray, np.ndarray], object]


def make_boxes(kind: str, anchors: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns boxes "xyxy" `(B, A, 4)` of images of 640 x 640, and scores `(B, A)`."""
    random = np.random.default_rng(0)
    place = random.integers(0, OBJECTS, (batch, anchors, 1))
    center, side = (
        np.take_along_axis(random.uniform(*limits, (batch, OBJECTS, 2)), place, 1)
        for limits in ((50, 590), (30, 200))
    )
    center = center + random.normal(0, 8, center.shape)
    side = side * random.uniform(0.8, 1.25, side.shape)
    if kind == "spread":
        center = random.uniform(0, 640, center.shape)
        side = random.uniform(5, 60, side.shape)
    boxes = np.concatenate([center - side / 2, center + side / 2], axis=-1)
    scores = random.uniform(0.5, 1, (batch, anchors))
    if kind == "few":
        scores[:, 200:] *= 0.2
        scores = random.permuted(scores, axis=1)
    return boxes.astype("float32"), scores.astype("float32")


def measure(options: argparse.Namespace, run: Run, prepare: Any) -> Measurements:
    """Returns the measurements of a function of boxes and scores."""

    def measurement(arrays: list[Any]) -> Callable[[], object]:
        return lambda: run(*arrays)

    return {
        f"{kind} {anchors} x {batch}": measurement(
            [prepare(x) for x in make_boxes(kind, anchors, batch)]
        )
        for kind in ("few", "all", "spread")
        for anchors in options.anchors
        for batch in options.batches
    }


# --- Keras ----------------------------------------------------------------------------


def compile_by_backend(function: Callable[..., Any]) -> Callable[..., object]:
    """Returns a function that does not return before its result exists."""
    import keras

    backend = keras.config.backend()
    if backend == "jax":
        import jax

        jitted = jax.jit(function)
        return lambda *arrays: jax.block_until_ready(jitted(*arrays))
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True, autograph=False)
    import torch

    torch.set_num_threads(1)
    return torch.inference_mode()(function)


def measure_layer(options: argparse.Namespace, layer: Any) -> Measurements:
    """`layer` takes boxes `(B, A, 4)` and probabilities `(B, A, 1)`."""
    import keras

    run = compile_by_backend(lambda boxes, scores: layer(boxes, scores[..., None]))
    return measure(options, run, keras.ops.convert_to_tensor)


def build_ours(options: argparse.Namespace) -> Measurements:
    """Our layer on the active backend, and our label encoders."""
    import keras_cv

    layer = keras_cv.layers.NonMaxSuppression("xyxy", False, OVERLAP, LEAST, COUNT)
    measurements = measure_layer(options, layer)
    for batch in options.batches:
        measurements[f"retinanet labels x {batch}"] = retinanet_labels(batch)
        measurements[f"yolov8 labels x {batch}"] = yolov8_labels(batch)
    return measurements


def build_keras_hub(options: argparse.Namespace) -> Measurements:
    """keras-hub's layer on the active backend."""
    import keras_hub

    layer = keras_hub.layers.NonMaxSuppression("xyxy", False, OVERLAP, LEAST, COUNT)
    return measure_layer(options, layer)


def make_labels(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns boxes and classes, with padding behind the objects."""
    random = np.random.default_rng(0)
    boxes, _ = make_boxes("all", ROWS, batch)
    classes = random.integers(0, CLASSES, (batch, ROWS)).astype("float32")
    boxes[:, OBJECTS:], classes[:, OBJECTS:] = -1, -1
    return boxes, classes


def retinanet_labels(batch: int) -> Callable[[], object]:
    """Returns a run of RetinaNet's label encoder at 512 x 512."""
    import keras

    import keras_cv

    levels = range(3, 8)
    generator = keras_cv.layers.AnchorGenerator(
        "xyxy",
        sizes={f"P{i}": 2 ** (i + 2) for i in levels},
        scales=[2 ** (i / 3) for i in range(3)],
        aspect_ratios=[0.5, 1.0, 2.0],
        strides={f"P{i}": 2**i for i in levels},
        clip_boxes=True,
    )
    assert sum(map(len, generator(image_shape=(512, 512)).values())) == RETINANET
    encoder = keras_cv.models.retinanet.LabelEncoder("xyxy", generator)
    run = compile_by_backend(
        lambda images, boxes, classes: encoder(
            images, {"boxes": boxes, "classes": classes}
        )
    )
    arrays = (np.zeros((batch, 512, 512, 3), "float32"), *make_labels(batch))
    tensors = [keras.ops.convert_to_tensor(x) for x in arrays]
    return lambda: run(*tensors)


def yolov8_labels(batch: int) -> Callable[[], object]:
    """Returns a run of YOLOv8's label encoder at 640 x 640."""
    import keras

    import keras_cv

    random = np.random.default_rng(0)
    anchors = np.concatenate(
        [
            np.stack(np.mgrid[: 640 // s, : 640 // s], -1).reshape(-1, 2) * s + s / 2
            for s in (8, 16, 32)
        ]
    )[:, ::-1]
    half = random.uniform(8, 100, (batch, YOLOV8, 2))
    boxes, classes = make_labels(batch)
    arrays = (
        random.uniform(size=(batch, YOLOV8, CLASSES)).astype("float32"),
        np.concatenate([anchors - half, anchors + half], -1).astype("float32"),
        anchors.astype("float32"),
        classes.astype("int32"),
        boxes,
        classes >= 0,
    )
    encoder = keras_cv.models.yolov8.LabelEncoder(CLASSES)
    run = compile_by_backend(lambda *x: encoder(*x))
    tensors = [keras.ops.convert_to_tensor(x) for x in arrays]
    return lambda: run(*tensors)


# --- others ---------------------------------------------------------------------------


def build_tensorflow_combined(options: argparse.Namespace) -> Measurements:
    """TensorFlow's kernel for a batch, by class: there is one."""
    import tensorflow as tf

    @tf.function
    def run(boxes: Any, scores: Any) -> Any:
        return tf.image.combined_non_max_suppression(
            boxes[:, :, None],
            scores[:, :, None],
            COUNT,
            COUNT,
            OVERLAP,
            LEAST,
            clip_boxes=False,
        )

    return measure(options, run, tf.constant)


def build_tensorflow_padded(options: argparse.Namespace) -> Measurements:
    """What TensorFlow has for XLA."""
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def run(boxes: Any, scores: Any) -> Any:
        return tf.image.non_max_suppression_padded(
            boxes, scores, COUNT, OVERLAP, LEAST, pad_to_max_output_size=True
        )

    return measure(options, run, tf.constant)


def build_torchvision(options: argparse.Namespace) -> Measurements:
    """The kernel of torchvision, image by image."""
    import torch
    import torchvision

    torch.set_num_threads(1)

    @torch.inference_mode()
    def run(boxes: Any, scores: Any) -> list[Any]:
        found = []
        for image, each in zip(boxes, scores, strict=True):
            places = torch.nonzero(each > LEAST)[:, 0]
            kept = torchvision.ops.nms(image[places], each[places], OVERLAP)
            found.append(places[kept[:COUNT]])
        return found

    return measure(options, run, torch.from_numpy)


# --- the table ------------------------------------------------------------------------


def list_contenders() -> list[Contender]:
    """In the order of the table; the first is the baseline."""
    contenders = []
    for backend in ("jax", "tensorflow", "torch"):
        environment, hub = {"KERAS_BACKEND": backend}, f"keras-hub-{backend}"
        packages = ("keras", "kerascv", "domain-core", backend)
        peers = {
            "tensorflow": (hub, "tensorflow-combined", "tensorflow-padded"),
            "torch": (hub, "torchvision"),
        }.get(backend, (hub,))
        contenders += [
            Contender(f"ours-{backend}", build_ours, environment, packages, peers),
            Contender(hub, build_keras_hub, environment, ("keras-hub",)),
        ]
    return [
        *contenders,
        Contender("tensorflow-combined", build_tensorflow_combined),
        Contender("tensorflow-padded", build_tensorflow_padded),
        Contender("torchvision", build_torchvision, packages=("torchvision",)),
    ]


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument(
        "--anchors",
        nargs="+",
        type=int,
        default=[YOLOV8, RETINANET],
        help="boxes per image; default: 8400 49104",
    )
    parser.add_argument(
        "--batches",
        nargs="+",
        type=int,
        default=[1, 8],
        help="images per batch; default: 1 8",
    )


if __name__ == "__main__":
    harness.main(__doc__, list_contenders(), configure)
