"""A small ResNet learns handwritten digits from raw arrays.

    python examples/digits.py                       # on JAX, about a minute
    KERAS_BACKEND=torch python examples/digits.py   # or tensorflow

The data come with scikit-learn: 1,797 digits of 8 x 8 pixels. A fifth is held out; the
script promises at least 98 % of it right, and draws what the model sees in it.
"""

import argparse
import os
import time

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import sklearn.datasets

import keras_cv

PROMISED = 0.98


def main() -> None:
    """Trains, evaluates, draws."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=15, help="default: %(default)s")
    parser.add_argument("--png", default="digits.png", help="default: %(default)s")
    options = parser.parse_args()
    started = time.perf_counter()
    classifier, images, labels = learn(options.epochs)
    results = classifier.evaluate(images, labels, verbose=0, return_dict=True)
    accuracy = results["sparse_categorical_accuracy"]
    seconds = time.perf_counter() - started
    print(f"{accuracy:.4f} of {len(labels)} held-out digits right, {seconds:.0f} s")
    draw(classifier, images, labels, options.png)
    print(f"wrote {options.png}")
    assert accuracy >= PROMISED, f"expected at least {PROMISED}"


def learn(
    epochs: int,
) -> tuple[keras_cv.models.ImageClassifier, list[np.ndarray], np.ndarray]:
    """Trains a classifier; returns it with the digits and labels held out."""
    images, labels = load()
    held_out = len(images) // 5

    # Pixels are in [0, 255] everywhere; the converter enlarges them for the ResNet,
    # whose first two layers shrink an image by four.
    converter = keras_cv.layers.ImageConverter((32, 32), channels=1, scale=1 / 255)
    backbone = keras_cv.models.ResNetBackbone(
        stackwise_filters=[32, 64, 128],
        stackwise_blocks=[1, 1, 1],
        stackwise_strides=[1, 2, 2],
        include_rescaling=False,
        block_type="basic_block",
        input_shape=(None, None, 1),
        # A few hundred steps: statistics that move slowly would stay at their start.
        batch_norm_momentum=0.9,
    )
    classifier = keras_cv.models.ImageClassifier(
        backbone,
        num_classes=10,
        preprocessor=keras_cv.models.ImageClassifierPreprocessor(converter),
        class_names=[str(digit) for digit in range(10)],
    )
    steps = epochs * -(-(len(images) - held_out) // 32)
    classifier.compile(
        optimizer=keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(2e-3, steps), weight_decay=0.01
        )
    )
    classifier.fit(
        images[held_out:], labels[held_out:], batch_size=32, epochs=epochs, verbose=2
    )
    return classifier, images[:held_out], labels[:held_out]


def load() -> tuple[list[np.ndarray], np.ndarray]:
    """Returns the digits as grey images `(8, 8, 1)` in [0, 255], and their labels."""
    data = sklearn.datasets.load_digits()
    images = np.round(data.images[..., None] * (255 / 16)).astype("uint8")
    order = np.random.default_rng(0).permutation(len(images))
    return list(images[order]), data.target[order]


def draw(
    classifier: keras_cv.models.ImageClassifier,
    images: list[np.ndarray],
    labels: np.ndarray,
    path: str,
) -> None:
    """Writes a PNG: the mistakes and the least certain digits first, then others."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    named = classifier.decode_predictions(classifier.predict(images, verbose=0), top=2)
    doubtful = np.argsort([row[0][1] for row in named])
    right = np.array([row[0][0] for row in named]) == labels.astype(str)
    shown = [*doubtful[~right[doubtful]], *doubtful[right[doubtful]]][:12]
    shown += [i for i in range(len(images)) if i not in shown][:28]

    figure, axes = pyplot.subplots(4, 10, figsize=(12, 7), facecolor="white")
    for axis, index in zip(axes.flat, shown, strict=True):
        (best, probability), (second, _) = named[index]
        axis.imshow(images[index], cmap="gray_r", interpolation="nearest")
        axis.set_xticks([])
        axis.set_yticks([])
        color = "tab:green" if right[index] else "tab:red"
        for side in axis.spines.values():
            side.set(color=color, linewidth=2)
        axis.set_title(best, color=color, fontsize=17, fontweight="bold", pad=4)
        note = f"{probability:.0%}, or {second}" if probability < 0.995 else "sure"
        if not right[index]:
            note = f"is {labels[index]} ({probability:.0%})"
        axis.set_xlabel(note, fontsize=9, color="0.35")
    figure.suptitle(
        f"{right.sum()} of {len(images)} held-out digits right. "
        "Above each digit what the model reads; its mistakes and doubts come first.",
        fontsize=13,
    )
    figure.tight_layout(h_pad=1.5)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
