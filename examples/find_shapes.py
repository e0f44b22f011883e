"""A small YOLOv8 learns to find rectangles and discs, and draws what it found.

    python examples/find_shapes.py                       # on JAX, under a minute
    KERAS_BACKEND=torch python examples/find_shapes.py   # or tensorflow

The images are drawn by the script; the script promises a mAP50 of 0.9 on such that the
detector has never seen.
"""

import argparse
import os
import time
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import keras_cv
from keras_cv.testing.shapes import SHAPES, draw_shapes

PROMISED = 0.9
SIZE = 96


def main() -> None:
    """Trains, evaluates, draws."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=15, help="default: %(default)s")
    parser.add_argument(
        "--png", default="found_shapes.png", help="default: %(default)s"
    )
    options = parser.parse_args()
    started = time.perf_counter()
    detector = learn(options.epochs)
    score = check(detector, options.png)
    seconds = time.perf_counter() - started
    print(f"mAP50 {score:.3f} on images never seen, {seconds:.0f} s")
    assert score >= PROMISED, f"expected at least {PROMISED}"


def learn(epochs: int) -> Any:
    """Returns a detector that has seen 192 images, `epochs` times each."""
    images, boxes = draw_shapes(192, SIZE, seed=1, objects=(1, 4), sides=(0.2, 0.4))
    backbone = keras_cv.models.YOLOV8Backbone(
        stackwise_channels=[16, 32, 48, 64],
        stackwise_depth=[1, 1, 1, 1],
        include_rescaling=True,
        batch_norm_momentum=0.9,
    )
    detector = keras_cv.models.YOLOV8Detector(
        backbone,
        num_classes=len(SHAPES),
        fpn_depth=1,
        batch_norm_momentum=0.9,
        class_names=SHAPES,
    )
    batch = 16
    detector.compile(
        recipe=keras_cv.models.DetectionRecipe(
            steps=epochs * len(images) // batch,
            learning_rate=4e-3,
            ema_momentum=0.95,
            mosaic=0.0,
            seed=1,
        )
    )
    detector.fit(images, boxes, batch_size=batch, epochs=epochs, verbose=2)
    return detector


def check(detector: Any, path: str) -> float:
    """Draws what is found on new images, and returns the mAP50."""
    images, boxes = draw_shapes(32, SIZE, seed=2, objects=(1, 4), sides=(0.2, 0.4))
    found = detector.predict(images, batch_size=16, verbose=0)
    for name, confidence, box in detector.name_predictions(found)[0]:
        print(f"  {name:<10} {confidence:.2f}  {[round(side) for side in box]}")
    keras_cv.visualization.plot_bounding_box_gallery(
        images[:9],
        value_range=(0, 255),
        bounding_box_format="xyxy",
        y_pred={key: found[key][:9] for key in ("boxes", "classes", "confidence")},
        class_mapping=dict(enumerate(SHAPES)),
    ).savefig(path)
    print(f"wrote {path}")
    return keras_cv.metrics.coco_metrics(boxes, found, "xyxy")["MaP@[IoU=50]"]


if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    main()
