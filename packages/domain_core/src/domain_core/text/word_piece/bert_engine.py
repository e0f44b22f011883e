"""WordPiece with the normalization and the words of Hugging Face's BERT."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from domain_core.arrays.ragged import Ragged
from domain_core.text.special_tokens import token_pattern
from domain_core.text.tokenizers_library import call_compiled, import_tokenizers
from domain_core.text.word_piece.engine import WordPieceEngine, offsets_as_ragged

# Of ASCII it is plain what the compiled splitter makes: words and single signs.
_PRINTABLE = re.compile("[!-~]+")
_WORDS = re.compile(r"[0-9A-Za-z]+|[!-/:-@\[-`{-~]")


class BertWordPieceEngine(WordPieceEngine):
    """Gives the ids that `transformers` gives for a BERT vocabulary.

    Equal by construction: normalizer, splitter and matching are the compiled ones that
    `transformers` itself configures. Control characters vanish, white space and
    punctuation of all scripts end a word, `lowercase` is Unicode's simple one, and a
    word of more than 100 characters is unknown.
    """

    def _encode_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        encodings = call_compiled(
            self._rust.encode_batch,
            self._inputs(texts),
            is_pretokenized=self._is_pretokenized,
            add_special_tokens=False,
        )
        return offsets_as_ragged(encodings)

    def _cut(self, chunk: str) -> list[str]:
        if not self.split or not _PRINTABLE.fullmatch(chunk):
            return [chunk]
        text = chunk.lower() if self.lowercase else chunk
        # The compiled code would find those in lower case, too, if it were given that.
        find = self._find_whole
        if find is not None and (find(chunk) or find(text)):
            return [chunk]
        return _WORDS.findall(text)

    @functools.cached_property
    def _find_whole(self) -> Callable[[str], Any] | None:
        """Finds what may be a token that is kept whole."""
        tokens = {*self.atomic_tokens, *self.added_tokens}
        lower = {token.lower() for token in tokens if token in self.normalized_tokens}
        pattern = token_pattern(tokens | lower)
        return None if pattern is None else pattern.search

    def _is_word(self, word: str) -> bool:
        return _WORDS.fullmatch(word) is not None

    def _build(self, model: Any) -> Any:
        tokenizers = import_tokenizers()
        tokenizer = tokenizers.Tokenizer(model)
        tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=self.split and self.split_on_cjk,
            strip_accents=self.strip_accents,
            lowercase=self.lowercase,
        )
        if self.split:
            tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
        tokenizer.add_special_tokens(
            [
                tokenizers.AddedToken(
                    token, normalized=token in self.normalized_tokens, special=True
                )
                for token in self.atomic_tokens
                if token not in self.added_tokens
            ]
        )
        # In order: each gets the next id.
        tokenizer.add_tokens(
            [
                tokenizers.AddedToken(
                    token, normalized=token in self.normalized_tokens, special=False
                )
                for token in self.added_tokens
            ]
        )
        return tokenizer
