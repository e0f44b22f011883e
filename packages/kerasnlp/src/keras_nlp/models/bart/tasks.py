"""What BART's preprocessor and task do otherwise than the generic ones."""

from __future__ import annotations

from keras_nlp.models.bart.backbone import BartBackbone
from keras_nlp.models.bart.tokenizer import BartTokenizer
from keras_nlp.models.seq2seq_lm import Seq2SeqLM
from keras_nlp.models.seq2seq_lm_preprocessor import Seq2SeqLMPreprocessor


class BartSeq2SeqLMPreprocessor(Seq2SeqLMPreprocessor):
    """Pairs of texts to BART's inputs; see `Seq2SeqLMPreprocessor`."""

    backbone_cls = BartBackbone
    tokenizer_cls = BartTokenizer


class BartSeq2SeqLM(Seq2SeqLM):
    """Reads and writes with BART; see `Seq2SeqLM`."""

    preprocessor_cls = BartSeq2SeqLMPreprocessor
