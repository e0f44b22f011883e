"""COCO's numbers of a detector: ours beside `pycocotools` and `faster-coco-eval`.

    python benchmarks/coco_metrics.py --reps 1 --calls 1 --warmup 0    3 minutes
    python benchmarks/coco_metrics.py --images 500                     a smaller set

As large as COCO's validation set: 5,000 images with 36,000 boxes of 80 classes, on half
of which the four classes of an image are, and 100 detections in each image. Detections
are as those of a detector of some 16 % AP: boxes found several times and not exactly,
some of a wrong class, and of what is left over most are of classes that the image has.

  arrays to numbers    from arrays as a detector gives them, padded, to the 12 numbers.
                       The peers are given COCO's annotations and results, lists of
                       dicts, `loadRes`, `evaluate`, `accumulate` and `summarize`.
  dicts alone          what of this makes the lists of dicts.

All contenders have to find the same numbers.
"""

import argparse
import contextlib
import functools
import io
from typing import Any

import harness
import numpy as np
from harness import Contender, Measurements

IMAGES, CLASSES, DETECTIONS, SIZE = 5000, 80, 100, 640
BOXES_PER_IMAGE = 7.2
# What all find.
NUMBERS = (
    *(0.1556920, 0.4618744, 0.0523515, 0.1683908, 0.1598485, 0.1673192),
    *(0.1076060, 0.3771525, 0.4122095, 0.4130431, 0.4129489, 0.4088786),
)

Boxes = dict[str, np.ndarray]


