"""Tokenizers that families of both libraries build on: text to ids and back."""

from domain_core.tokenizers.byte_pair_tokenizer import (
    BytePairTokenizer as BytePairTokenizer,
)
from domain_core.tokenizers.byte_pair_trainer import (
    compute_byte_pair_vocabulary as compute_byte_pair_vocabulary,
)
from domain_core.tokenizers.byte_tokenizer import ByteTokenizer as ByteTokenizer
from domain_core.tokenizers.sentence_piece_tokenizer import (
    SentencePieceTokenizer as SentencePieceTokenizer,
)
from domain_core.tokenizers.sentence_piece_trainer import (
    compute_sentence_piece_proto as compute_sentence_piece_proto,
)
from domain_core.tokenizers.tokenizer import Tokenizer as Tokenizer
from domain_core.tokenizers.unicode_codepoint_tokenizer import (
    UnicodeCodepointTokenizer as UnicodeCodepointTokenizer,
)
from domain_core.tokenizers.word_piece_tokenizer import (
    WordPieceTokenizer as WordPieceTokenizer,
)
from domain_core.tokenizers.word_piece_trainer import (
    compute_word_piece_vocabulary as compute_word_piece_vocabulary,
)
