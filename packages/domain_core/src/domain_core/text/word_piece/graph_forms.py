"""The form of texts in which the engines of WordPiece find words, for graphs.

What the rules of an engine make of each character is asked of the engine, not written
down a second time.
"""

from __future__ import annotations

import dataclasses
import functools
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from domain_core.text.tokenizers_library import import_tokenizers
from domain_core.text.word_piece.graph_character_table import CharacterTable
from domain_core.text.word_piece.graph_text_parts import apply_between, apply_to_others
from domain_core.text.word_piece.keras_engine import (
    KerasWordPieceEngine,
    fold_case,
    strip_accents,
)

# Where Unicode has characters, and where it has those of private use.
_PLANES = (range(0x34000), range(0xE0000, 0xE1000))
_PRIVATE = (range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))


@dataclasses.dataclass(frozen=True, eq=False)
class TextForm:
    """Replaces the characters of texts: white space by spaces, words stand apart.

    Attributes:
        table: what becomes of each character.
        ordered: marks that stay where accents are stripped, and whose order Unicode
            prescribes; the inside of a character class, as what follows.
        dropped: characters that vanish before marks are put in order.
        foreign: those that TensorFlow Text would decompose or put in order, but the
            engine does not, which has an earlier version of Unicode.
    """

    table: CharacterTable
    ordered: str = ""
    dropped: str = ""
    foreign: str = ""

    def __call__(self, texts: Any) -> Any:
        """Puts texts, valid UTF-8 as a string tensor `(N,)`, into this form."""
        if self.ordered:
            import tensorflow as tf

            rare = tf.strings.regex_full_match(texts, f"(?s).*[{self.ordered}].*")
            texts = apply_to_others(texts, ~rare, self._in_order)
        return self.table(texts)

    def _in_order(self, texts: Any) -> Any:
        import tensorflow as tf
        import tensorflow_text

        if self.dropped:
            texts = tf.strings.regex_replace(texts, f"[{self.dropped}]", "")

        def decomposed(texts: Any) -> Any:
            return tensorflow_text.normalize_utf8(texts, "NFD")

        return apply_between(texts, self.foreign, decomposed)


@functools.cache
def bert_form(
    *, lowercase: bool, strip_accents: bool, split: bool, split_on_cjk: bool
) -> TextForm:
    """Returns what a `BertWordPieceEngine` of these options makes of characters."""
    normalizers = import_tokenizers().normalizers
    normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=split and split_on_cjk,
        strip_accents=strip_accents,
        lowercase=lowercase,
    )
    results = _one_by_one(normalizer.normalize_str, "|")
    of_private = normalizer.normalize_str(chr(_PRIVATE[0][0]))
    results |= dict.fromkeys((code for plane in _PRIVATE for code in plane), of_private)
    alone = _words_of_bert() if split else frozenset()
    changes = _changes(results, alone, " ")
    table = CharacterTable.of(changes)
    if not strip_accents:
        return TextForm(table)
    dropped = _as_class(
        code
        for code, text in changes.items()
        if not text and unicodedata.category(chr(code)) != "Mn"
    )
    decomposed = _decomposed(normalizers.NFD().normalize_str)
    in_graph = _decomposed(_decompose_in_graph)
    foreign = _as_class(c for c, text in decomposed.items() if text != in_graph[c])
    return TextForm(table, _marks_that_stay(changes, decomposed), dropped, foreign)


@functools.cache
def keras_form(*, strip_accents: bool, split: bool, split_on_cjk: bool) -> TextForm:
    """Returns what a `KerasWordPieceEngine` of these options makes of characters."""
    results = _one_by_one(_strip_accents if strip_accents else str, "\n")
    alone, spaces = _words_of_keras(split_on_cjk) if split else (frozenset(), "")
    changes = _changes(results, alone, spaces)
    table = CharacterTable.of(changes)
    if not strip_accents:
        return TextForm(table)
    decomposed = _decomposed(functools.partial(unicodedata.normalize, "NFD"))
    marks = _marks_that_stay(changes, decomposed)
    return TextForm(table, marks, foreign=unassigned())


