"""BART: what it is made of."""

from keras_nlp.models.bart.tokenizer import BartTokenizer as BartTokenizer

__all__ = ["BartTokenizer"]
