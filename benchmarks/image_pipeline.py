"""From JPEG files to batches of pixels: ours beside `tf.data` and a loop over Pillow.

    python benchmarks/image_pipeline.py                   two photographs, 2 minutes
    python benchmarks/image_pipeline.py --data DIR        and the JPEG files of a folder
    python benchmarks/image_pipeline.py --markdown        the tables of RESULTS.md

One call makes four batches of 32: read the files, decode, resize to 224 x 224
(stretched: `tf.image.resize` crops nothing), float32 in [0, 255]. A dataset starts anew
in each call and ends with it, so that nothing is made ahead while nobody measures. The
photographs are scikit-learn's two, 640 x 427, again and again; of a folder, the first
128 files, again and again if there are fewer.

  tf.data            `tf.io.read_file`, `decode_jpeg`, `tf.image.resize` bilinear,
                     batch, prefetch. Aliased: an output pixel sees four of the source.
  tf.data-antialias  the same with `antialias=True`: the same filter as Pillow's.
  tf.data-exact      and `dct_method="INTEGER_ACCURATE"`: the same pixels as Pillow's.
  pillow             a loop: open, convert, resize, stack.
  ours               `ImageConverter` on paths; without TensorFlow in the process.
  ours-aliased       with `antialias=False`: the filter of `tf.data`.
  ours-draft         with `draft=True`: decoded at half size or less where that is still
                     twice the output's.
  ours-in-tf.data    the same converter, mapped over a `tf.data.Dataset` of paths.

The first two decode by a faster, less exact transform (up to 18 levels off),
TensorFlow's default.
"""

import argparse
import functools
import itertools
import pathlib
import sys
from collections.abc import Callable, Iterable
from typing import Any

import harness
import numpy as np
from harness import Contender, Measurements

BATCHES, BATCH, SIZE = 4, 32, 224


def list_files(options: argparse.Namespace) -> dict[str, list[str]]:
    """Returns the paths of all batches of each measurement."""
    from sklearn.datasets import load_sample_images

    sources = {"photographs": load_sample_images().filenames}
    if options.data:
        files = sorted(path for path in options.data.iterdir() if _is_jpeg(path))
        if not files:
            raise ValueError(f"no JPEG files in {options.data}")
        sources[options.data.name] = [str(path) for path in files]
    return {
        name: list(itertools.islice(itertools.cycle(paths), BATCHES * BATCH))
        for name, paths in sources.items()
    }


def measure(
    options: argparse.Namespace, make: Callable[[list[str]], Callable[[], Iterable]]
) -> Measurements:
    """`make` returns a function that yields the batches of the given files."""

    def run(batches: Callable[[], Iterable]) -> None:
        count = 0
        for batch in batches():
            assert tuple(batch.shape) == (BATCH, SIZE, SIZE, 3), batch.shape
            assert "float32" in str(batch.dtype), batch.dtype
            count += 1
        assert count == BATCHES, count

    return {
        name: functools.partial(run, make(paths))
        for name, paths in list_files(options).items()
    }


def in_batches(convert: Callable[[list[str]], np.ndarray]) -> Callable[..., Any]:
    """Calls a function of 32 paths for each batch."""

    def make(paths: list[str]) -> Callable[[], Iterable]:
        starts = range(0, len(paths), BATCH)
        return lambda: (convert(paths[i : i + BATCH]) for i in starts)

    return make


def build_ours(options: argparse.Namespace, **arguments: bool) -> Measurements:
    """Our converter, on a list of paths."""
    measurements = measure(options, in_batches(_converter(**arguments)))
    assert "tensorflow" not in sys.modules
    return measurements


def build_ours_in_tf_data(options: argparse.Namespace) -> Measurements:
    """Our converter, behind a host call per batch."""
    converter = _converter()

    def make(paths: list[str]) -> Callable[[], Iterable]:
        import tensorflow as tf

        dataset = tf.data.Dataset.from_tensor_slices(paths).batch(BATCH)
        dataset = dataset.map(converter).prefetch(1)
        return lambda: dataset

    return measure(options, make)


def build_tf_data(
    options: argparse.Namespace, antialias: bool = False, transform: str = ""
) -> Measurements:
    """TensorFlow's own ops."""

    def make(paths: list[str]) -> Callable[[], Iterable]:
        import tensorflow as tf

        def load(path: Any) -> Any:
            image = tf.io.decode_jpeg(
                tf.io.read_file(path), channels=3, dct_method=transform
            )
            return tf.image.resize(image, (SIZE, SIZE), antialias=antialias)

        dataset = tf.data.Dataset.from_tensor_slices(paths)
        dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE)
        dataset = dataset.batch(BATCH).prefetch(1)
        return lambda: dataset

    return measure(options, make)


def build_pillow(options: argparse.Namespace) -> Measurements:
    """What one would write by hand."""
    from PIL import Image

    def load(path: str) -> np.ndarray:
        with Image.open(path) as image:
            resized = image.convert("RGB").resize(
                (SIZE, SIZE), Image.Resampling.BILINEAR
            )
        return np.asarray(resized)

    def convert(paths: list[str]) -> np.ndarray:
        return np.stack([load(path) for path in paths]).astype("float32")

    return measure(options, in_batches(convert))


def _converter(**arguments: bool) -> Any:
    from domain_core.images import ImageConverter

    return ImageConverter(SIZE, crop_to_aspect_ratio=False, **arguments)


def _is_jpeg(path: pathlib.Path) -> bool:
    return path.suffix.lower() in (".jpg", ".jpeg")


# --- the table ------------------------------------------------------------------------

TORCH, TENSORFLOW = {"KERAS_BACKEND": "torch"}, {"KERAS_BACKEND": "tensorflow"}
OURS = ("keras", "domain-core", "pillow")
PEERS = ("tf.data-exact", "tf.data-antialias")

CONTENDERS = [
    Contender("tf.data", build_tf_data, packages=("tensorflow",)),
    Contender(
        "tf.data-antialias",
        functools.partial(build_tf_data, antialias=True),
        packages=("tensorflow",),
    ),
    Contender(
        "tf.data-exact",
        functools.partial(build_tf_data, antialias=True, transform="INTEGER_ACCURATE"),
        packages=("tensorflow",),
    ),
    Contender("pillow", build_pillow, packages=("pillow",)),
    Contender("ours", build_ours, TORCH, OURS, PEERS),
    Contender(
        "ours-aliased",
        functools.partial(build_ours, antialias=False),
        TORCH,
        (*OURS, "opencv-python-headless"),
        ("tf.data",),
    ),
    Contender(
        "ours-draft", functools.partial(build_ours, draft=True), TORCH, OURS, PEERS
    ),
    Contender("ours-in-tf.data", build_ours_in_tf_data, TENSORFLOW, OURS, PEERS),
]


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own option."""
    parser.add_argument(
        "--data", type=pathlib.Path, help="folder of JPEG files to measure, too"
    )


if __name__ == "__main__":
    harness.main(__doc__, CONTENDERS, configure)
