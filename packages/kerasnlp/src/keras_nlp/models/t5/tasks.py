"""What T5's preprocessor and task do otherwise than the generic ones."""

from __future__ import annotations

from keras_nlp.models.seq2seq_lm import Seq2SeqLM
from keras_nlp.models.seq2seq_lm_preprocessor import Seq2SeqLMPreprocessor
from keras_nlp.models.t5.backbone import T5Backbone
from keras_nlp.models.t5.tokenizer import T5Tokenizer


class T5Seq2SeqLMPreprocessor(Seq2SeqLMPreprocessor):
    """Pairs of texts to T5's inputs; see `Seq2SeqLMPreprocessor`."""

    backbone_cls = T5Backbone
    tokenizer_cls = T5Tokenizer


class T5Seq2SeqLM(Seq2SeqLM):
    """Reads and writes with T5; see `Seq2SeqLM`."""

    preprocessor_cls = T5Seq2SeqLMPreprocessor
