"""What classifiers of text and of images have in common."""

from __future__ import annotations

import numbers
import os
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np

from domain_core.preprocessor import Preprocessor
from domain_core.task import Task


class Classifier(Task):
    """A task that gives one of `num_classes` labels to each sample.

    Args:
        backbone: a `Backbone`.
        inputs: the graph's inputs.
        outputs: logits or probabilities `(B, num_classes)`.
        num_classes: number of labels.
        preprocessor: see `Task`.
        activation: activation of the output; None gives logits.
        class_names: one name per label, for `decode_predictions`.
        features: see `Task`.
        name: name of the model.
        compile: whether to compile it, with the defaults of `compile`.

    Raises:
        ValueError: if there are not as many names as labels.
    """

    def __init__(
        self,
        backbone: keras.Model,
        inputs: Any,
        outputs: Any,
        *,
        num_classes: int,
        preprocessor: Preprocessor | None = None,
        activation: Any = None,
        class_names: Sequence[str] | None = None,
        features: tuple[str, ...] | None = None,
        name: str | None = None,
        compile: bool = True,
    ) -> None:
        class_names = as_class_names(class_names, num_classes)
        super().__init__(
            backbone,
            inputs,
            outputs,
            preprocessor=preprocessor,
            features=features,
            name=name,
        )
        self.num_classes = num_classes
        self.activation = activation
        self.class_names = class_names
        if compile:
            self.compile()

    def compile(
        self,
        optimizer: Any = "auto",
        loss: Any = "auto",
        *,
        metrics: Any = "auto",
        **kwargs: Any,
    ) -> None:
        """Configures training; everything has a default.

        Args:
            optimizer: "auto" for Adam at 5e-5.
            loss: "auto" for sparse categorical cross-entropy: labels are ints in
                `[0, num_classes)`.
            metrics: "auto" for sparse categorical accuracy.
            **kwargs: as in `keras.Model.compile`.
        """
        if isinstance(loss, str) and loss == "auto":
            softmax = self.activation in ("softmax", keras.activations.softmax)
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not softmax)
        if isinstance(metrics, str) and metrics == "auto":
            metrics = [keras.metrics.SparseCategoricalAccuracy()]
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def check_targets(self, y: Any) -> None:
        """Raises ValueError for labels that are no int in `[0, num_classes)`.

        If the loss is sparse categorical cross-entropy, as by default.
        """
        check_labels(
            y,
            self.num_classes,
            loss=self.loss,
            advice="Number the labels from 0, drop samples without one, or raise "
            "`num_classes`.",
        )

    def decode_predictions(
        self, predictions: Any, top: int = 5
    ) -> list[list[tuple[str, float]]]:
        """Names the most probable labels.

        Args:
            predictions: what `predict` gave, `(B, num_classes)`: probabilities, or
                logits if the classifier has no activation.
            top: number of labels per sample, at most `num_classes`.

        Returns:
            For each sample pairs of name and probability, the most probable first.

        Raises:
            ValueError: if there are no class names or the shape is another.
        """
        if self.class_names is None:
            raise ValueError(
                "Expected a classifier with class names. Set "
                f"`classifier.class_names` to a list of {self.num_classes} names."
            )
        scores = np.asarray(keras.ops.convert_to_numpy(predictions), "float32")
        if scores.ndim != 2 or scores.shape[1] != self.num_classes:
            raise ValueError(
                f"Expected predictions of shape (samples, {self.num_classes}), "
                f"received {scores.shape}. Pass what `predict` returned."
            )
        if self.activation is None:
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            scores = scores / scores.sum(axis=1, keepdims=True)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
        return [
            [(self.class_names[label], float(row[label])) for label in labels]
            for row, labels in zip(scores, best, strict=True)
        ]

    @classmethod
    def from_preset(
        cls,
        preset: str | os.PathLike[str],
        load_weights: bool | None = None,
        **kwargs: Any,
    ) -> Self:
        """Builds the classifier of a preset, or a new head on its backbone.

        As `Task.from_preset`; with `num_classes`, names of labels that the preset
        holds are left out, because they do not belong to the new head.
        """
        if "num_classes" in kwargs:
            kwargs.setdefault("class_names", None)
        return super().from_preset(preset, load_weights, **kwargs)


def as_class_names(
    class_names: Sequence[str] | None, num_classes: int
) -> list[str] | None:
    """Returns the names of all labels as a list, or None.

    Raises:
        ValueError: if there are not as many names as labels.
    """
    if class_names is not None and len(class_names) != num_classes:
        raise ValueError(
            f"Expected `class_names` to name num_classes={num_classes} labels, "
            f"received {len(class_names)} names. Give one name per label, in order."
        )
    return None if class_names is None else list(class_names)


def check_labels(
    y: Any,
    num_labels: float,
    *,
    loss: Any,
    rank: int = 1,
    name: str = "labels",
    advice: str,
) -> None:
    """Raises ValueError for targets of sparse cross-entropy that are no labels.

    Every backend takes them in another way: NaN trains silently on JAX, one that is too
    large on TensorFlow's CPU is an error and on its GPU is not.

    Args:
        y: the targets `(B,)`, with as many axes as `rank` says; one of length 1 may
            follow. None for none.
        num_labels: how many labels there are; infinity if that is not known.
        loss: what the model is compiled with; another than sparse cross-entropy, and
            nothing is checked.
        rank: number of axes.
        name: what to call the targets.
        advice: what to do about labels out of range.
    """
    is_sparse = isinstance(loss, keras.losses.SparseCategoricalCrossentropy)
    if y is None or not (is_sparse or loss == "sparse_categorical_crossentropy"):
        return
    labels = np.asarray(y)
    if labels.dtype.kind in "OSUT":
        for label in labels.flat:
            if not isinstance(label, numbers.Real | None):
                raise ValueError(
                    f"Expected {name} as integers from 0 on, received {label!r:.80}. "
                    "Number them, such as by `[names.index(x) for x in labels]`."
                )
        labels = labels.astype("float64")  # None becomes NaN
    if labels.ndim > rank and labels.shape[rank:] != (1,) * (labels.ndim - rank):
        raise ValueError(
            f"Expected {name} as integers with {rank} axes, received an array of shape "
            f"{labels.shape}. If they are one-hot, pass `labels.argmax(-1)`, or "
            "compile with `loss=keras.losses.CategoricalCrossentropy("
            "from_logits=True)` and metrics that fit."
        )
    right = (labels >= 0) & (labels < num_labels) & (labels == np.floor(labels))
    if (ignored := getattr(loss, "ignore_class", None)) is not None:
        right |= labels == ignored
    if not right.all():
        index = tuple(int(i) for i in np.argwhere(~right)[0])
        limit = f"[0, {num_labels})" if num_labels < np.inf else "0, 1, ..."
        raise ValueError(
            f"Expected {name} in {limit}, received {labels[index]} at position "
            f"{index[0]}. {advice}"
        )


def make_logits(
    backbone: keras.Model, units: int, activation: Any = None, name: str = "logits"
) -> keras.layers.Dense:
    """Makes the last layer of a task, in float32 where the backbone computes in 16 bit.

    Losses of half-precision logits lose digits, and predictions would be 16 bit.
    """
    from domain_core.weights.initialization import initializer

    half = backbone.compute_dtype in ("float16", "bfloat16")
    return keras.layers.Dense(
        units,
        activation=activation,
        kernel_initializer=initializer(keras.initializers.TruncatedNormal(stddev=0.02)),
        dtype="float32" if half else backbone.dtype_policy,
        name=name,
    )
