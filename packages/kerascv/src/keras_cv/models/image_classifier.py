"""Image classification with any backbone."""

from __future__ import annotations

import numbers
import os
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np

from domain_core import register_task
from domain_core.backbone_outputs import gives, outputs_of, require_outputs
from domain_core.classifier import Classifier, make_logits
from keras_cv.models.image_classifier_preprocessor import ImageClassifierPreprocessor
from keras_cv.models.image_inputs import check_batch

_POOLINGS = {
    "avg": keras.layers.GlobalAveragePooling2D,
    "max": keras.layers.GlobalMaxPooling2D,
}


class ImageClassifier(Classifier):
    """Gives each image one of `num_classes` labels.

    Works with every backbone that gives image features `(B, H, W, C)`, as its one
    output or as "features"; one of the user's own too.

    Args:
        backbone: a `Backbone`.
        num_classes: number of labels.
        pooling: "avg" for the mean over all positions, "max" for the largest value.
        activation: activation of the output; None gives logits.
        preprocessor: turns raw images into the backbone's input; None if images come
            in the size and scale that the backbone expects.
        class_names: one name per label, for `decode_predictions`.
        name: name of the model.

    Raises:
        ValueError: if the backbone gives no image features, or an argument is out of
            range.

    Example:
        >>> backbone = keras_cv.models.ResNetBackbone.from_preset("resnet18")
        >>> classifier = keras_cv.models.ImageClassifier(
        ...     backbone, num_classes=2, class_names=["cat", "dog"]
        ... )
        >>> probabilities = classifier.predict(np.zeros((1, 64, 64, 3)), verbose=0)
        >>> sorted(name for name, _ in classifier.decode_predictions(probabilities)[0])
        ['cat', 'dog']
    """

    preprocessor_cls = ImageClassifierPreprocessor

    def __init__(
        self,
        backbone: keras.Model,
        num_classes: int,
        pooling: str = "avg",
        activation: Any = "softmax",
        preprocessor: Any = None,
        class_names: Sequence[str] | None = None,
        *,
        name: str | None = None,
    ) -> None:
        # layers
        require_outputs("ImageClassifier", backbone, "features")
        _check_arguments(num_classes, pooling, class_names)
        pool = _POOLINGS[pooling](dtype=backbone.dtype_policy, name=f"{pooling}_pool")
        predictions = make_logits(backbone, num_classes, activation, name="predictions")
        # functional model
        features = backbone(backbone.input)
        if isinstance(features, dict):
            features = features["features"]
        super().__init__(
            backbone,
            backbone.input,
            predictions(pool(features)),
            num_classes=num_classes,
            preprocessor=preprocessor,
            activation=activation,
            features=("features",) if len(outputs_of(backbone)) > 1 else None,
            name=name,
        )
        # config
        self.predictions = predictions
        self.pooling = pooling
        self.class_names = None if class_names is None else list(class_names)

    def preprocess_samples(
        self, x: Any, y: Any = None, sample_weight: Any = None
    ) -> tuple[Any, Any, Any]:
        """Turns one raw batch into `(images, labels, sample weights)`."""
        if self.preprocessor is None and hasattr(self.backbone.input, "shape"):
            return check_batch(x, self.backbone.input.shape[-1]), y, sample_weight
        return super().preprocess_samples(x, y, sample_weight)

    def decode_predictions(
        self, predictions: Any, top: int = 5
    ) -> list[list[tuple[str, float]]]:
        """Names the most probable labels.

        Args:
            predictions: what `predict` gave, `(B, num_classes)`: probabilities, or
                logits if the classifier has no activation.
            top: number of labels per image, at most `num_classes`.

        Returns:
            For each image pairs of name and probability, the most probable first.

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
                f"Expected predictions of shape (images, {self.num_classes}), received "
                f"{scores.shape}. Pass what `predict` returned."
            )
        if self.activation is None:
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            scores = scores / scores.sum(axis=1, keepdims=True)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
        return [
            [(self.class_names[label], float(row[label])) for label in labels]
            for row, labels in zip(scores, best, strict=True)
        ]

    def get_config(self) -> dict[str, Any]:
        return {
            **self.base_config(),
            "num_classes": self.num_classes,
            "pooling": self.pooling,
            "activation": self.activation,
            "class_names": self.class_names,
        }

    @classmethod
    def from_preset(
        cls,
        preset: str | os.PathLike[str],
        load_weights: bool | None = None,
        **kwargs: Any,
    ) -> Self:
        if "num_classes" in kwargs:  # a new head, to which stored names do not belong
            kwargs.setdefault("class_names", None)
        return super().from_preset(preset, load_weights, **kwargs)


def _check_arguments(num_classes: Any, pooling: str, class_names: Any) -> None:
    if not isinstance(num_classes, numbers.Integral) or num_classes < 1:
        raise ValueError(
            f"Expected `num_classes` to be an integer >= 1, received {num_classes!r}."
        )
    if pooling not in _POOLINGS:
        raise ValueError(
            f"Expected `pooling` to be one of {sorted(_POOLINGS)}, received "
            f"{pooling!r}."
        )
    if class_names is not None and len(class_names) != num_classes:
        raise ValueError(
            f"Expected `class_names` to name num_classes={num_classes} labels, "
            f"received {len(class_names)} names. Give one name per label, in order."
        )


register_task(ImageClassifier, accepts=gives("features"), package="kerascv")