@functools.cache
def unassigned() -> str:
    """Returns the characters that Python does not know, and so leaves as they are."""
    unknown = (c for c in _codes() if unicodedata.category(chr(c)) == "Cn")
    return _as_class(c for c in unknown if fold_case(chr(c)) == chr(c))


_strip_accents = strip_accents


def _codes() -> list[int]:
    return [code for plane in _PLANES for code in plane if not 0xD800 <= code < 0xE000]


def _decomposed(nfd: Callable[[str], str]) -> dict[int, str]:
    """Returns what canonical decomposition makes of each character after U+0345.

    All other marks go before that one.
    """
    codes = [code for code in _codes() if code != ord("|")]
    text = nfd("|".join(f"\u0345{chr(code)}" for code in codes))
    return dict(zip(codes, text.split("|"), strict=True))


def _decompose_in_graph(text: str) -> str:
    import tensorflow as tf
    import tensorflow_text

    with tf.init_scope():
        result = tensorflow_text.normalize_utf8(text, "NFD").numpy()
    return str(result, "utf-8")


def _marks_that_stay(changes: Mapping[int, str], decomposed: Mapping[int, str]) -> str:
    marks = {text[0] for text in decomposed.values()}
    return _as_class(
        code
        for code in decomposed
        if not marks.isdisjoint(changes.get(code, chr(code)))
    )


def _one_by_one(function: Any, separator: str) -> dict[int, str]:
    """Applies a function to one character after the other.

    Args:
        function: of a text.
        separator: a character that the function does not change.

    Returns:
        What becomes of each code point.
    """
    codes = [code for code in _codes() if code != ord(separator)]
    texts = function(separator.join(map(chr, codes))).split(separator)
    return {**dict(zip(codes, texts, strict=True)), ord(separator): separator}


@functools.cache
def _words_of_bert() -> frozenset[str]:
    """Returns the characters that the splitter takes for words of their own."""
    splitter = import_tokenizers().pre_tokenizers.BertPreTokenizer()

    def single(text: str) -> set[str]:
        return {word for word, _ in splitter.pre_tokenize_str(text) if len(word) == 1}

    # Without anything between, to have few pieces; a letter between two signs is one.
    candidates = single("".join(map(chr, _codes())))
    return frozenset(single("".join(f"x{c}x" for c in candidates)) - {"x"})


@functools.cache
def _words_of_keras(split_on_cjk: bool) -> tuple[frozenset[str], str]:
    """Returns the characters that are words of their own, and those between words."""
    characters = "".join(map(chr, _codes()))
    engine = KerasWordPieceEngine([], split_on_cjk=split_on_cjk)
    words = engine.words(" x".join(characters))
    alone = frozenset(words).intersection(characters) - {"x"}
    return alone, "".join(set(characters).difference("".join(words)))


def _changes(
    results: Mapping[int, str], alone: frozenset[str], spaces: str
) -> dict[int, str]:
    """Returns what does not stay, with spaces where words end.

    Args:
        results: what becomes of each code point.
        alone: characters that are words.
        spaces: characters that are between words.
    """
    form = {ord(c): " " for c in spaces} | {ord(c): f" {c} " for c in alone}
    changes = {}
    for code, text in results.items():
        if code in form and text == chr(code):
            changes[code] = form[code]
        elif text != chr(code):
            changes[code] = text.translate(form)
    return changes


def _as_class(codes: Iterable[int]) -> str:
    """Returns code points as the inside of a character class."""
    found = np.array(sorted(codes), np.int64)
    runs = np.split(found, np.flatnonzero(np.diff(found) != 1) + 1)
    return "".join(rf"\x{{{run[0]:x}}}-\x{{{run[-1]:x}}}" for run in runs)
