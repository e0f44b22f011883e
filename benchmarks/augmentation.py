"""Image augmentation: ours on each engine, beside the specialists and KerasCV.

    python benchmarks/augmentation.py                      one core, 224 x 224
    python benchmarks/augmentation.py --size 512
    python benchmarks/augmentation.py --cores 2            two cores; read wall time
    python benchmarks/augmentation.py --measurements 'rand*' --markdown

One call augments a batch of 32 images, uint8 where a library takes it. Images per
second are 32 / seconds. With `--cores` above 1 it is eight batches, 256 / seconds.

  ours             NumPy arrays in and out, OpenCV on the host.
  ours-tf.data     the same behind one host call, mapped over a `tf.data.Dataset`.
  ours-graph       `graph=True`: TensorFlow operations alone, likewise.
  ours-torch, ours-jax, ours-tensorflow
                   float32 tensors of the backend, compiled (torch: eager).
  albumentations   one image after another, then stacked.
  albumentations-tf.data
                   the same behind one host call, which returns no boxes.
  kornia           float32 tensors of torch, a batch at once.
  keras-cv         KerasCV 0.9.0, mapped over a dataset of float32 batches.
  keras-layers     `keras.layers` of Keras 3, likewise.

Peers live in environments of their own; each is left out if its variable is not set:

    PEERS_PYTHON     a Python with albumentations==2.0.8, kornia, torch, tensorflow
    KERAS_CV_PYTHON  a Python with keras-cv==0.9.0, keras==3.15.1 and tensorflow
"""

import argparse
import dataclasses
import functools
import os
from collections.abc import Callable, Iterable
from typing import Any

import harness
import numpy as np
from harness import Contender, Measurements

BATCH = 32
# Batches of a call on several cores.
SEVERAL = 8
Run = Callable[[], object]


