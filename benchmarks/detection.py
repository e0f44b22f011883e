"""Detectors, `predict` and one training step: ours beside keras-hub and plain PyTorch.

    python benchmarks/detection.py --batches 1 --reps 3
    python benchmarks/detection.py --size 320 --contenders 'ours-torch,plain-torch'

Every contender gets the same architecture, float32, random weights, 80 classes and the
same images of `--size` pixels:

  retinanet predict   RetinaNet on ResNet-50, heads of four convolutions: NumPy images
                      in, NumPy boxes after suppression out
  retinanet fit       one step of Adam on 8 boxes per image, the loss out
  yolov8-s predict    YOLOv8 s
  yolov8-s fit        likewise

ours        `RetinaNet` and `YOLOV8Detector`: `predict_on_batch`, `train_on_batch`.
keras-hub   its `RetinaNetObjectDetector`, with its label encoder and decoder; no YOLO.
            `predict`, and Keras' `train_on_batch`: its own methods for one batch fail.
plain-torch the models and losses of `plain_detectors.py`, channels last, Adam fused.
"""

import argparse
import functools
from typing import Any

import harness
import numpy as np
from harness import Contender, Measurements

CLASSES, BOXES = 80, 8
RATE = 1e-4
YOLO_S = {"widths": (64, 128, 256, 512), "depths": (1, 2, 2, 1)}
MODELS = ("retinanet", "yolov8-s")


