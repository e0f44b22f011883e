"""From raw text to answers with BERT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras

from domain_core import serializable
from domain_core.preprocessor import Preprocessor
from domain_core.tokenizers.bert_word_piece_tokenizer import BertWordPieceTokenizer
from keras_nlp.models.bert.backbone import BertBackbone
from keras_nlp.models.masked_lm import MaskedLM
from keras_nlp.models.masked_lm_preprocessor import MaskedLMPreprocessor
from keras_nlp.models.question_answerer import QuestionAnswerer
from keras_nlp.models.question_answerer_preprocessor import QuestionAnswererPreprocessor
from keras_nlp.models.text_classifier import TextClassifier
from keras_nlp.models.text_classifier_preprocessor import TextClassifierPreprocessor
from keras_nlp.models.text_embedder import TextEmbedder
from keras_nlp.models.text_embedder_preprocessor import TextEmbedderPreprocessor


@serializable(package="kerasnlp")
class BertTokenizer(BertWordPieceTokenizer):
    """Text to BERT's ids; see `BertWordPieceTokenizer`.

    Args:
        vocabulary: list of unique tokens, or path of a file with one token per line; it
            must hold `[UNK]`, `[CLS]`, `[SEP]`, `[PAD]` and `[MASK]`.
        lowercase: map to lower case; True for the "uncased" models.
        special_tokens_in_strings: whether a special token in a text means itself.
        strip_accents: drop accents; None does what `lowercase` does, as BERT did.
        **kwargs: further arguments of `WordPieceTokenizer`.

    Example:
        >>> import keras_nlp
        >>> tokenizer = keras_nlp.models.BertTokenizer(
        ...     ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "the", "fox"],
        ...     lowercase=True,
        ... )
        >>> tokenizer("The fox jumped"), tokenizer.sep_token_id
        (array([5, 6, 0], dtype=int32), 2)
    """


class FeedsBert:
    """What all preprocessors have in common."""

    backbone_cls: ClassVar[type | None] = BertBackbone
    tokenizer_cls: ClassVar[type | None] = BertTokenizer


class BertClassifierPreprocessor(FeedsBert, TextClassifierPreprocessor):
    """Texts, or pairs of texts, to BERT's inputs; see `TextClassifierPreprocessor`."""


class BertMaskedLMPreprocessor(FeedsBert, MaskedLMPreprocessor):
    """Texts to BERT's inputs with masked tokens; see `MaskedLMPreprocessor`."""


class BertQuestionAnswererPreprocessor(FeedsBert, QuestionAnswererPreprocessor):
    """Questions and passages to inputs; see `QuestionAnswererPreprocessor`."""


class BertTextEmbedderPreprocessor(FeedsBert, TextEmbedderPreprocessor):
    """Texts to BERT's inputs; see `TextEmbedderPreprocessor`."""


class BertClassifier(TextClassifier):
    """Gives each text one of `num_classes` labels; see `TextClassifier`.

    Args:
        backbone: a `BertBackbone`.
        num_classes: number of labels.
        preprocessor: turns texts into the backbone's inputs; None if inputs come
            preprocessed.
        activation: activation of the output; None gives logits.
        dropout: share of the pooled features to drop in training.
        class_names: one name per label, for `decode_predictions`.
        name: name of the model.
        compile: whether to compile it, with the defaults of `compile`.
    """

    preprocessor_cls = BertClassifierPreprocessor

    def __init__(
        self,
        backbone: keras.Model,
        num_classes: int,
        preprocessor: Preprocessor | None = None,
        activation: Any = None,
        dropout: float = 0.1,
        *,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
        compile: bool = True,
    ) -> None:
        super().__init__(**self.arguments)


class BertMaskedLM(MaskedLM):
    """Predicts masked tokens with BERT; see `MaskedLM`."""

    preprocessor_cls = BertMaskedLMPreprocessor


class BertQuestionAnswerer(QuestionAnswerer):
    """Finds answers in passages with BERT; see `QuestionAnswerer`."""

    preprocessor_cls = BertQuestionAnswererPreprocessor


class BertTextEmbedder(TextEmbedder):
    """Turns each text into a vector with BERT; see `TextEmbedder`."""

    preprocessor_cls = BertTextEmbedderPreprocessor