def pictures(size: int) -> np.ndarray:
    """Returns uint8 `(32, size, size, 3)`: waves of all lengths, and a little noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / 224
    images = np.zeros((BATCH, size, size, 3), "float32")
    for octave in range(6):
        frequency = 2.0**octave
        angle, phase = rng.uniform(0, 2 * np.pi, (2, BATCH, 1, 1, 3))
        waves = np.cos(angle) * x[..., None] + np.sin(angle) * y[..., None]
        images += np.sin(2 * np.pi * frequency * waves + phase) / frequency
    images = 127.5 + 80 * images + rng.normal(0, 4, images.shape)
    return np.clip(images, 0, 255).astype("uint8")


def labels() -> np.ndarray:
    """Returns one-hot labels."""
    return np.eye(10, dtype="float32")[np.arange(BATCH) % 10]


def boxes(size: int) -> dict[str, np.ndarray]:
    """Returns two boxes per image."""
    one = np.array([[0.1, 0.1, 0.5, 0.6], [0.3, 0.4, 0.9, 0.8]], "float32") * size
    return {
        "boxes": np.tile(one, (BATCH, 1, 1)),
        "classes": np.tile(np.array([0, 1], "float32"), (BATCH, 1)),
    }


# --- ours -----------------------------------------------------------------------------


def our_layers(size: int, graph: bool) -> dict[str, Any]:
    """Returns our layers by measurement."""
    from keras_cv import layers

    fixed: dict[str, Any] = {"seed": 1, "graph": graph}
    moves = [
        layers.RandomRotation(0.1, **fixed),
        layers.RandomShear(0.2, 0.2, **fixed),
        layers.RandomZoom(0.2, **fixed),
    ]
    return {
        "three moves": layers.Augmenter(moves, graph=graph),
        "three moves apart": layers.Augmenter(moves, fuse=False, graph=graph),
        "flip": layers.RandomFlip(**fixed),
        "rotation": layers.RandomRotation(0.1, **fixed),
        "crop and resize": layers.RandomCropAndResize(
            (size, size), (0.3, 1.0), (0.75, 1.33), **fixed
        ),
        "jitter": layers.RandomColorJitter((0, 255), 0.2, 0.2, 0.2, 0.1, **fixed),
        "blur": layers.RandomGaussianBlur(7, (0.5, 2.0), **fixed),
        "rand augment": layers.RandAugment((0, 255), **fixed),
        "aug mix": layers.AugMix((0, 255), **fixed),
        "mix up": layers.MixUp(**fixed),
        "cut mix": layers.CutMix(**fixed),
        "mosaic": layers.Mosaic(**fixed),
        "pipeline": layers.Augmenter(
            [
                layers.RandomFlip(bounding_box_format="xyxy", **fixed),
                layers.RandomCropAndResize(
                    (size, size),
                    (0.3, 1.0),
                    (0.75, 1.33),
                    bounding_box_format="xyxy",
                    **fixed,
                ),
                layers.RandomColorJitter((0, 255), 0.2, 0.2, 0.2, 0.1, **fixed),
                layers.Normalize((123.7, 116.3, 103.5), (58.4, 57.1, 57.4)),
            ],
            graph=graph,
        ),
    }


def samples(name: str, size: int, dtype: str = "uint8") -> Any:
    """Returns what a layer takes."""
    images = pictures(size).astype(dtype)
    if name == "pipeline":
        return {"images": images, "bounding_boxes": boxes(size)}
    if name in ("mix up", "cut mix", "mosaic"):
        return {"images": images, "labels": labels()}
    return images


def build_ours(options: argparse.Namespace) -> Measurements:
    """NumPy in, NumPy out."""
    return {
        name: functools.partial(layer, samples(name, options.size))
        for name, layer in our_layers(options.size, graph=False).items()
    }


def build_in_tf_data(options: argparse.Namespace, graph: bool) -> Measurements:
    """Mapped over a dataset, by a host call or as a graph."""
    return {
        name: mapped(layer, samples(name, options.size))
        for name, layer in our_layers(options.size, graph).items()
    }


class Several:
    """A call on several cores: all batches of a data set."""

    def __init__(self, batches: Iterable[object]) -> None:
        self._batches = batches

    def __call__(self) -> object:
        return list(self._batches)


def mapped(function: Callable[[Any], Any], inputs: Any) -> Run:
    """Maps a function over batches of a dataset, and takes one at each call.

    On one core nothing is done ahead: it would be done outside of what is timed. On
    several, a call begins and ends with nothing done.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    options.experimental_optimization.inject_prefetch = False
    batch = tf.data.Dataset.from_tensors(inputs).cache().repeat()
    cores = len(os.sched_getaffinity(0))
    if cores == 1:
        dataset = iter(batch.map(function).with_options(options))
        return lambda: next(dataset)
    several = batch.map(function, num_parallel_calls=cores).take(SEVERAL)
    return Several(several.with_options(options))


def build_compiled(options: argparse.Namespace) -> Measurements:
    """On tensors of the backend, compiled."""
    import keras

    def run(name: str, layer: Any) -> Run:
        inputs = keras.tree.map_structure(
            keras.ops.convert_to_tensor, samples(name, options.size, "float32")
        )
        layer.build()
        backend = keras.backend.backend()
        if backend == "jax":
            import jax

            @jax.jit
            def call(values: Any, inputs: Any) -> Any:
                return layer.stateless_call([], values, inputs, training=True)

            values = [v.value for v in layer.non_trainable_variables]
            return lambda: jax.block_until_ready(call(values, inputs))
        if backend == "tensorflow":
            import tensorflow as tf

            return functools.partial(
                tf.function(functools.partial(layer, training=True), jit_compile=True),
                inputs,
            )
        return functools.partial(layer, inputs, training=True)

    return {
        name: run(name, layer)
        for name, layer in our_layers(options.size, graph=False).items()
    }


# --- the peers ------------------------------------------------------------------------


