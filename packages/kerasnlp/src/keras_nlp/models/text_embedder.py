"""One vector per text, for search and clustering, with any encoder."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from domain_core import register_task
from domain_core.arguments import as_positive_int
from domain_core.arrays.host_call import to_host
from domain_core.backbone_outputs import gives
from domain_core.preprocessor import Preprocessor
from domain_core.task import Task
from domain_core.text.text_inputs import as_segments
from keras_nlp.models.pooling import pool
from keras_nlp.models.text_embedder_preprocessor import TextEmbedderPreprocessor
from keras_nlp.models.text_inputs import check_preprocessor_fits

_FEATURES = ("pooled_output", "sequence_output")


class TextEmbedder(Task):
    """Turns each text into a vector; similar texts into similar ones, once trained so.

    Works with every backbone that gives "sequence_output" `(B, T, D)` or
    "pooled_output" `(B, D)`, one of the user's own too. It has no weights of its own.

    Args:
        backbone: a `Backbone`.
        preprocessor: turns texts into the backbone's inputs; None if inputs come
            preprocessed.
        pooling_mode: "mean" or "max" over real tokens, "cls" for the first token, or
            "pooled" for the backbone's own summary.
        normalize: divide by the length, so that a dot product is a cosine.
        name: name of the model.
        compile: whether to compile it, with the defaults of `compile`.

    Raises:
        ValueError: if the backbone lacks the output, or does not fit the preprocessor.

    Example:
        >>> words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "fox"]
        >>> embedder = keras_nlp.models.TextEmbedder(
        ...     keras_nlp.models.BertBackbone(7, 1, 2, 8, 16, max_sequence_length=8),
        ...     keras_nlp.models.TextEmbedderPreprocessor(
        ...         keras_nlp.models.BertTokenizer(words), 8
        ...     ),
        ... )
        >>> embedder.encode(["a fox", "fox"]).shape
        (2, 8)
    """

    preprocessor_cls = TextEmbedderPreprocessor

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: Preprocessor | None = None,
        pooling_mode: str = "mean",
        normalize: bool = True,
        *,
        name: str | None = None,
        compile: bool = True,
    ) -> None:
        check_preprocessor_fits(preprocessor, backbone)
        feature, vectors = _vectors(backbone, pooling_mode, normalize)
        super().__init__(
            backbone,
            backbone.input,
            vectors,
            preprocessor=preprocessor,
            features=(feature,),
            name=name,
        )
        self._variants: dict[tuple[str, bool], Any] = {}
        if compile:
            self.compile()

    def compile(
        self,
        optimizer: Any = "auto",
        loss: Any = None,
        *,
        metrics: Any = None,
        **kwargs: Any,
    ) -> None:
        """Configures training; there is no loss by default.

        Args:
            optimizer: "auto" for Adam at 5e-5.
            loss: of vectors `(B, D)`.
            metrics: as in `keras.Model.compile`.
            **kwargs: as in `keras.Model.compile`.
        """
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def encode(
        self,
        texts: Any,
        *,
        pooling: str | None = None,
        normalize: bool | None = None,
        batch_size: int = 32,
    ) -> np.ndarray:
        """Embeds any number of texts, fast: those of about one length together.

        Neither the batch nor the padding a text finds itself in changes its vector.

        Args:
            texts: a string, or a list or NumPy array of strings; or several that belong
                together, as in the preprocessor.
            pooling: instead of `pooling_mode`.
            normalize: instead of the constructor's.
            batch_size: number of texts to compute at a time.

        Returns:
            float32 array `(N, D)`, or `(D,)` for a single text.

        Raises:
            ValueError: if there is no preprocessor, or `texts` are no texts.
        """
        if not isinstance(self.preprocessor, TextEmbedderPreprocessor):
            raise ValueError(
                "Expected an embedder with a TextEmbedderPreprocessor to encode texts; "
                f"this one has a {type(self.preprocessor).__name__}. Pass another, or "
                "call `predict` on preprocessed inputs."
            )
        as_positive_int("batch_size", batch_size)
        segments, single = as_segments(to_host(texts))
        model = self._variant(pooling, normalize)
        rows, lengths = self.preprocessor.tokenize(segments)
        order = np.argsort(-lengths, kind="stable")
        vectors = np.zeros((len(lengths), self.output_shape[-1]), np.float32)
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            # A short last batch is filled up, so that nothing is compiled for it.
            whole = np.resize(batch, batch_size) if len(order) > batch_size else batch
            inputs = self.preprocessor.pack_rows([part.pick(whole) for part in rows])
            found = keras.ops.convert_to_numpy(
                keras.Model.predict_on_batch(model, inputs)
            )
            vectors[batch] = found[: len(batch)]
        return vectors[0] if single else vectors

    def encode_text(self, text: Any, **kwargs: Any) -> np.ndarray:
        """Does what `encode` does, as KerasHub calls it."""
        return self.encode(text, **kwargs)

    def _variant(self, pooling: str | None, normalize: bool | None) -> keras.Model:
        """Returns the model itself, or one that pools in another way."""
        key = (
            self.pooling_mode if pooling is None else pooling,
            self.normalize if normalize is None else normalize,
        )
        if key == (self.pooling_mode, self.normalize):
            return self
        if key not in self._variants:
            _, vectors = _vectors(self.backbone, *key)
            self._variants[key] = keras.Model(self.backbone.input, vectors)
        return self._variants[key]


def _vectors(backbone: keras.Model, pooling: str, normalize: bool) -> tuple[str, Any]:
    feature, x = pool(backbone, backbone.input, pooling)
    x = keras.ops.cast(x, "float32")
    if normalize:
        x = keras.ops.normalize(x, axis=-1, order=2, epsilon=1e-12)
    return feature, x


register_task(TextEmbedder, accepts=gives(*_FEATURES), package="kerasnlp")