def make_batch(size: int, batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns images, boxes "xyxy" and classes."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (batch, size, size, 3)).astype("float32")
    corner = draw.uniform(0, 0.6, (batch, BOXES, 2))
    sides = draw.uniform(0.1, 0.4, (batch, BOXES, 2))
    boxes = np.concatenate([corner, corner + sides], -1) * size
    classes = draw.integers(0, CLASSES, (batch, BOXES))
    return images, boxes.astype("float32"), classes


def name(model: str, kind: str, batch: int) -> str:
    """Returns that of a measurement."""
    return f"{model} {kind}, batch {batch}"


def build_ours(options: argparse.Namespace) -> Measurements:
    """Ours on the active backend."""
    from keras_cv import models

    def make(model: str) -> Any:
        shared = {"num_classes": CLASSES, "load_weights": False}
        if model == "retinanet":
            detector = models.RetinaNet.from_preset("resnet50", **shared)
            detector.compile(optimizer=adam())
        else:
            detector = models.YOLOV8Detector.from_preset(
                "yolo_v8_s_backbone", fpn_depth=1, **shared
            )
            detector.compile(optimizer=adam())
        return detector

    def adam() -> Any:
        from domain_core.ops import FusedAdam

        return FusedAdam(RATE)

    return measure_keras(options, make, MODELS)


def build_keras_hub(options: argparse.Namespace) -> Measurements:
    """keras-hub's RetinaNet on the active backend."""
    import keras
    import keras_hub

    def make(model: str) -> Any:
        del model
        encoder = keras_hub.models.ResNetBackbone(
            input_conv_filters=[64],
            input_conv_kernel_sizes=[7],
            stackwise_num_filters=[64, 128, 256, 512],
            stackwise_num_blocks=[3, 4, 6, 3],
            stackwise_num_strides=[1, 2, 2, 2],
            block_type="bottleneck_block",
            image_shape=(options.size, options.size, 3),
        )
        backbone = keras_hub.models.RetinaNetBackbone(
            image_encoder=encoder,
            min_level=3,
            max_level=7,
            use_p5=True,
            image_shape=(options.size, options.size, 3),
        )
        detector = keras_hub.models.RetinaNetObjectDetector(
            backbone=backbone, num_classes=CLASSES, bounding_box_format="xyxy"
        )
        detector.compile(
            optimizer=keras.optimizers.Adam(RATE),
            box_loss=keras.losses.Huber(reduction="sum"),
            classification_loss=keras.losses.BinaryFocalCrossentropy(
                from_logits=True, reduction="sum"
            ),
        )
        return detector

    return measure_keras(
        options,
        make,
        MODELS[:1],
        labels="labels",
        predict=lambda detector, images: detector.predict(images, verbose=0),
        train=keras.Model.train_on_batch,
    )


def measure_keras(
    options: argparse.Namespace,
    make: Any,
    models: tuple[str, ...],
    labels: str = "classes",
    predict: Any = None,
    train: Any = None,
) -> Measurements:
    """Measures the detectors that `make` gives."""
    predict = predict or (lambda detector, images: detector.predict_on_batch(images))
    train = train or (lambda detector, *batch: detector.train_on_batch(*batch))
    found: Measurements = {}
    for model in models:
        if model not in options.models:
            continue
        detector = make(model)
        for batch in options.batches:
            images, boxes, classes = make_batch(options.size, batch)
            target = {"boxes": boxes, labels: classes}
            found[name(model, "predict", batch)] = functools.partial(
                predict, detector, images
            )
            if options.fit:
                found[name(model, "fit", batch)] = functools.partial(
                    train, detector, images, target
                )
    return found


def build_plain(options: argparse.Namespace) -> Measurements:
    """Plain torch."""
    import plain_detectors as plain
    import torch

    torch.set_num_threads(1)
    parts = {
        "retinanet": (
            lambda: plain.RetinaNet(CLASSES),
            plain.anchors,
            plain.retinanet_boxes,
            plain.retinanet_loss,
            (0.5, 0.5),
        ),
        "yolov8-s": (
            lambda: plain.YOLOv8(CLASSES, **YOLO_S),
            plain.points,
            plain.yolo_boxes,
            plain.yolo_loss,
            (0.2, 0.7),
        ),
    }

    def as_image(images: np.ndarray) -> Any:
        return torch.from_numpy(images).permute(0, 3, 1, 2)

    found: Measurements = {}
    for model in options.models:
        make, place, decode, loss, thresholds = parts[model]
        network = make().to(memory_format=torch.channels_last)
        places = place(options.size)
        optimizer = torch.optim.Adam(network.parameters(), RATE, fused=True)

        def predict(
            images: np.ndarray,
            network: Any = network,
            places: Any = places,
            decode: Any = decode,
            thresholds: Any = thresholds,
        ) -> Any:
            network.eval()
            with torch.inference_mode():
                return plain.suppress(
                    *decode(network(as_image(images)), places), *thresholds
                )

        def step(
            images: np.ndarray,
            boxes: Any,
            classes: Any,
            network: Any = network,
            places: Any = places,
            loss: Any = loss,
            optimizer: Any = optimizer,
        ) -> float:
            network.train()
            optimizer.zero_grad()
            value = loss(network(as_image(images)), places, boxes, classes)
            value.backward()
            optimizer.step()
            return value.item()

        for batch in options.batches:
            images, boxes, classes = make_batch(options.size, batch)
            found[name(model, "predict", batch)] = functools.partial(predict, images)
            if options.fit:
                found[name(model, "fit", batch)] = functools.partial(
                    step, images, torch.from_numpy(boxes), torch.from_numpy(classes)
                )
    return found


def _backend(backend: str) -> dict[str, str]:
    return {"KERAS_BACKEND": backend}


CONTENDERS = [
    Contender("plain-torch", build_plain, packages=("torch",)),
    *(
        Contender(
            f"ours-{backend}",
            build_ours,
            _backend(backend),
            ("keras", package),
            ("plain-torch", f"keras-hub-{backend}"),
        )
        for backend, package in (
            ("torch", "torch"),
            ("jax", "jax"),
            ("tensorflow", "tensorflow"),
        )
    ),
    *(
        Contender(
            f"keras-hub-{backend}", build_keras_hub, _backend(backend), ("keras-hub",)
        )
        for backend in ("torch", "jax", "tensorflow")
    ),
]


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds what to measure."""

    def numbers(text: str) -> list[int]:
        return [int(number) for number in text.split(",")]

    parser.add_argument("--size", type=int, default=640, help="default: %(default)s")
    parser.add_argument("--batches", type=numbers, default=[1], help="default: 1")
    parser.add_argument(
        "--models",
        type=lambda text: text.split(","),
        default=list(MODELS),
        help=f"of {', '.join(MODELS)}; default: all",
    )
    parser.add_argument("--fit", action="store_true", help="training steps, too")


if __name__ == "__main__":
    harness.main(__doc__, CONTENDERS, configure)
