"""From raw text to answers with DistilBERT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras

from domain_core import serializable
from domain_core.preprocessor import Preprocessor
from domain_core.tokenizers.bert_word_piece_tokenizer import BertWordPieceTokenizer
from keras_nlp.models.distil_bert.backbone import DistilBertBackbone
from keras_nlp.models.masked_lm import MaskedLM
from keras_nlp.models.masked_lm_preprocessor import MaskedLMPreprocessor
from keras_nlp.models.text_classifier import HiddenTextClassifier
from keras_nlp.models.text_classifier_preprocessor import TextClassifierPreprocessor
from keras_nlp.models.text_embedder import TextEmbedder
from keras_nlp.models.text_embedder_preprocessor import TextEmbedderPreprocessor


@serializable(package="kerasnlp")
class DistilBertTokenizer(BertWordPieceTokenizer):
    """Text to DistilBERT's ids; see `BertWordPieceTokenizer`.

    Args:
        vocabulary: list of unique tokens, or path of a file with one token per line; it
            must hold `[UNK]`, `[CLS]`, `[SEP]`, `[PAD]` and `[MASK]`.
        lowercase: map to lower case; True for the "uncased" models.
        special_tokens_in_strings: whether a special token in a text means itself.
        strip_accents: drop accents; None does what `lowercase` does, as BERT did.
        **kwargs: further arguments of `WordPieceTokenizer`.
    """


class FeedsDistilBert:
    """What all preprocessors have in common."""

    backbone_cls: ClassVar[type | None] = DistilBertBackbone
    tokenizer_cls: ClassVar[type | None] = DistilBertTokenizer
    with_segment_ids: ClassVar[bool] = False


class DistilBertClassifierPreprocessor(FeedsDistilBert, TextClassifierPreprocessor):
    """Texts to DistilBERT's inputs; see `TextClassifierPreprocessor`."""


class DistilBertMaskedLMPreprocessor(FeedsDistilBert, MaskedLMPreprocessor):
    """Texts to inputs with masked tokens; see `MaskedLMPreprocessor`."""


class DistilBertTextEmbedderPreprocessor(FeedsDistilBert, TextEmbedderPreprocessor):
    """Texts to DistilBERT's inputs; see `TextEmbedderPreprocessor`."""


class DistilBertClassifier(HiddenTextClassifier):
    """Gives each text one of `num_classes` labels; see `TextClassifier`.

    The first token's features go through a hidden layer with a ReLU.

    Args:
        backbone: a `DistilBertBackbone`.
        num_classes: number of labels.
        preprocessor: turns texts into the backbone's inputs; None if inputs come
            preprocessed.
        activation: activation of the output; None gives logits.
        hidden_dim: width of the hidden layer; None for the backbone's.
        dropout: share of the hidden layer's output to drop in training.
        class_names: one name per label, for `decode_predictions`.
        name: name of the model.
        compile: whether to compile it, with the defaults of `compile`.
    """

    preprocessor_cls = DistilBertClassifierPreprocessor
    hidden_activation = "relu"
    drops_before_hidden = False

    def __init__(
        self,
        backbone: keras.Model,
        num_classes: int,
        preprocessor: Preprocessor | None = None,
        activation: Any = None,
        hidden_dim: int | None = None,
        dropout: float = 0.2,
        *,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
        compile: bool = True,
    ) -> None:
        super().__init__(**self.arguments)


class DistilBertMaskedLM(MaskedLM):
    """Predicts masked tokens with DistilBERT; see `MaskedLM`."""

    preprocessor_cls = DistilBertMaskedLMPreprocessor


class DistilBertTextEmbedder(TextEmbedder):
    """Turns each text into a vector with DistilBERT; see `TextEmbedder`."""

    preprocessor_cls = DistilBertTextEmbedderPreprocessor
