"""Tokenizers: text to ids and back."""

from domain_core import Tokenizer as Tokenizer
from keras_nlp.tokenizers.word_piece_tokenizer import (
    WordPieceTokenizer as WordPieceTokenizer,
)
