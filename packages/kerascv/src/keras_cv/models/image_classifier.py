"""Image classification with any backbone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import keras

from domain_core import initializer, register_task
from domain_core.arguments import as_positive_int, check_choices
from domain_core.backbone_outputs import gives, outputs_of, require_outputs
from domain_core.classifier import Classifier, make_logits
from domain_core.preprocessor import Preprocessor
from keras_cv.models import keras_applications
from keras_cv.models.image_classifier_preprocessor import ImageClassifierPreprocessor
from keras_cv.models.image_inputs import check_batch

# What pools features, and what pools a sequence.
_POOLINGS: dict[str, Any] = {
    "avg": (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalAveragePooling1D),
    "max": (keras.layers.GlobalMaxPooling2D, keras.layers.GlobalMaxPooling1D),
    "token": None,
}
_SEQUENCE = "sequence_output"


class ImageClassifier(Classifier):
    """Gives each image one of `num_classes` labels.

    Works with every backbone that gives image features `(B, H, W, C)`, as its one
    output or as "features", or a sequence `(B, T, D)` of an image, as a vision
    transformer does; one of the user's own too.

    Args:
        backbone: a `Backbone`.
        num_classes: number of labels.
        pooling: "avg" for the mean over all positions, "max" for the largest value,
            "token" for the first of a sequence, the class token of vision transformers.
        activation: activation of the output; None gives logits.
        preprocessor: turns raw images into the backbone's input; None if images come
            in the size and scale that the backbone expects.
        class_names: one name per label, for `decode_predictions`.
        hidden_units: width of a dense layer between pooling and output, as MobileNetV3
            has one; None for none.
        hidden_activation: activation of that layer.
        name: name of the model.
        compile: whether to compile it, with the defaults of `compile`.

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
        preprocessor: Preprocessor | None = None,
        class_names: Sequence[str] | None = None,
        *,
        hidden_units: int | None = None,
        hidden_activation: Any = "relu",
        name: str | None = None,
        compile: bool = True,
    ) -> None:
        # layers
        _check_arguments(num_classes, pooling, hidden_units)
        source = _source(backbone, pooling)
        require_outputs("ImageClassifier", backbone, source)
        if pooling == "token":
            pool: Any = lambda sequence: sequence[:, 0]  # noqa: E731
        else:
            pool = _POOLINGS[pooling][source == _SEQUENCE](
                data_format="channels_last",
                dtype=backbone.dtype_policy,
                name=f"{pooling}_pool",
            )
        hidden = None
        if hidden_units is not None:
            hidden = keras.layers.Dense(
                hidden_units,
                activation=hidden_activation,
                kernel_initializer=initializer("he_normal"),
                dtype=backbone.dtype_policy,
                name="hidden",
            )
        predictions = make_logits(backbone, num_classes, activation, name="predictions")
        # functional model
        features = backbone(backbone.input)
        if isinstance(features, dict):
            features = features[source]
        x = pool(features)
        x = x if hidden is None else hidden(x)
        super().__init__(
            backbone,
            backbone.input,
            predictions(x),
            num_classes=num_classes,
            preprocessor=preprocessor,
            activation=activation,
            class_names=class_names,
            features=(source,) if len(outputs_of(backbone)) > 1 else None,
            name=name,
            compile=compile,
        )
        if hidden is not None:
            self.hidden = hidden
        self.predictions = predictions

    @classmethod
    def from_keras_applications(cls, model: keras.Model, **kwargs: Any) -> Self:
        """Returns a classifier with the weights of a model of `keras.applications`.

        Args:
            model: one made with `include_top=True`; the rest is as for
                `ImageBackbone.from_keras_applications`.
            **kwargs: more arguments of the constructor, such as `class_names`.

        Raises:
            PresetCorruptError: if weights do not fit the model one to one.
            ValueError: if it is of no family that is here, or has no head.

        Example:
            >>> model = keras.applications.MobileNetV3Small(
            ...     weights=None,  # "imagenet" downloads them
            ...     include_preprocessing=False, input_shape=(64, 64, 3),
            ... )
            >>> task = keras_cv.models.ImageClassifier.from_keras_applications(model)
            >>> task.predict(np.zeros((1, 64, 64, 3)), verbose=0).shape
            (1, 1000)
        """
        classifier: Self = keras_applications.read_classifier(cls, model, **kwargs)
        return classifier

    def preprocess_samples(
        self, x: Any, y: Any = None, sample_weight: Any = None
    ) -> tuple[Any, Any, Any]:
        """Turns one raw batch into `(images, labels, sample weights)`."""
        if self.preprocessor is None and hasattr(self.backbone.input, "shape"):
            return check_batch(x, self.backbone.input.shape[-1]), y, sample_weight
        return super().preprocess_samples(x, y, sample_weight)


def _check_arguments(num_classes: Any, pooling: str, hidden_units: Any) -> None:
    as_positive_int("num_classes", num_classes)
    if hidden_units is not None:
        as_positive_int("hidden_units", hidden_units)
    check_choices(pooling=(pooling, _POOLINGS))


def _source(backbone: keras.Model, pooling: str) -> str:
    """Returns the output that is pooled."""
    if pooling == "token" or (
        "features" not in outputs_of(backbone) and _is_of_images(backbone)
    ):
        return _SEQUENCE
    return "features"


def _is_of_images(backbone: keras.Model) -> bool:
    """Whether a backbone takes images, so that a sequence it gives is of an image."""
    return len(getattr(backbone.input, "shape", ())) == 4


def _lacks(backbone: keras.Model) -> str | None:
    return gives(_source(backbone, "avg"))(backbone)


register_task(ImageClassifier, accepts=_lacks, package="kerascv")
