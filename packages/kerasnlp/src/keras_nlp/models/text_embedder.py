"""One vector per text, for search and clustering, with any encoder."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from domain_core import register_task
from domain_core.arguments import as_positive_int
from domain_core.backbone_outputs import gives
from domain_core.preprocessor import Preprocessor
from domain_core.task import Task
from keras_nlp.models.pooling import pool
from keras_nlp.models.sentence_transformers_folder import sentence_folder
from keras_nlp.models.text_embedder_preprocessor import TextEmbedderPreprocessor
from keras_nlp.models.text_inputs import check_preprocessor_fits

_FEATURES = ("pooled_output", "sequence_output")


class TextEmbedder(Task):
    """Turns each text into a vector; similar texts into similar ones, once trained so.

    Works with every backbone that gives "sequence_output" `(B, T, D)` or
    "pooled_output" `(B, D)`, one of the user's own too. Only `projections` have
    weights. `from_preset` also reads folders of `sentence-transformers`.

    Args:
        backbone: a `Backbone`.
        preprocessor: turns texts into the backbone's inputs; None if inputs come
            preprocessed.
        pooling_mode: "mean" or "max" over real tokens, "cls" for the first token,
            "last" for the last real one, "pooled" for the backbone's own summary,
            "weighted_mean" where the n-th token counts n times, or "mean_sqrt_len"
            for a sum divided by the root of the number of tokens.
        normalize: divide by the length, so that a dot product is a cosine.
        projections: dense layers after pooling, each as arguments of
            `keras.layers.Dense`: "units", "activation" and "use_bias".
        prompts: texts by name, of which `encode` puts one before each text.
        default_prompt_name: name of the prompt if `encode` is told none.
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
        projections: Sequence[Mapping[str, Any]] = (),
        prompts: Mapping[str, str] | None = None,
        default_prompt_name: str | None = None,
        name: str | None = None,
        compile: bool = True,
    ) -> None:
        check_preprocessor_fits(preprocessor, backbone)
        if default_prompt_name not in (None, *(prompts or {})):
            raise ValueError(
                "Expected `default_prompt_name` to be one of "
                f"{sorted(prompts or {})}, received {default_prompt_name!r}."
            )
        layers = [
            keras.layers.Dense(
                **options, name=f"projection_{place}", dtype=backbone.dtype_policy
            )
            for place, options in enumerate(projections)
        ]
        feature, vectors = _vectors(backbone, pooling_mode, normalize, layers)
        super().__init__(
            backbone,
            backbone.input,
            vectors,
            preprocessor=preprocessor,
            features=(feature,),
            name=name,
        )
        for layer in layers:
            setattr(self, layer.name, layer)
        self._projections = layers
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
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int = 32,
    ) -> np.ndarray:
        """Embeds any number of texts, fast: those of about one length together.

        Neither the batch nor the padding a text finds itself in changes its vector.

        Args:
            texts: a string, or a list or NumPy array of strings; or several that belong
                together, as in the preprocessor.
            pooling: instead of `pooling_mode`.
            normalize: instead of the constructor's.
            prompt_name: of the text in `prompts` to put before each text; None for
                the constructor's `default_prompt_name`.
            prompt: text to put there instead; "" for none.
            batch_size: number of texts to compute at a time.

        Returns:
            float32 array `(N, D)`, or `(D,)` for a single text.

        Raises:
            ValueError: if there is no preprocessor, no prompt of that name, or `texts`
                are no texts.
        """
        if not isinstance(self.preprocessor, TextEmbedderPreprocessor):
            raise ValueError(
                "Expected an embedder with a TextEmbedderPreprocessor to encode texts; "
                f"this one has a {type(self.preprocessor).__name__}. Pass another, or "
                "call `predict` on preprocessed inputs."
            )
        as_positive_int("batch_size", batch_size)
        segments, single = self.preprocessor.tokenizer.read_segments(texts)
        if before := self._prompt(prompt_name, prompt):
            segments = [[before + text for text in segments[0]], *segments[1:]]
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

    @classmethod
    def from_preset(
        cls,
        preset: str | os.PathLike[str],
        load_weights: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Builds the embedder of a preset; see `Task.from_preset`.

        A folder of `sentence-transformers` says how to pool, project and normalize, of
        how many tokens texts are, and which prompts there are.
        """
        task = super().from_preset(preset, load_weights, **kwargs)
        folder = sentence_folder(preset)
        if folder is None:
            return task
        given = {
            k: v for k, v in kwargs.items() if k in inspect.signature(cls).parameters
        }
        preprocessor = task.preprocessor
        if isinstance(preprocessor, TextEmbedderPreprocessor) and (
            "preprocessor" not in kwargs
        ):
            if folder.lowercase and not getattr(
                preprocessor.tokenizer, "lowercase", False
            ):
                raise ValueError(
                    "The value True of 'do_lower_case' can't be expressed here for a "
                    f"{type(preprocessor.tokenizer).__name__}, which keeps case."
                )
            positions = getattr(task.backbone, "max_sequence_length", None)
            limits = [n for n in (folder.max_length, positions) if n is not None]
            if limits:
                preprocessor = type(preprocessor).from_config(
                    {**preprocessor.get_config(), "sequence_length": min(limits)}
                )
        arguments = {**folder.arguments, **given, "preprocessor": preprocessor}
        whole = type(task)(task.backbone, **arguments)
        if load_weights is not False and "projections" not in kwargs:
            folder.assign(whole.head_weight_paths())
        return whole

    def _prompt(self, name: str | None, prompt: str | None) -> str:
        if prompt is not None:
            return prompt
        prompts = self.prompts or {}
        name = self.default_prompt_name if name is None else name
        if name is None:
            return ""
        if name not in prompts:
            raise ValueError(
                f"Expected `prompt_name` to be one of {sorted(prompts)}, received "
                f"{name!r}."
            )
        return str(prompts[name])

    def _variant(self, pooling: str | None, normalize: bool | None) -> keras.Model:
        """Returns the model itself, or one that pools in another way."""
        key = (
            self.pooling_mode if pooling is None else pooling,
            self.normalize if normalize is None else normalize,
        )
        if key == (self.pooling_mode, self.normalize):
            return self
        if key not in self._variants:
            _, vectors = _vectors(self.backbone, *key, self._projections)
            self._variants[key] = keras.Model(self.backbone.input, vectors)
        return self._variants[key]


def _vectors(
    backbone: keras.Model,
    pooling: str,
    normalize: bool,
    projections: Sequence[keras.layers.Layer],
) -> tuple[str, Any]:
    feature, x = pool(backbone, backbone.input, pooling)
    for layer in projections:
        x = layer(x)
    x = keras.ops.cast(x, "float32")
    if normalize:
        x = keras.ops.normalize(x, axis=-1, order=2, epsilon=1e-12)
    return feature, x


register_task(TextEmbedder, accepts=gives(*_FEATURES), package="kerasnlp")
