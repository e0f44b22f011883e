"""Reads a detection data set and augments it, in each of three loaders.

    hatch run python examples/detection_pipeline.py --data ../shared/data/bccd

The data are a folder as Pascal VOC has it, such as https://github.com/Shenggan/BCCD_Dataset;
without `--data` a few images are drawn. Images and boxes go through Mosaic, MixUp,
flips and color jitter. `tf.data`, torch's `DataLoader` with two workers and Grain give
the same batches, bit for bit; a PNG shows them.
"""

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from keras_cv import datasets, visualization
from keras_cv import layers as cv_layers

HEIGHT, WIDTH = 360, 480
BATCH, MAX_BOXES = 8, 150
BOXES = {"bounding_box_format": "xyxy"}


def main() -> None:
    """Reads the data by each loader, compares batches and draws one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="default: images that the script draws")
    parser.add_argument("--batches", type=int, default=6, help="default: %(default)s")
    parser.add_argument("--png", default="detection.png", help="default: %(default)s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.data is None:
            draw_data_set(Path(folder))
        # BCCD was labeled with labelImg, which counts pixels from 0.
        files = datasets.read_pascal_voc(options.data or folder, first_pixel=0)
        batches = pipeline(files)
        print(f"{len(files)} images of {', '.join(files.class_names)}")
        first = compare(batches, min(options.batches, len(batches)))
        plain = pipeline(files, mix_up=False)[0]
    draw(plain, first, files.class_names, options.png)
    print(f"wrote {options.png}")


def pipeline(
    files: datasets.ImageDataset, mix_up: bool = True
) -> datasets.ImageDataset:
    """Returns batches by number; what comes before `batch` is done image by image."""
    resize = cv_layers.Resizing(HEIGHT, WIDTH, **BOXES)
    augment = cv_layers.Augmenter(
        [
            cv_layers.Mosaic(seed=1, **BOXES),
            # Both images are seen: with a small alpha one has boxes and is not.
            *([cv_layers.MixUp(8.0, seed=2)] if mix_up else []),
            cv_layers.RandomFlip("horizontal", seed=4, **BOXES),
            cv_layers.RandomColorJitter((0, 255), 0.1, 0.2, (0.4, 0.6), 0.05, seed=5),
        ]
    )
    shuffled = files.shuffle(seed=0).map(resize)
    return shuffled.batch(BATCH, augment, max_boxes=MAX_BOXES, drop_remainder=True)


def compare(batches: datasets.ImageDataset, count: int) -> dict[str, np.ndarray]:
    """Reads batches by all loaders, asserts that they are alike, returns the first."""
    loaders = {"tf.data": in_tf_data, "torch": in_torch, "Grain": in_grain}
    read = {}
    for name, loader in loaders.items():
        started = time.perf_counter()
        read[name] = list(itertools.islice(loader(batches), count))
        seconds = time.perf_counter() - started
        print(f"{name:8} {count} batches in {seconds:.1f} s, start-up included")
    for name, others in read.items():
        for number, other in enumerate(others):
            expected = batches[number]
            boxes, other_boxes = expected["bounding_boxes"], other["bounding_boxes"]
            np.testing.assert_array_equal(expected["images"], other["images"], name)
            for key in ("boxes", "classes"):
                np.testing.assert_array_equal(boxes[key], other_boxes[key], name)
    first = batches[0]
    present = first["bounding_boxes"]["classes"] >= 0
    corners = first["bounding_boxes"]["boxes"][present]
    assert present.any(axis=1).all(), "expected boxes in each image"
    assert (corners >= 0).all() and (corners <= [WIDTH, HEIGHT] * 2).all()
    print(f"the same batches; {present.sum(axis=1).tolist()} boxes in the first")
    return first


def draw(
    plain: dict[str, np.ndarray],
    mixed: dict[str, np.ndarray],
    class_names: tuple[str, ...],
    path: str,
) -> None:
    """Writes a PNG of two images before MixUp, and of two after it."""
    shown = {
        "images": [*plain["images"][:2], *mixed["images"][:2]],
        "bounding_boxes": {
            key: [*plain["bounding_boxes"][key][:2], *mixed["bounding_boxes"][key][:2]]
            for key in ("boxes", "classes")
        },
    }
    titles = ["Mosaic, RandomFlip, RandomColorJitter"] * 2 + ["... and MixUp"] * 2
    visualization.plot_bounding_box_gallery(
        shown,
        (0, 255),
        class_mapping=class_names,
        font_scale=0.8,
        scale=6,
        rows=2,
        cols=2,
        titles=titles,
        path=path,
        transparent=False,
        **BOXES,
    )


def in_tf_data(batches: datasets.ImageDataset) -> Iterable:
    """Reads with `tf.data`, whose threads work at the same time."""
    return batches.to_tf_data().as_numpy_iterator()


def in_torch(batches: datasets.ImageDataset) -> Iterable:
    """Reads with torch's `DataLoader`; it makes tensors of the arrays."""
    import torch

    # Processes of their own: threads of TensorFlow do not survive a fork.
    loader = torch.utils.data.DataLoader(
        batches, batch_size=None, num_workers=2, multiprocessing_context="spawn"
    )
    return iter(loader)


def in_grain(batches: datasets.ImageDataset) -> Iterable:
    """Reads with Grain; `.mp_prefetch` would add processes, here threads read."""
    import grain

    return iter(grain.MapDataset.source(batches).to_iter_dataset())


def draw_data_set(folder: Path) -> None:
    """Writes images of discs and squares, with boxes, as Pascal VOC has them."""
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(0)
    (folder / "images").mkdir()
    (folder / "annotations").mkdir()
    for number in range(32):
        image = Image.new("RGB", (320, 240), tuple(rng.integers(150, 250, 3)))
        pen, objects = ImageDraw.Draw(image), ""
        for left, top in itertools.product((20, 120, 220), (20, 130)):
            x, y = left + int(rng.integers(0, 20)), top + int(rng.integers(0, 20))
            side = int(rng.integers(30, 70))
            name = str(rng.choice(["disc", "square"]))
            shape = pen.ellipse if name == "disc" else pen.rectangle
            shape((x, y, x + side - 1, y + side - 1), tuple(rng.integers(0, 130, 3)))
            objects += (
                f"<object><name>{name}</name><bndbox><xmin>{x}</xmin><ymin>{y}</ymin>"
                f"<xmax>{x + side}</xmax><ymax>{y + side}</ymax></bndbox></object>"
            )
        image.save(folder / "images" / f"{number:02}.png")
        (folder / "annotations" / f"{number:02}.xml").write_text(
            f"<annotation><filename>{number:02}.png</filename>{objects}</annotation>"
        )


if __name__ == "__main__":
    main()
