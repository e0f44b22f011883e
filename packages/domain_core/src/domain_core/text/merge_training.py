"""Finds the merges of a vocabulary: the most frequent pairs of neighbours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import chain, islice, repeat

from domain_core.text.tokenizers_library import call_compiled, import_tokenizers

# The symbols of a word before any merge, or of a token.
Symbols = tuple[str, ...]

_WORDS_PER_BATCH = 10_000


def train_merges(
    words: Mapping[Symbols, int], vocabulary_size: int, *, min_frequency: int
) -> list[tuple[Symbols, Symbols]]:
    """Merges the most frequent pair of neighbours, again and again.

    The compiled trainer does it, on words in which each symbol is one character. (It
    can make symbols of its own, with a prefix or suffix, but their order and so its
    results vary from run to run.)

    Args:
        words: how often each word occurs.
        vocabulary_size: how many tokens to end with, symbols among them.
        min_frequency: how often a pair must occur.

    Returns:
        Pairs of tokens, in the order in which to merge them.
    """
    symbols = sorted(set(chain.from_iterable(words)))
    characters = dict(zip(symbols, _characters(), strict=False))
    back = {character: symbol for symbol, character in characters.items()}
    counts = {"".join(map(characters.__getitem__, w)): n for w, n in words.items()}
    tokenizers = import_tokenizers()
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary_size, min_frequency=min_frequency, show_progress=False
    )
    call_compiled(tokenizer.train_from_iterator, _batches(counts), trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]

    def symbols_of(token: str) -> Symbols:
        return tuple(back[character] for character in token)

    return [(symbols_of(first), symbols_of(second)) for first, second in merges]


def _characters() -> Iterator[str]:
    """Yields different characters, as many as there are."""
    return map(chr, chain(range(0x100, 0xD800), range(0xE000, 0x110000)))


def _batches(counts: Mapping[str, int]) -> Iterator[list[str]]:
    """Yields each word as often as it occurs."""
    words = chain.from_iterable(repeat(word, n) for word, n in counts.items())
    while batch := list(islice(words, _WORDS_PER_BATCH)):
        yield batch
