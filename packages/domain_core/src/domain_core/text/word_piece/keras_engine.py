"""WordPiece with the normalization and the words of Keras' WordPieceTokenizer."""

from __future__ import annotations

import functools
import re
import unicodedata
from itertools import chain
from typing import Any

import numpy as np

from domain_core.arrays.ragged import Ragged
from domain_core.text.tokenizers_library import import_tokenizers
from domain_core.text.unicode_normalization import normalize
from domain_core.text.word_piece.engine import WordPieceEngine

# Longer words, in bytes of UTF-8 after case folding, are unknown.
MAX_WORD_BYTES = 100

CJK_RANGES = (
    "\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f"
    "\U0002b820-\U0002ceaf\U0002f800-\U0002fa1f"
)

# What Unicode calls default ignorable.
_IGNORABLE = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


class KerasWordPieceEngine(WordPieceEngine):
    """Gives the ids that KerasNLP's `WordPieceTokenizer` gives.

    In this order: with `strip_accents`, canonical decomposition without nonspacing
    marks; words end at ASCII white space, control and format characters (a no-break
    space is part of a word), punctuation and Chinese characters are words of their own,
    atomic tokens too; with `lowercase`, words are folded by Unicode's NFKC case
    folding; words of more than 100 bytes are unknown.
    """

    def _encode_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        found = [self._encode_text(text) for text in texts]
        ids = Ragged.from_rows([ids for ids, _ in found])
        pairs = Ragged.from_rows([p for _, p in found], np.dtype((np.int32, 2)))
        return ids, pairs

    def words(self, text: str) -> list[str]:
        """Returns the words of a text, as a vocabulary holds them, of any length."""
        found = [self._strip(text)]
        if self.split:
            found = self._words_in.findall(found[0])
        return [word for word in map(self._normal, found) if word]

    def _cut(self, chunk: str) -> list[str]:
        return [_TOO_LONG if _is_too_long(word) else word for word in self.words(chunk)]

    def _is_word(self, word: str) -> bool:
        return True

    @property
    def _is_pretokenized(self) -> bool:
        return True

    def _encode_text(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Encodes word by word, following each character back to where it came from."""
        parts = [self._strip(character) for character in text]
        stripped = "".join(parts)
        source = np.repeat(np.arange(len(text)), list(map(len, parts)))
        spans = [(0, len(stripped))]
        if self.split:
            spans = [match.span() for match in self._words_in.finditer(stripped)]
        words = [self._normal(stripped[start:stop]) for start, stop in spans]
        words = [_TOO_LONG if _is_too_long(word) else word for word in words]
        encoding = self._rust.encode(
            words, is_pretokenized=True, add_special_tokens=False
        )
        pairs = []
        for word, (start, stop) in zip(
            encoding.word_ids, encoding.offsets, strict=True
        ):
            first, last = spans[word]
            begin, end = _unfolded(stripped[first:last], words[word], start, stop)
            pairs.append((int(source[first + begin]), int(source[first + end - 1]) + 1))
        return encoding.ids, pairs

    def _strip(self, text: str) -> str:
        return strip_accents(text) if self.strip_accents else text

    def _normal(self, word: str) -> str:
        if self.lowercase and word not in self.atomic_tokens:
            return fold_case(word)
        return word

    @functools.cached_property
    def _words_in(self) -> re.Pattern[str]:
        spaces, punctuation = _separators()
        single = punctuation + (CJK_RANGES if self.split_on_cjk else "")
        rest = f"[^{spaces}{single}]"
        if not self.atomic_tokens:
            # Large classes are slow, and most characters are these.
            return re.compile(f"[0-9A-Za-z]+{rest}*|[{single}]|{rest}+")
        atomic = "|".join(map(re.escape, self.atomic_tokens))
        return re.compile(f"{atomic}|[{single}]|(?:(?!{atomic}){rest})+")

    def _build(self, model: Any) -> Any:
        return import_tokenizers().Tokenizer(model)


# Longer than the compiled code's own limit, which is in characters.
_TOO_LONG = "x" * (WordPieceEngine.max_word_length + 1)


def _is_too_long(word: str) -> bool:
    return len(word) > MAX_WORD_BYTES // 4 and len(word.encode()) > MAX_WORD_BYTES


def strip_accents(text: str) -> str:
    """Decomposes characters and drops their nonspacing marks."""
    if text.isascii():
        return text
    return "".join(
        character
        for character in normalize("NFD", text)
        if unicodedata.category(character) != "Mn"
    )


def fold_case(text: str) -> str:
    """Folds by Unicode's NFKC_Casefold: 'Straße' to 'strasse', 'ﬁ' to 'fi'."""
    if text.isascii():
        return text.lower()
    folded = normalize("NFKC", text).casefold()
    return normalize("NFKC", _IGNORABLE.sub("", folded))


def _unfolded(raw: str, folded: str, start: int, stop: int) -> tuple[int, int]:
    """Maps a stretch of a folded word back to the word."""
    if folded == _TOO_LONG:
        return 0, len(raw)
    if len(raw) == len(folded) and all(len(fold_case(c)) == 1 for c in raw):
        return start, stop
    kept = [i for i, character in enumerate(raw) if not _IGNORABLE.match(character)]
    if len(kept) < len(raw):
        rest = "".join(raw[i] for i in kept)
        if fold_case(rest) != folded:
            return 0, len(raw)
        begin, end = _unfolded(rest, folded, start, stop)
        return kept[begin], kept[end - 1] + 1
    lengths = [len(fold_case(raw[:i])) for i in range(len(raw) + 1)]
    begin = max(i for i in range(len(raw)) if lengths[i] <= start)
    end = next((i for i in range(begin + 1, len(raw)) if lengths[i] >= stop), len(raw))
    return begin, end


@functools.cache
def _separators() -> tuple[str, str]:
    """Returns the spaces and the punctuation, as insides of a regular expression."""
    spaces, punctuation = [" "], list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
    # Beyond these planes Unicode has neither.
    for code in chain(range(0x20000), range(0xE0000, 0xE1000)):
        category = unicodedata.category(chr(code))
        if category in ("Cc", "Cf"):
            spaces.append(chr(code))
        elif category[0] == "P":
            punctuation.append(chr(code))
    return "".join(map(re.escape, spaces)), "".join(map(re.escape, punctuation))
