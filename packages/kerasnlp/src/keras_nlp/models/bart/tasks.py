"""What BART's preprocessor and task do otherwise than the generic ones."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from domain_core import serializable
from keras_nlp.models.bart.backbone import BartBackbone
from keras_nlp.models.bart.tokenizer import BartTokenizer
from keras_nlp.models.seq2seq_lm import Seq2SeqLM
from keras_nlp.models.seq2seq_lm_preprocessor import Seq2SeqLMPreprocessor


class BartSeq2SeqLMPreprocessor(Seq2SeqLMPreprocessor):
    """Pairs of texts to BART's inputs; see `Seq2SeqLMPreprocessor`."""

    backbone_cls = BartBackbone
    tokenizer_cls = BartTokenizer


@serializable(package="kerasnlp")
class BartPreprocessor(BartSeq2SeqLMPreprocessor):
    """Pairs of texts to BART's inputs alone, as KerasNLP 0.14 had it.

    Call arguments:
        x: a dict of "encoder_text" and "decoder_text"; see `Seq2SeqLMPreprocessor`.
        y: labels of any kind, passed on.
        sample_weight: passed on.

    Returns:
        The inputs, the decoder's with an end token; with `y` and `sample_weight` in a
        tuple, where there are some.
    """

    _has_labels: ClassVar[bool] = False

    def __call__(
        self, x: Any, y: Any = None, sample_weight: Any = None, **lengths: int | None
    ) -> Any:
        inputs, _, _ = super().__call__(x, **lengths)
        return keras.utils.pack_x_y_sample_weight(inputs, y, sample_weight)


class BartSeq2SeqLM(Seq2SeqLM):
    """Reads and writes with BART; see `Seq2SeqLM`."""

    preprocessor_cls = BartSeq2SeqLMPreprocessor
