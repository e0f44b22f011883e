"""Computes byte-pair vocabularies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_positive_int
from domain_core.text.byte_pair.byte_level import BYTE_TO_CHARACTER
from domain_core.text.byte_pair.engine import BytePairEngine
from domain_core.text.byte_pair.patterns import as_pattern
from domain_core.text.merge_training import train_merges
from domain_core.text.special_tokens import token_pattern
from domain_core.text.training_texts import training_texts


def compute_byte_pair_vocabulary(
    data: Any,
    vocabulary_size: int,
    *,
    pattern: str = "gpt2",
    special_tokens: Sequence[str] = (),
    min_frequency: int = 2,
) -> tuple[dict[str, int], list[str]]:
    """Computes vocabulary and merges for a `BytePairTokenizer`.

    Merges the most frequent pair of neighbours within words, again and again. The same
    data give the same vocabulary.

    Args:
        data: list of paths of UTF-8 files; or a `tf.data.Dataset` of strings; or any
            other iterable of strings, such as a generator or `iter(texts)`.
        vocabulary_size: number of tokens: special ones, bytes and merged ones. The
            result is smaller if the texts don't have so many frequent pairs.
        pattern: see `BytePairTokenizer`.
        special_tokens: tokens to put first. Where they occur in a text they are no part
            of words.
        min_frequency: how often a pair has to occur to be merged.

    Returns:
        Ids by token, and merges in the form "a b".

    Raises:
        ValueError: if `data` is something else, or `vocabulary_size` leaves no room for
            special tokens and bytes.

    Example:
        >>> import domain_core
        >>> vocabulary, merges = domain_core.tokenizers.compute_byte_pair_vocabulary(
        ...     iter(["low lower lowest"] * 3), 260
        ... )
        >>> merges
        ['l o', 'lo w', 'Ġ low', 'Ġlow e']
    """
    family = as_pattern(pattern)
    special = list(dict.fromkeys(special_tokens))
    symbols = list(BYTE_TO_CHARACTER.values())
    if family.end_of_word:
        symbols += [symbol + family.end_of_word for symbol in symbols]
    fixed = [*special, *(symbol for symbol in symbols if symbol not in special)]
    if as_positive_int("vocabulary_size", vocabulary_size) < len(fixed):
        raise ValueError(
            f"Expected `vocabulary_size` to be at least {len(fixed)}, for "
            f"{len(special)} special tokens and all bytes; received {vocabulary_size}."
        )
    as_positive_int("min_frequency", min_frequency)
    engine = BytePairEngine(
        {}, [], pattern=family, normalization=family.normalization, unk_id=0
    )
    between = token_pattern(special)
    counts: Counter[str] = Counter()
    for text in training_texts(data):
        # Every second part is a special token.
        for part in [text] if between is None else between.split(text)[::2]:
            counts.update(engine.words(part))
    words = {
        (*word[:-1], word[-1] + family.end_of_word): count
        for word, count in counts.items()
    }
    seen = {symbol for word in words for symbol in word}
    ids = {token: index for index, token in enumerate(fixed)}
    merges = []
    for first, second in train_merges(
        words,
        vocabulary_size - len(fixed) + len(seen),
        min_frequency=min_frequency,
    ):
        parts = "".join(first), "".join(second)
        merges.append(" ".join(parts))
        ids.setdefault("".join(parts), len(ids))
    return ids, merges
