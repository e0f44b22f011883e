"""What classifiers of text and of images have in common."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

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
        features: see `Task`.
        name: name of the model.
    """

    def __init__(
        self,
        backbone: keras.Model,
        inputs: Any,
        outputs: Any,
        *,
        num_classes: int,
        preprocessor: Any = None,
        activation: Any = None,
        features: tuple[str, ...] | None = None,
        name: str | None = None,
    ) -> None:
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
        """Raises ValueError for int labels outside `[0, num_classes)`."""
        sparse = keras.losses.SparseCategoricalCrossentropy
        names = ("sparse_categorical_crossentropy",)
        if y is None or not (isinstance(self.loss, sparse) or self.loss in names):
            return
        labels = np.asarray(y)
        wrong = np.argwhere((labels < 0) | (labels >= self.num_classes))
        if wrong.size:
            index = tuple(int(i) for i in wrong[0])
            raise ValueError(
                f"Expected labels in [0, {self.num_classes}) for num_classes="
                f"{self.num_classes}; label {labels[index]} at position {index[0]} is "
                "not. Renumber the labels from 0, or raise `num_classes`."
            )


def make_logits(
    backbone: keras.Model, units: int, activation: Any = None, name: str = "logits"
) -> keras.layers.Dense:
    """Makes the last layer of a task, in float32 where the backbone computes in 16 bit.

    Losses of half-precision logits lose digits, and predictions would be 16 bit.
    """
    from domain_core.initialization import initializer

    half = backbone.compute_dtype in ("float16", "bfloat16")
    return keras.layers.Dense(
        units,
        activation=activation,
        kernel_initializer=initializer(keras.initializers.TruncatedNormal(stddev=0.02)),
        dtype="float32" if half else backbone.dtype_policy,
        name=name,
    )