def albumentations_transforms(size: int) -> dict[str, Any]:
    """Returns the transforms that do the same as our layers, as nearly as there are."""
    import albumentations as A
    import cv2

    jitter = {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1}
    shift = {"border_mode": cv2.BORDER_REFLECT, "p": 1}
    random_layers = [
        A.AutoContrast(p=1),
        A.Equalize(p=1),
        A.Solarize(p=1),
        A.ColorJitter(0, 0, (0.0, 1.0), 0, p=1),
        A.RandomBrightnessContrast(0, 0.5, p=1),
        A.RandomBrightnessContrast(0.5, 0, p=1),
        A.Affine(shear={"x": (-26, 26), "y": (0, 0)}, **shift),
        A.Affine(shear={"x": (0, 0), "y": (-26, 26)}, **shift),
        A.Affine(translate_percent={"x": (-0.5, 0.5), "y": (0, 0)}, **shift),
        A.Affine(translate_percent={"x": (0, 0), "y": (-0.5, 0.5)}, **shift),
    ]
    crop = A.RandomResizedCrop((size, size), (0.3, 1.0), (0.75, 1.33), p=1)
    return {
        "flip": A.HorizontalFlip(p=0.5),
        "rotation": A.Rotate(36, border_mode=cv2.BORDER_REFLECT, p=1),
        "crop and resize": crop,
        "jitter": A.ColorJitter(**jitter, p=1),
        "blur": A.GaussianBlur((7, 7), (0.5, 2.0), p=1),
        "rand augment": A.SomeOf(random_layers, 3, p=1),
        "pipeline": A.Compose(
            [
                A.HorizontalFlip(p=0.5),
                crop,
                A.ColorJitter(**jitter, p=1),
                A.Normalize(p=1),
            ],
            bbox_params=A.BboxParams("pascal_voc", label_fields=["classes"]),
        ),
    }


def build_albumentations(options: argparse.Namespace, in_tf_data: bool) -> Measurements:
    """One image after another, stacked."""
    images = pictures(options.size)
    labelled = boxes(options.size)

    def run(transform: Any, with_boxes: bool) -> Callable[[np.ndarray], np.ndarray]:
        def call(images: np.ndarray) -> np.ndarray:
            if with_boxes:
                results = [
                    transform(image=image, bboxes=rows, classes=classes)["image"]
                    for image, rows, classes in zip(
                        images, labelled["boxes"], labelled["classes"], strict=True
                    )
                ]
            else:
                results = [transform(image=image)["image"] for image in images]
            return np.stack(results)

        return call

    runs = {
        name: run(transform, name == "pipeline")
        for name, transform in albumentations_transforms(options.size).items()
    }
    if not in_tf_data:
        return {name: functools.partial(call, images) for name, call in runs.items()}
    import tensorflow as tf

    def in_dataset(name: str, call: Callable[[np.ndarray], np.ndarray]) -> Run:
        dtype = tf.float32 if name == "pipeline" else tf.uint8
        return mapped(lambda x: tf.numpy_function(call, [x], dtype), images)

    return {name: in_dataset(name, call) for name, call in runs.items()}


def build_kornia(options: argparse.Namespace) -> Measurements:
    """Float tensors in [0, 1]."""
    import kornia.augmentation as K
    import torch

    torch.set_num_threads(options.cores)
    size = options.size
    images = torch.from_numpy(pictures(size)).permute(0, 3, 1, 2).float() / 255
    classes = torch.arange(BATCH) % 10
    layers = {
        "flip": K.RandomHorizontalFlip(p=0.5),
        "rotation": K.RandomRotation(36.0, p=1.0),
        "crop and resize": K.RandomResizedCrop((size, size), (0.3, 1.0), (0.75, 1.33)),
        "jitter": K.ColorJitter(0.2, 0.2, 0.2, 0.1, p=1.0),
        "blur": K.RandomGaussianBlur((7, 7), (0.5, 2.0), p=1.0),
        "rand augment": K.auto.RandAugment(3, 15),
    }
    mixes = {"mix up": K.RandomMixUpV2(p=1.0), "cut mix": K.RandomCutMixV2(p=1.0)}
    return {
        **{n: functools.partial(layer, images) for n, layer in layers.items()},
        **{n: functools.partial(layer, images, classes) for n, layer in mixes.items()},
    }


def build_keras_cv(options: argparse.Namespace) -> Measurements:
    """KerasCV itself, which has our import name: in its own environment."""
    import keras_cv.layers as layers

    size = options.size
    made = {
        "flip": layers.RandomFlip(),
        "rotation": layers.RandomRotation(0.1),
        "crop and resize": layers.RandomCropAndResize(
            (size, size), (0.3, 1.0), (0.75, 1.33)
        ),
        "jitter": layers.RandomColorJitter((0, 255), 0.2, 0.2, 0.2, 0.1),
        "blur": layers.RandomGaussianBlur(7, (0.5, 2.0)),
        "rand augment": layers.RandAugment((0, 255)),
        "aug mix": layers.AugMix((0, 255)),
        "mix up": layers.MixUp(),
        "cut mix": layers.CutMix(),
        "mosaic": layers.Mosaic(),
    }
    return {
        name: mapped(layer, samples(name, size, "float32"))
        for name, layer in made.items()
    }


