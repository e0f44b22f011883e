"""ResNet-50 at 224 x 224, `predict` and one `fit` step: ours beside its peers.

    python benchmarks/resnet.py --contenders '*torch*,transformers'
    python benchmarks/resnet.py --contenders '*jax*' --batches 1
    python benchmarks/resnet.py --contenders '*tensorflow*' --markdown

Run one backend at a time: a contender holds up to 3 GiB. Every contender gets 1,000
classes, random weights, float32, batch 1 and 16, and the same work on the same arrays:

  predict  NumPy images in [0, 1] in, NumPy logits out. Keras: `predict_on_batch`;
           torch: `eval()`, a forward under `no_grad`.
  fit      one optimizer step on that batch, the loss as a Python float out. Adam at
           1e-4 everywhere. Keras: `train_on_batch`, without metrics; torch: zero_grad,
           forward, backward, `Adam(fused=True)`.

There are two ResNet-50. In the paper's (v1) a bottleneck has its stride in the first
convolution: keras.applications, KerasCV, and ours by default. In the other (v1.5) it
is in the second, 6 % more work: keras-hub, `transformers`, and `ours-*-v1.5`. Each is
compared with its own kind.

Keras models are compiled as Keras does by default on a CPU (`jit_compile="auto"`: XLA
on JAX only). Ours trains with its own default optimizer: Keras' Adam, run by torch's
fused kernel on torch; `ours-torch-keras-adam` runs Keras' own step.
"""

import argparse
import functools
from typing import Any

import harness
import numpy as np
from harness import Contender, Measurements

SIZE, CLASSES, LEARNING_RATE = 224, 1000, 1e-4
FILTERS, BLOCKS, STRIDES = [64, 128, 256, 512], [3, 4, 6, 3], [1, 2, 2, 2]


def make_batch(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns images `(count, 224, 224, 3)` in [0, 1] and labels."""
    generator = np.random.default_rng(0)
    images = generator.random((count, SIZE, SIZE, 3), "float32")
    return images, generator.integers(0, CLASSES, count).astype("int32")


# --- Keras ----------------------------------------------------------------------------


def build_ours(
    options: argparse.Namespace, strided_conv: int = 1, keras_adam: bool = False
) -> Measurements:
    """Our `ImageClassifier` on the active backend."""
    import keras

    import keras_cv

    def make() -> Any:
        backbone = keras_cv.models.ResNetBackbone(
            stackwise_filters=FILTERS,
            stackwise_blocks=BLOCKS,
            stackwise_strides=STRIDES,
            include_rescaling=False,
            strided_conv=strided_conv,
        )
        model = keras_cv.models.ImageClassifier(backbone, CLASSES, activation=None)
        if keras_adam:
            model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), metrics=None)
        else:
            model.compile(metrics=None)
            model.optimizer.learning_rate = LEARNING_RATE
        return model

    return measure_keras(options, make)


def build_applications(options: argparse.Namespace) -> Measurements:
    """Keras' own ResNet-50 on the active backend."""
    import keras

    def make() -> Any:
        return compile_keras(
            keras.applications.ResNet50(
                weights=None, classes=CLASSES, classifier_activation=None
            )
        )

    return measure_keras(options, make)


def build_keras_hub(options: argparse.Namespace) -> Measurements:
    """keras-hub's classifier on the active backend."""
    import keras_hub

    def make() -> Any:
        backbone = keras_hub.models.ResNetBackbone(
            input_conv_filters=[64],
            input_conv_kernel_sizes=[7],
            stackwise_num_filters=FILTERS,
            stackwise_num_blocks=BLOCKS,
            stackwise_num_strides=STRIDES,
            block_type="bottleneck_block",
        )
        return compile_keras(
            keras_hub.models.ImageClassifier(
                backbone, CLASSES, activation=None, preprocessor=None
            )
        )

    return measure_keras(options, make)


def compile_keras(model: Any) -> Any:
    """Compiles a peer as ours is by default."""
    import keras

    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=None,
    )
    return model


def measure_keras(options: argparse.Namespace, make: Any) -> Measurements:
    """`make` returns a compiled model; predict and fit get one each."""
    model, trained = make(), make()
    measurements: Measurements = {}
    for count in options.batches:
        images, labels = make_batch(count)
        measurements[f"batch {count} predict"] = functools.partial(
            model.predict_on_batch, images
        )
        measurements[f"batch {count} fit"] = functools.partial(
            trained.train_on_batch, images, labels
        )
    return measurements


# --- torch ----------------------------------------------------------------------------


def build_transformers(options: argparse.Namespace) -> Measurements:
    """Transformers' ResNet-50, eager."""
    import torch
    import transformers

    torch.set_num_threads(1)
    config = transformers.ResNetConfig(num_labels=CLASSES)
    model = transformers.ResNetForImageClassification(config).eval()
    trained = transformers.ResNetForImageClassification(config).train()
    optimizer = torch.optim.Adam(trained.parameters(), lr=LEARNING_RATE, fused=True)

    def predict(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(to_torch(images)).logits.numpy()

    def step(images: np.ndarray, labels: np.ndarray) -> float:
        optimizer.zero_grad()
        logits = trained(to_torch(images)).logits
        loss = torch.nn.functional.cross_entropy(
            logits, torch.from_numpy(labels).long()
        )
        loss.backward()
        optimizer.step()
        return loss.item()

    def to_torch(images: np.ndarray) -> Any:
        return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()

    measurements: Measurements = {}
    for count in options.batches:
        images, labels = make_batch(count)
        measurements[f"batch {count} predict"] = functools.partial(predict, images)
        measurements[f"batch {count} fit"] = functools.partial(step, images, labels)
    return measurements


# --- the table ------------------------------------------------------------------------

BACKENDS = {
    "jax": ("jax", "jaxlib"),
    "tensorflow": ("tensorflow",),
    "torch": ("torch",),
}


def list_contenders() -> list[Contender]:
    """In the order of the table; the first is the baseline."""
    contenders = []
    for backend, packages in BACKENDS.items():
        environment = {"KERAS_BACKEND": backend}
        applications, hub = f"applications-{backend}", f"keras-hub-{backend}"
        ours = ("keras", "kerascv", "domain-core", *packages)
        later = functools.partial(build_ours, strided_conv=2)
        peers = (hub, "transformers") if backend == "torch" else (hub,)
        contenders += [
            Contender(applications, build_applications, environment),
            Contender(
                f"ours-{backend}", build_ours, environment, ours, (applications,)
            ),
            Contender(hub, build_keras_hub, environment, ("keras-hub",)),
            Contender(f"ours-{backend}-v1.5", later, environment, ours, peers),
        ]
    contenders += [
        Contender("transformers", build_transformers, packages=("transformers",)),
        Contender(
            "ours-torch-keras-adam",
            functools.partial(build_ours, keras_adam=True),
            environment,
            ours,
            (applications,),
        ),
    ]
    return contenders


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own option."""
    parser.add_argument(
        "--batches",
        nargs="+",
        type=int,
        default=[1, 16],
        help="images per batch; default: 1 16",
    )


if __name__ == "__main__":
    harness.main(__doc__, list_contenders(), configure)
