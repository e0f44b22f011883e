"""Byte-pair encoding by TensorFlow operations, for graphs that run without Python.

Slow: each turn of a loop merges, in all words at once, the pair that comes first in
each. All tables are constants, so that a graph can be exported as it is.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from itertools import chain, groupby
from typing import Any

import numpy as np

from domain_core.text.byte_pair.byte_level import BYTE_TO_CHARACTER
from domain_core.text.byte_pair.engine import BytePairEngine
from domain_core.text.byte_pair.patterns import BytePairPattern, fill
from domain_core.text.graph_regex import cut_at_matches
from domain_core.text.special_tokens import WHITE_SPACE
from domain_core.text.tokenizers_library import import_tokenizers

_NO_RANK = np.iinfo(np.int32).max
# Unicode has no letters and numbers elsewhere.
_PLANES = ((0, 0x40000), (0xE0000, 0xE1000))


class BytePairGraph:
    """Does what a `BytePairEngine` does to tensors.

    Args:
        engine: what to be equal to.

    Raises:
        ValueError: if a merge comes before one that makes a part of it. All trainers
            write them in order; of others each pair would have to be merged alone.
    """

    def __init__(self, engine: BytePairEngine) -> None:
        self._engine = engine
        self._pattern = engine.pattern
        places = {token: place for place, token in enumerate(engine.tokens)}
        made: dict[str, int] = {}
        for rank, (first, second) in enumerate(engine.merges):
            made[first + second] = rank
            if "" in (first, second):
                raise ValueError(f"Expected merges of two tokens, received {rank}.")
        for rank, pair in enumerate(engine.merges):
            if any(made.get(part, -1) >= rank for part in pair):
                raise ValueError(
                    "Expected merges in an order in which a token is made before it is "
                    f"merged, for graph=True; received {' '.join(pair)!r} too early. "
                    "Construct the tokenizer with graph=False."
                )
        pairs = np.array(
            [(places[first], places[second]) for first, second in engine.merges],
            np.int64,
        ).reshape(-1, 2)
        keys = pairs[:, 0] * len(places) + pairs[:, 1]
        order = np.argsort(keys)
        # An end that no key is equal to: there may be no merges.
        self._keys = np.append(keys[order], np.iinfo(np.int64).max)
        self._ranks = np.append(order, _NO_RANK).astype(np.int32)
        self._results = np.array(
            [places[first + second] for first, second in engine.merges] or [0], np.int32
        )
        suffix = self._pattern.end_of_word
        letters = BYTE_TO_CHARACTER.values()
        self._bytes = np.array([places[c] for c in letters], np.int32)
        self._last_bytes = np.array([places[c + suffix] for c in letters], np.int32)

    def checked(self, texts: Any, errors: str, forbidden: Sequence[str]) -> Any:
        """Returns texts fit for `encode`, or stops the graph.

        Args:
            texts: string tensor `(B,)`.
            errors: "strict", "replace" or "ignore", what to do to invalid UTF-8.
            forbidden: tokens that no text may hold.
        """
        import tensorflow as tf

        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors=errors)
        if not forbidden:
            return texts
        pattern = "(?s).*(?:" + "|".join(map(re.escape, forbidden)) + ").*"
        found = tf.strings.regex_full_match(texts, pattern)
        check = tf.debugging.Assert(
            ~tf.reduce_any(found),
            ["Expected texts without special tokens, received", texts],
        )
        with tf.control_dependencies([check]):
            return tf.identity(texts)

    def encode(self, texts: Any) -> Any:
        """Turns texts without special tokens, string `(B,)`, into ragged int32 ids."""
        import tensorflow as tf

        if self._engine.add_prefix_space:
            bare = tf.strings.regex_full_match(texts, "(?s)[^ ].*")
            texts = tf.where(bare, tf.strings.join([" ", texts]), texts)
        words = self._split(texts)  # ragged (B, None)
        different, index = tf.unique(words.values)
        ids = self._known(self._merge(different), different)
        return words.with_values(tf.gather(ids, index)).merge_dims(1, 2)

    def decode(self, rows: Any, token_bytes: Mapping[int, bytes]) -> Any:
        """Turns ragged ids `(B, None)` into texts `(B,)`."""
        import tensorflow as tf

        ids = np.array(sorted(token_bytes), np.int32)
        place = tf.searchsorted(ids, rows.values)
        place = tf.minimum(place, len(ids) - 1)
        check = tf.debugging.Assert(
            tf.reduce_all(tf.gather(ids, place) == rows.values),
            ["Expected ids of the vocabulary, received", rows.values],
        )
        with tf.control_dependencies([check]):
            pieces = tf.gather(tf.constant([token_bytes[int(i)] for i in ids]), place)
        texts = tf.strings.reduce_join(rows.with_values(pieces), axis=-1)
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        if not self._pattern.end_of_word:
            return texts
        return tf.strings.regex_replace(texts, "^ +| +$", "")

    def _split(self, texts: Any) -> Any:
        """Cuts texts into words."""
        texts = self._normalized(texts)
        pattern = self._pattern
        if pattern.gap is None:
            blanks = f"[{WHITE_SPACE}]+"
            words = cut_at_matches(texts, blanks, keep_matches=False)
        else:
            chunk = pattern.chunk.replace("<S>", WHITE_SPACE)
            words = cut_at_matches(texts, chunk)
        for regex in _filled(pattern):
            parts = cut_at_matches(words.values, regex)
            words = words.with_values(parts).merge_dims(1, 2)
        return words

    def _normalized(self, texts: Any) -> Any:
        import tensorflow as tf

        if self._engine.normalization == "NFC":
            import tensorflow_text

            texts = tensorflow_text.normalize_utf8(texts, "NFC")
        if self._pattern.lowercase:
            lower, longer = _lower_case()
            for upper, several in longer.items():
                texts = tf.strings.regex_replace(texts, upper, several)
            codes = tf.strings.unicode_decode(texts, "UTF-8")
            known = tf.gather(lower, tf.minimum(codes.values, len(lower) - 1))
            values = tf.where(codes.values < len(lower), known, codes.values)
            texts = tf.strings.unicode_encode(codes.with_values(values), "UTF-8")
        return texts

    def _merge(self, words: Any) -> Any:
        """Turns words `(W,)` into ragged `(W, None)` places in the engine's tokens."""
        import tensorflow as tf

        lengths = tf.strings.length(words)
        data = tf.io.decode_raw(tf.strings.reduce_join(words)[None], "uint8")[0]
        data = tf.cast(data, tf.int32)
        count = tf.size(words)
        owners = tf.repeat(tf.range(count), lengths)
        is_last = tf.concat([owners[1:] != owners[:-1], [True]], 0)
        is_last = is_last[: tf.size(data)]
        tokens = tf.where(
            is_last, tf.gather(self._last_bytes, data), tf.gather(self._bytes, data)
        )

        def step(tokens: Any, owners: Any, _: Any) -> tuple[Any, Any, Any]:
            ranks = self._pair_ranks(tokens, owners)
            first = tf.math.unsorted_segment_min(ranks, owners, count)
            fits = (ranks != _NO_RANK) & (ranks == tf.gather(first, owners))
            merged = _every_second(fits)
            results = tf.gather(self._results, tf.where(merged, ranks, 0))
            kept = ~tf.concat([[False], merged[:-1]], 0)[: tf.size(tokens)]
            tokens = tf.where(merged, results, tokens)[kept]
            return tokens, owners[kept], tf.reduce_any(merged)

        free = tf.TensorShape([None])
        tokens, owners, _ = tf.while_loop(
            lambda tokens, owners, going: going,
            step,
            (tokens, owners, tf.constant(True)),
            shape_invariants=(free, free, tf.TensorShape([])),
        )
        return tf.RaggedTensor.from_value_rowids(
            tokens, tf.cast(owners, tf.int64), tf.cast(count, tf.int64)
        )

    def _pair_ranks(self, tokens: Any, owners: Any) -> Any:
        """Returns the rank of each token with the one behind it, int32."""
        import tensorflow as tf

        pairs = tf.cast(tokens, tf.int64)
        pairs = pairs[:-1] * len(self._engine.tokens) + pairs[1:]
        place = tf.searchsorted(self._keys, pairs)
        known = (tf.gather(self._keys, place) == pairs) & (owners[:-1] == owners[1:])
        ranks = tf.where(known, tf.gather(self._ranks, place), _NO_RANK)
        return tf.concat([ranks, [_NO_RANK]], 0)[: tf.size(tokens)]

    def _known(self, rows: Any, words: Any) -> Any:
        """Turns places in the engine's tokens into ids."""
        import tensorflow as tf

        if self._engine.ignore_merges:
            rows = self._whole_words(rows, words)
        ids = tf.gather(self._engine.ids, rows.values)
        if self._engine.unk_id is not None:
            return rows.with_values(tf.where(ids < 0, self._engine.unk_id, ids))
        check = tf.debugging.Assert(
            tf.reduce_all(ids >= 0),
            [
                "Expected a vocabulary with all tokens that merges end in, received",
                words,
            ],
        )
        with tf.control_dependencies([check]):
            return rows.with_values(tf.identity(ids))

    def _whole_words(self, rows: Any, words: Any) -> Any:
        """Takes words that are tokens for those tokens."""
        import tensorflow as tf

        from domain_core.text.byte_pair.byte_level import token_to_bytes

        tokens = self._engine.tokens
        # A token that is not written in the alphabet is no word.
        spelled = [
            place for place, token in enumerate(tokens) if set(token) <= _ALPHABET
        ]
        texts = np.array([token_to_bytes(tokens[p]) for p in spelled], object)
        with tf.init_scope():
            hashes = tf.strings.to_hash_bucket_fast(tf.constant(texts), 2**62).numpy()
        order = np.argsort(hashes)
        hashes = hashes[order]
        sorted_places = np.array(spelled, np.int32)[order]
        sorted_texts = tf.constant(texts[order])
        place = tf.searchsorted(hashes, tf.strings.to_hash_bucket_fast(words, 2**62))
        place = tf.minimum(place, len(hashes) - 1)
        is_token = tf.gather(sorted_texts, place) == words
        whole = tf.RaggedTensor.from_row_lengths(
            tf.gather(sorted_places, place)[is_token], tf.cast(is_token, tf.int64)
        )
        others = tf.ragged.boolean_mask(
            rows, rows.with_values(tf.repeat(~is_token, rows.row_lengths()))
        )
        return tf.concat([whole, others], 1)


