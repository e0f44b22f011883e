"""Computes WordPiece vocabularies."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_positive_int
from domain_core.text.merge_training import train_merges
from domain_core.text.training_texts import training_texts
from domain_core.text.vocabulary import check_vocabulary, write_vocabulary
from domain_core.text.word_piece.keras_engine import KerasWordPieceEngine

_RESERVED_TOKENS = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]")
# Longer words, which are no words of a language, teach nothing, as upstream.
_MAX_WORD_LENGTH = 50


def compute_word_piece_vocabulary(
    data: Any,
    vocabulary_size: int,
    vocabulary_output_file: str | os.PathLike[str] | None = None,
    lowercase: bool = False,
    strip_accents: bool = False,
    split: bool = True,
    split_on_cjk: bool = True,
    suffix_indicator: str = "##",
    reserved_tokens: Sequence[str] = _RESERVED_TOKENS,
) -> list[str] | None:
    """Computes a vocabulary for a `WordPieceTokenizer`.

    Merges the most frequent pair of neighbours within words, again and again, as
    Hugging Face's trainer does. (Upstream's learns another vocabulary, and takes much
    longer.) Every letter gets a token for the beginning of a word and one for later, so
    that all words of these letters can be put together, as far as there is room; words
    of more than 50 characters are left out. The same data give the same vocabulary.

    Args:
        data: list of paths of UTF-8 files; or a `tf.data.Dataset` of strings; or any
            other iterable of strings, such as a generator or `iter(texts)`.
        vocabulary_size: the most tokens the vocabulary may have.
        vocabulary_output_file: path to write the vocabulary to, one token per line.
        lowercase: see `WordPieceTokenizer`, as the further ones.
        strip_accents: drop accents.
        split: find words. If False, each string of `data` is one word; not for files.
        split_on_cjk: make each Chinese character a word.
        suffix_indicator: what pieces begin with that continue a word.
        reserved_tokens: tokens to put first.

    Returns:
        The tokens; None if they were written to a file.

    Raises:
        ValueError: if `data` is something else, or files come with split=False.
    """
    if not split and isinstance(data, list | tuple):
        raise ValueError(
            "Expected split=True for a list of files, received False. Split the files' "
            "texts, and pass the words as an iterator."
        )
    size = as_positive_int("vocabulary_size", vocabulary_size)
    engine = KerasWordPieceEngine(
        [],
        lowercase=lowercase,
        strip_accents=strip_accents,
        split=split,
        split_on_cjk=split_on_cjk,
        suffix_indicator=suffix_indicator,
        atomic_tokens=reserved_tokens,
    )
    counts: Counter[str] = Counter()
    for text in training_texts(data):
        counts.update(engine.words(text))
    for token in (*reserved_tokens, ""):
        counts.pop(token, None)
    counts = Counter({w: n for w, n in counts.items() if len(w) <= _MAX_WORD_LENGTH})
    # A word is longer than what its first symbol says: "a", "##b", "##c".
    words = {
        (word[0], *(suffix_indicator + letter for letter in word[1:])): count
        for word, count in counts.items()
    }
    frequency = Counter[str]()
    for word, count in words.items():
        for symbol in word:
            frequency[symbol] += count
    letters = set("".join(counts))
    alphabet = letters.union(suffix_indicator + letter for letter in letters)
    # The more frequent ones first, should there be no room for all.
    symbols = sorted(alphabet, key=lambda symbol: (-frequency[symbol], symbol))
    tokens = list(dict.fromkeys([*reserved_tokens, *symbols]))
    if len(tokens) < size:
        room = size - len(tokens) + len(frequency)
        skip = len(suffix_indicator)
        for first, second in train_merges(words, room, min_frequency=2):
            rest = [symbol[skip:] for symbol in (*first[1:], *second)]
            tokens.append("".join([first[0], *rest]))
    # White space, which only split=False lets into words, cannot end a token.
    tokens = [t for t in tokens if t[-1] not in " \t\r\n" and "\n" not in t]
    tokens = list(dict.fromkeys(tokens))[:size]
    vocabulary = check_vocabulary(tokens) if tokens else []
    if vocabulary_output_file is None:
        return vocabulary
    write_vocabulary(vocabulary_output_file, vocabulary)
    return None
