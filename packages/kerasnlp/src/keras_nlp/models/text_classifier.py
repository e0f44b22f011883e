"""Text classification with any encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras

from domain_core import register_task
from domain_core.backbone_outputs import gives, require_outputs
from domain_core.classifier import Classifier, make_logits
from domain_core.preprocessor import Preprocessor
from domain_core.weights.initialization import initializer
from keras_nlp.models.pooling import pool
from keras_nlp.models.text_classifier_preprocessor import TextClassifierPreprocessor
from keras_nlp.models.text_inputs import check_preprocessor_fits

_FEATURES = ("pooled_output", "sequence_output")


class TextClassifier(Classifier):
    """Gives each text one of `num_classes` labels.

    Works with every backbone that gives "pooled_output" `(B, D)` or "sequence_output"
    `(B, T, D)`, one of the user's own too.

    Args:
        backbone: a `Backbone`.
        num_classes: number of labels.
        preprocessor: turns texts into the backbone's inputs; None if inputs come
            preprocessed.
        activation: activation of the output; None gives logits.
        hidden_dim: width of a layer before the output; None for none.
        dropout: share of the features to drop in training.
        pooling: "pooled" takes the backbone's own summary, "first" the first token,
            "mean" and "max" those over real tokens; None takes "pooled" where there is
            one, else "first".
        class_names: one name per label, for `decode_predictions`.
        name: name of the model.
        compile: whether to compile it, with the defaults of `compile`.

    Attributes:
        hidden_activation: activation of the hidden layer.
        drops_before_hidden: whether features are dropped before it, too.
        always_hidden: whether there is such a layer by default, as wide as the
            backbone's features.

    Raises:
        ValueError: if the backbone lacks the outputs, or does not fit the
            preprocessor.

    Example:
        >>> vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad"]
        >>> tokenizer = keras_nlp.models.BertTokenizer(vocabulary)
        >>> classifier = keras_nlp.models.TextClassifier(
        ...     keras_nlp.models.BertBackbone(7, 1, 2, 8, 16, max_sequence_length=8),
        ...     num_classes=2,
        ...     preprocessor=keras_nlp.models.TextClassifierPreprocessor(tokenizer, 8),
        ... )
        >>> classifier.predict(["good", "bad bad"], verbose=0).shape
        (2, 2)
    """

    preprocessor_cls = TextClassifierPreprocessor
    hidden_activation: ClassVar[str] = "tanh"
    drops_before_hidden: ClassVar[bool] = True
    always_hidden: ClassVar[bool] = False

    def __init__(
        self,
        backbone: keras.Model,
        num_classes: int,
        preprocessor: Preprocessor | None = None,
        activation: Any = None,
        hidden_dim: int | None = None,
        dropout: float = 0.0,
        *,
        pooling: str | None = None,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
        compile: bool = True,
    ) -> None:
        # layers
        require_outputs("TextClassifier", backbone, *_FEATURES)
        check_preprocessor_fits(preprocessor, backbone)
        logits = make_logits(backbone, num_classes, activation)
        if hidden_dim is None and self.always_hidden:
            hidden_dim = backbone.hidden_dim
        hidden = None
        if hidden_dim is not None:
            hidden = keras.layers.Dense(
                hidden_dim,
                activation=self.hidden_activation,
                kernel_initializer=initializer("glorot_uniform"),
                dtype=backbone.dtype_policy,
                name="hidden",
            )
        # functional model
        inputs = backbone.input
        feature, x = pool(backbone, inputs, pooling)  # (B, D)
        if hidden is not None:
            if self.drops_before_hidden:
                x = _drop(x, dropout, backbone, "hidden_dropout")
            x = hidden(x)
        x = _drop(x, dropout, backbone, "logits_dropout")
        super().__init__(
            backbone,
            inputs,
            logits(x),
            num_classes=num_classes,
            preprocessor=preprocessor,
            activation=activation,
            class_names=class_names,
            features=(feature,),
            name=name,
            compile=compile,
        )
        self.logits = logits
        if hidden is not None:
            self.hidden = hidden
        self.hidden_dim = hidden_dim


class HiddenTextClassifier(TextClassifier):
    """A classifier of the first token's features through a hidden layer.

    Subclassed by families whose published classifiers are of this kind; arguments are
    those of `TextClassifier`, but that `hidden_dim` is the backbone's by default.
    """

    always_hidden = True

    def __init__(
        self,
        backbone: keras.Model,
        num_classes: int,
        preprocessor: Preprocessor | None = None,
        activation: Any = None,
        hidden_dim: int | None = None,
        dropout: float = 0.0,
        *,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
        compile: bool = True,
    ) -> None:
        super().__init__(**self.arguments, pooling="first")


def _drop(x: Any, rate: float, backbone: keras.Model, name: str) -> Any:
    if not rate:
        return x
    return keras.layers.Dropout(rate, dtype=backbone.dtype_policy, name=name)(x)


register_task(TextClassifier, accepts=gives(*_FEATURES), package="kerasnlp")