_ALPHABET = frozenset(BYTE_TO_CHARACTER.values())


def _every_second(marks: Any) -> Any:
    """Keeps the first, third, ... mark of each run: merges must not overlap."""
    import tensorflow as tf

    index = tf.range(tf.size(marks))
    begins = marks & ~tf.concat([[False], marks[:-1]], 0)[: tf.size(marks)]
    starts = tf.concat([[0], tf.boolean_mask(index, begins)], 0)
    start = tf.gather(starts, tf.cumsum(tf.cast(begins, tf.int32)))
    return marks & ((index - start) % 2 == 0)


def _filled(pattern: BytePairPattern) -> list[str]:
    """Returns the splits into words, with all letters and numbers there are."""
    return [
        fill(regex, WHITE_SPACE, _class(r"\p{L}"), _class(r"\p{N}"))
        for regex in pattern.words
    ]


@functools.cache
def _class(regex: str) -> str:
    """Returns the characters of a class as the inside of a character class.

    As the compiled `tokenizers` has it, which knows another version of Unicode than
    TensorFlow.
    """
    tokenizers = import_tokenizers()
    codes = [
        code
        for code in chain.from_iterable(range(*plane) for plane in _PLANES)
        if not 0xD800 <= code < 0xE000
    ]
    split = tokenizers.pre_tokenizers.Split(
        tokenizers.Regex(f"{regex}+"), "removed", invert=True
    )
    found = split.pre_tokenize_str("".join(map(chr, codes)))
    ranges = []
    for text, _ in found:
        # Neighbours of the surrogates are neighbours in the text.
        for _, run in groupby(enumerate(text), lambda item: ord(item[1]) - item[0]):
            run_text = "".join(character for _, character in run)
            ranges.append(f"{_escaped(run_text[0])}-{_escaped(run_text[-1])}")
    return "".join(ranges)


@functools.cache
def _lower_case() -> tuple[np.ndarray, dict[str, str]]:
    """Returns lower case as the compiled `tokenizers` has it.

    Returns:
        The code of each code's lower case, as far as there is case; and what becomes
        several characters.
    """
    lower = import_tokenizers().normalizers.Lowercase()
    codes = [c for c in range(0x20000) if not 0xD800 <= c < 0xE000]
    folded = lower.normalize_str("\n".join(map(chr, codes))).split("\n")
    # A line feed itself gave two empty lines.
    del folded[10]
    folded[10] = "\n"
    table = np.arange(0x20000, dtype=np.int32)
    longer = {}
    for code, text in zip(codes, folded, strict=True):
        if len(text) == 1:
            table[code] = ord(text)
        else:
            longer[chr(code)] = text
    return table, longer


def _escaped(character: str) -> str:
    return rf"\x{{{ord(character):x}}}"
