"""Masked language modelling with any encoder."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import register_task
from domain_core.backbone_outputs import gives, require_outputs
from domain_core.layers import MaskedLMHead
from domain_core.preprocessor import Preprocessor
from keras_nlp.models.masked_lm_preprocessor import MaskedLMPreprocessor
from keras_nlp.models.text_inputs import check_preprocessor_fits
from keras_nlp.models.token_prediction import TokenPrediction


class MaskedLM(TokenPrediction):
    """Predicts the tokens behind masked positions; trains on unlabelled text.

    Inputs are the backbone's and "mask_positions" int `(B, M)`; the output is logits
    `(B, M, vocabulary_size)`, projected by the token embedding's own table, or by a
    table of their own.

    Args:
        backbone: a `Backbone` with a `token_embedding` that gives "sequence_output".
        preprocessor: masks raw texts; None if inputs come preprocessed.
        intermediate_activation: activation of the head's transform.
        layer_norm_epsilon: added to the variance in the head.
        tie_word_embeddings: project by the token embedding's table.
        name: name of the model.
        compile: whether to compile it, with the defaults of `compile`.

    Raises:
        ValueError: if the backbone lacks what the head needs.
    """

    preprocessor_cls = MaskedLMPreprocessor

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: Preprocessor | None = None,
        *,
        intermediate_activation: Any = "gelu",
        layer_norm_epsilon: float = 1e-5,
        tie_word_embeddings: bool = True,
        name: str | None = None,
        compile: bool = True,
    ) -> None:
        # layers
        require_outputs("MaskedLM", backbone, "sequence_output")
        embedding = backbone.token_embedding
        if embedding is None:
            raise ValueError(
                f"Expected a backbone with a `token_embedding` for MaskedLM; "
                f"{type(backbone).__name__} has none."
            )
        check_preprocessor_fits(preprocessor, backbone)
        mlm_head = MaskedLMHead(
            vocabulary_size=embedding.input_dim,
            token_embedding=embedding if tie_word_embeddings else None,
            intermediate_activation=intermediate_activation,
            layer_norm_epsilon=layer_norm_epsilon,
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            dtype=backbone.dtype_policy,
            name="mlm_head",
        )
        # functional model
        positions = keras.Input((None,), dtype="int32", name="mask_positions")
        outputs = backbone(backbone.input)
        if isinstance(outputs, dict):
            outputs = outputs["sequence_output"]
        super().__init__(
            backbone,
            {**backbone.input, "mask_positions": positions},
            mlm_head(outputs, positions),
            preprocessor=preprocessor,
            features=("sequence_output",),
            name=name,
        )
        self.mlm_head = mlm_head
        if compile:
            self.compile()


register_task(MaskedLM, accepts=gives("sequence_output"), package="kerasnlp")