def make_boxes(images: int) -> tuple[Boxes, Boxes]:
    """Returns true and predicted boxes, xywh, padded with -1."""
    source = np.random.default_rng(0)
    total = round(images * BOXES_PER_IMAGE)
    # Few objects in most images, many in some; few classes in each.
    shares = source.exponential(size=images)
    counts = source.multinomial(total, shares / shares.sum())
    frequency = 1 / np.arange(1, CLASSES + 1)
    frequency /= frequency.sum()
    themes = source.choice(CLASSES, (images, 4), p=frequency)

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        sides = np.exp(source.uniform(np.log(8), np.log(400), (*shape, 2)))
        corners = source.uniform(0, 1, (*shape, 2)) * (SIZE - sides)
        return np.concatenate([corners, sides], axis=-1)

    def classes_of_images(width: int) -> np.ndarray:
        place = source.integers(0, 4, (images, width))
        return np.take_along_axis(themes, place, axis=1)

    def mixed(share: float, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        is_one = source.random(one.shape[:2]) < share
        return np.where(is_one if one.ndim == 2 else is_one[..., None], one, other)

    width = counts.max()
    is_box = np.arange(width) < counts[:, None]
    truth, kinds = draw((images, width)), classes_of_images(width)
    # Detections of true boxes come first, then others.
    place = source.integers(0, 2**31, (images, DETECTIONS)) % np.maximum(
        counts[:, None], 1
    )
    is_near = np.arange(DETECTIONS) < np.minimum(3 * counts, DETECTIONS // 2)[:, None]
    copies = np.take_along_axis(truth, place[..., None], axis=1)
    noise = source.normal(0, (0.12, 0.12, 0.15, 0.15), copies.shape)
    copies[..., :2] += noise[..., :2] * copies[..., 2:]
    copies[..., 2:] *= np.exp(noise[..., 2:])
    anything = source.choice(CLASSES, (images, DETECTIONS), p=frequency)
    near_kinds = mixed(0.85, np.take_along_axis(kinds, place, axis=1), anything)
    far_kinds = mixed(0.6, classes_of_images(DETECTIONS), anything)
    shape = (images, DETECTIONS)
    confidence = np.where(is_near, source.beta(3, 2, shape), source.beta(1, 6, shape))
    y_true = {
        "boxes": np.where(is_box[..., None], truth, -1).astype("float32"),
        "classes": np.where(is_box, kinds, -1),
    }
    y_pred = {
        "boxes": np.where(is_near[..., None], copies, draw(shape)).astype("float32"),
        "classes": np.where(is_near, near_kinds, far_kinds),
        "confidence": confidence.astype("float32"),
    }
    return y_true, y_pred


def build_ours(options: argparse.Namespace) -> Measurements:
    """`keras_cv.metrics.coco_metrics`."""
    from keras_cv.metrics import coco_metrics

    y_true, y_pred = make_boxes(options.images)
    return {
        "arrays to numbers": functools.partial(
            check, options, lambda: [*coco_metrics(y_true, y_pred, "xywh").values()]
        )
    }


def build_pycocotools(options: argparse.Namespace) -> Measurements:
    """The reference."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return measure_peer(options, COCO, COCOeval)


def build_faster_coco_eval(options: argparse.Namespace) -> Measurements:
    """The same interface over C++."""
    from faster_coco_eval import COCO, COCOeval_faster

    return measure_peer(options, COCO, COCOeval_faster)


def measure_peer(
    options: argparse.Namespace, coco: Any, evaluation: Any
) -> Measurements:
    """Returns what to measure of a library with the interface of `pycocotools`."""
    y_true, y_pred = make_boxes(options.images)

    def numbers() -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            truth = coco()
            truth.dataset, results = as_dicts(y_true, y_pred)
            truth.createIndex()
            evaluated = evaluation(truth, truth.loadRes(results), "bbox")
            evaluated.evaluate()
            evaluated.accumulate()
            evaluated.summarize()
        return evaluated.stats[:12]

    return {
        "arrays to numbers": functools.partial(check, options, numbers),
        "dicts alone": lambda: as_dicts(y_true, y_pred),
    }


def as_dicts(
    y_true: Boxes, y_pred: Boxes
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Returns annotations and results in COCO's form."""
    images, places = np.nonzero(y_true["classes"] >= 0)
    boxes = y_true["boxes"][images, places].tolist()
    kinds = y_true["classes"][images, places].tolist()
    annotations = [
        {
            "id": number + 1,
            "image_id": image,
            "category_id": kind,
            "bbox": box,
            "area": box[2] * box[3],
            "iscrowd": 0,
        }
        for number, (image, kind, box) in enumerate(
            zip(images.tolist(), kinds, boxes, strict=True)
        )
    ]
    dataset = {
        "images": [{"id": number} for number in range(len(y_true["classes"]))],
        "categories": [{"id": number} for number in range(CLASSES)],
        "annotations": annotations,
    }
    results = [
        {"image_id": image, "category_id": kind, "bbox": box, "score": score}
        for image, columns in enumerate(
            zip(
                *(y_pred[k].tolist() for k in ("classes", "boxes", "confidence")),
                strict=True,
            )
        )
        for kind, box, score in zip(*columns, strict=True)
    ]
    return dataset, results


def check(options: argparse.Namespace, numbers: Any) -> None:
    """Asks for the numbers, which are the same for all contenders."""
    found = np.asarray(numbers())
    assert len(found) == 12
    if options.images == IMAGES:
        np.testing.assert_allclose(found, NUMBERS, rtol=0, atol=1e-6)


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument(
        "--images", type=int, default=IMAGES, help="default: %(default)s"
    )


# --- the table ------------------------------------------------------------------------

PEERS = ("pycocotools", "faster-coco-eval")

CONTENDERS = [
    Contender(
        "ours",
        build_ours,
        {"KERAS_BACKEND": "torch"},
        ("keras", "domain-core", "numpy"),
        PEERS,
    ),
    Contender("pycocotools", build_pycocotools, packages=("pycocotools",)),
    Contender(
        "faster-coco-eval", build_faster_coco_eval, packages=("faster-coco-eval",)
    ),
]

if __name__ == "__main__":
    harness.main(__doc__, CONTENDERS, configure)
