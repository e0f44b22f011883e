"""T5: what it is made of."""

from keras_nlp.models.t5.tokenizer import T5Tokenizer as T5Tokenizer

__all__ = ["T5Tokenizer"]
