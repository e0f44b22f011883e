"""From raw text to answers with RoBERTa and XLM-RoBERTa."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from domain_core import serializable
from domain_core.text.sentence_piece.model import Piece
from domain_core.tokenizers.byte_pair_tokenizer import BytePairTokenizer
from domain_core.tokenizers.sentence_piece_tokenizer import (
    IdTables,
    SentencePieceTokenizer,
)
from keras_nlp.models.masked_lm import MaskedLM
from keras_nlp.models.masked_lm_preprocessor import MaskedLMPreprocessor
from keras_nlp.models.roberta.backbone import RobertaBackbone, XLMRobertaBackbone
from keras_nlp.models.text_classifier import HiddenTextClassifier
from keras_nlp.models.text_classifier_preprocessor import TextClassifierPreprocessor
from keras_nlp.models.text_embedder import TextEmbedder
from keras_nlp.models.text_embedder_preprocessor import TextEmbedderPreprocessor


@serializable(package="kerasnlp")
class RobertaTokenizer(BytePairTokenizer):
    """GPT-2's byte pairs with BERT's special tokens; see `BytePairTokenizer`.

    The vocabulary must hold `<s>`, `</s>`, `<pad>` and `<mask>`. As published models
    expect it, special tokens in a text mean themselves; choose
    `special_tokens="text"` for texts of strangers.
    """

    named_tokens: ClassVar = {
        "start_token": "<s>",
        "end_token": "</s>",
        "pad_token": "<pad>",
        "mask_token": "<mask>",
    }
    separator_tokens: ClassVar[tuple[str, ...]] = ("</s>", "</s>")
    strip_left: Sequence[str] = ("<mask>",)

    def tokens_in_texts(self) -> list[str]:
        known = self._ids or {}
        return [*self.special_tokens, *(t for t in ("<unk>",) if t in known)]


@serializable(package="kerasnlp")
class XLMRobertaTokenizer(SentencePieceTokenizer):
    """SentencePiece with the ids of fairseq; see `SentencePieceTokenizer`.

    `<s>`, `<pad>`, `</s>` and `<unk>` are 0 to 3; every other piece comes one later
    than in the model, which has no `<pad>`; `<mask>` is the last.
    """

    named_tokens: ClassVar = {
        "start_token": "<s>",
        "pad_token": "<pad>",
        "end_token": "</s>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    }
    separator_tokens: ClassVar[tuple[str, ...]] = ("</s>", "</s>")
    appended: ClassVar[tuple[str, ...]] = ("<pad>", "<mask>")
    cuts_at_added_tokens: ClassVar[bool] = True
    strip_left: Sequence[str] = ("<mask>",)

    def id_tables(self, pieces: Sequence[Piece]) -> IdTables:
        first = ["<s>", "<pad>", "</s>", "<unk>"]
        texts = [piece.text for piece in pieces]
        needed = ("<s>", "</s>", "<unk>")
        if missing := [token for token in needed if token not in texts]:
            raise ValueError(
                f"Expected a SentencePiece model with the tokens {list(needed)} for "
                f"{type(self).__name__}; it lacks {missing}. Train it with bos_id, "
                "eos_id and unk_id, or use that of the checkpoint."
            )
        # What was added to a model comes last, in its order.
        end = len(pieces) - self._num_added
        given = {*first, "<mask>"}
        rest = [i for i, text in enumerate(texts[:end]) if text not in given]
        added = range(end, len(pieces))
        places = [*map(texts.index, first), *rest, texts.index("<mask>"), *added]
        ids = np.zeros(len(pieces), np.int32)
        ids[places] = np.arange(len(places))
        return IdTables(ids, np.array(places, np.int32))


class FeedsRoberta:
    """Of all preprocessors: `<s> first </s></s> second </s>`, segments untold."""

    backbone_cls: ClassVar[type | None] = RobertaBackbone
    tokenizer_cls: ClassVar[type | None] = RobertaTokenizer
    with_segment_ids: ClassVar[bool] = False


class FeedsXLMRoberta(FeedsRoberta):
    """The same with another vocabulary."""

    backbone_cls: ClassVar[type | None] = XLMRobertaBackbone
    tokenizer_cls: ClassVar[type | None] = XLMRobertaTokenizer


class RobertaClassifierPreprocessor(FeedsRoberta, TextClassifierPreprocessor):
    """Texts to RoBERTa's inputs; see `TextClassifierPreprocessor`."""


class RobertaMaskedLMPreprocessor(FeedsRoberta, MaskedLMPreprocessor):
    """Texts to inputs with masked tokens; see `MaskedLMPreprocessor`."""


class RobertaTextEmbedderPreprocessor(FeedsRoberta, TextEmbedderPreprocessor):
    """Texts to RoBERTa's inputs; see `TextEmbedderPreprocessor`."""


class RobertaClassifier(HiddenTextClassifier):
    """Gives each text one of `num_classes` labels; see `HiddenTextClassifier`."""

    preprocessor_cls = RobertaClassifierPreprocessor


class RobertaMaskedLM(MaskedLM):
    """Predicts masked tokens with RoBERTa; see `MaskedLM`."""

    preprocessor_cls = RobertaMaskedLMPreprocessor


class RobertaTextEmbedder(TextEmbedder):
    """Turns each text into a vector with RoBERTa; see `TextEmbedder`."""

    preprocessor_cls = RobertaTextEmbedderPreprocessor


class XLMRobertaClassifierPreprocessor(FeedsXLMRoberta, TextClassifierPreprocessor):
    """Texts to XLM-RoBERTa's inputs; see `TextClassifierPreprocessor`."""


class XLMRobertaMaskedLMPreprocessor(FeedsXLMRoberta, MaskedLMPreprocessor):
    """Texts to inputs with masked tokens; see `MaskedLMPreprocessor`."""


class XLMRobertaTextEmbedderPreprocessor(FeedsXLMRoberta, TextEmbedderPreprocessor):
    """Texts to XLM-RoBERTa's inputs; see `TextEmbedderPreprocessor`."""


class XLMRobertaClassifier(HiddenTextClassifier):
    """Gives each text one of `num_classes` labels; see `HiddenTextClassifier`."""

    preprocessor_cls = XLMRobertaClassifierPreprocessor


class XLMRobertaMaskedLM(MaskedLM):
    """Predicts masked tokens with XLM-RoBERTa; see `MaskedLM`."""

    preprocessor_cls = XLMRobertaMaskedLMPreprocessor


class XLMRobertaTextEmbedder(TextEmbedder):
    """Turns each text into a vector with XLM-RoBERTa; see `TextEmbedder`."""

    preprocessor_cls = XLMRobertaTextEmbedderPreprocessor