def build_keras_layers(options: argparse.Namespace) -> Measurements:
    """The layers of Keras itself."""
    from keras import layers

    made = {
        "flip": layers.RandomFlip("horizontal"),
        "rotation": layers.RandomRotation(0.1),
        "jitter": layers.RandomColorJitter(
            value_range=(0, 255),
            brightness_factor=0.2,
            contrast_factor=0.2,
            saturation_factor=0.2,
            hue_factor=0.1,
        ),
        "blur": layers.RandomGaussianBlur(value_range=(0, 255)),
        "rand augment": layers.RandAugment(value_range=(0, 255)),
        "aug mix": layers.AugMix(value_range=(0, 255)),
        "mix up": layers.MixUp(),
        "cut mix": layers.CutMix(),
    }
    return {
        name: mapped(layer, samples(name, options.size, "float32"))
        for name, layer in made.items()
    }


def on_cores(
    build: Callable[[argparse.Namespace], Measurements], options: argparse.Namespace
) -> Measurements:
    """Builds a contender that may use as many cores as asked for."""
    cores = options.cores
    if cores > 1:  # the harness allows one
        os.sched_setaffinity(0, range(cores))
        os.environ.pop("XLA_FLAGS", None)
        for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
            os.environ[name] = str(cores)
    try:
        import cv2
    except ImportError:  # in KerasCV's environment
        pass
    else:
        cv2.setNumThreads(1)  # ours and its peers' images are spread instead

    def several(run: Run) -> Run:
        if cores == 1 or isinstance(run, Several):
            return run
        return lambda: [run() for _ in range(SEVERAL)]

    return {name: several(run) for name, run in build(options).items()}


# --- the table ------------------------------------------------------------------------

TORCH, TENSORFLOW = {"KERAS_BACKEND": "torch"}, {"KERAS_BACKEND": "tensorflow"}
PEERS, KERAS_CV = "PEERS_PYTHON", "KERAS_CV_PYTHON"

_CONTENDERS = [
    Contender("keras-cv", build_keras_cv, TENSORFLOW, ("keras-cv",), python=KERAS_CV),
    Contender("keras-layers", build_keras_layers, TENSORFLOW, ("keras", "tensorflow")),
    Contender(
        "albumentations",
        functools.partial(build_albumentations, in_tf_data=False),
        packages=("albumentations", "opencv-python-headless"),
        python=PEERS,
    ),
    Contender(
        "albumentations-tf.data",
        functools.partial(build_albumentations, in_tf_data=True),
        TENSORFLOW,
        python=PEERS,
    ),
    Contender("kornia", build_kornia, packages=("kornia", "torch"), python=PEERS),
    Contender("ours", build_ours, TORCH, ("keras",), ("albumentations", "keras-cv")),
    Contender(
        "ours-tf.data",
        functools.partial(build_in_tf_data, graph=False),
        TENSORFLOW,
        baselines=("albumentations-tf.data", "keras-cv"),
    ),
    Contender(
        "ours-graph",
        functools.partial(build_in_tf_data, graph=True),
        TENSORFLOW,
        baselines=("keras-cv",),
    ),
    Contender("ours-torch", build_compiled, TORCH, ("torch",), ("kornia",)),
    Contender(
        "ours-jax", build_compiled, {"KERAS_BACKEND": "jax"}, ("jax",), ("kornia",)
    ),
    Contender("ours-tensorflow", build_compiled, TENSORFLOW, (), ("kornia",)),
]
CONTENDERS = [
    dataclasses.replace(c, build=functools.partial(on_cores, c.build))
    for c in _CONTENDERS
]


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument(
        "--size", type=int, default=224, help="height and width; default: %(default)s"
    )
    parser.add_argument(
        "--cores", type=int, default=1, help="cores per contender; default: %(default)s"
    )


if __name__ == "__main__":
    harness.main(__doc__, CONTENDERS, configure)
