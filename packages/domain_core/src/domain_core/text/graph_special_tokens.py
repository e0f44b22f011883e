"""Cuts texts at the tokens in them by TensorFlow operations."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from domain_core.text.graph_regex import cut_at_matches
from domain_core.text.special_tokens import WHITE_SPACE


def encode_around(
    texts: Any,
    ids: Mapping[str, int],
    encode: Callable[[Any], Any],
    strip_left: Collection[str] = (),
) -> Any:
    """Encodes what lies between tokens, as `special_tokens.TextPieces` on the host.

    Args:
        texts: valid UTF-8, a string tensor `(B,)`.
        ids: ids of the tokens to find.
        encode: string tensor `(P,)` to ragged int32 ids `(P, None)`.
        strip_left: those tokens that swallow the white space before them.

    Returns:
        A ragged int32 tensor `(B, None)`.
    """
    if not ids:
        return encode(texts)
    import tensorflow as tf

    before = f"[{WHITE_SPACE}]*"
    longest_first = sorted(ids, key=lambda token: (-len(token), token))
    pattern = "|".join(
        (before if token in strip_left else "") + re.escape(token)
        for token in longest_first
    )
    pieces = cut_at_matches(texts, pattern)
    keys = tf.strings.regex_replace(pieces.values, f"^{before}", "")
    # A token may begin with white space itself.
    token_ids = tf.maximum(_looked_up(pieces.values, ids), _looked_up(keys, ids))
    rows = _encode_others(pieces.values, token_ids, encode)
    return pieces.with_values(rows).merge_dims(1, 2)


def encode_words(
    words: Any, ids: Mapping[str, int], encode: Callable[[Any], Any]
) -> Any:
    """Encodes words that equal no token, and gives the ids of those that do.

    Args:
        words: string tensor `(N,)`.
        ids: ids of the tokens.
        encode: string tensor `(N,)` to ragged int32 ids `(N, None)`.

    Returns:
        A ragged int32 tensor `(N, None)`.
    """
    return (
        _encode_others(words, _looked_up(words, ids), encode) if ids else encode(words)
    )


def forbid_in_graph(texts: Any, tokens: Collection[str]) -> Any:
    """Returns texts, a string tensor `(B,)`; stops the graph if one holds a token."""
    if not tokens:
        return texts
    import tensorflow as tf

    # Any byte: the texts may be no UTF-8.
    pattern = rf"\C*(?:{'|'.join(map(re.escape, tokens))})\C*"
    check = tf.debugging.Assert(
        ~tf.reduce_any(tf.strings.regex_full_match(texts, pattern)),
        ["Expected texts without special tokens, received", texts],
    )
    with tf.control_dependencies([check]):
        return tf.identity(texts)


def _encode_others(texts: Any, token_ids: Any, encode: Callable[[Any], Any]) -> Any:
    """Encodes the texts whose id of a token is -1."""
    import tensorflow as tf

    is_token = token_ids >= 0
    rows = encode(tf.where(is_token, "", texts)).with_row_splits_dtype("int64")
    nothing = tf.RaggedTensor.from_row_lengths(
        token_ids[is_token], tf.cast(is_token, "int64")
    )
    return tf.concat([nothing, rows], axis=1)


def _looked_up(texts: Any, ids: Mapping[str, int]) -> Any:
    """Returns the ids of texts, -1 for those that are no token.

    Not by a `tf.lookup` table, which whoever exports the graph would have to keep track
    of.
    """
    import tensorflow as tf

    tokens = np.array([token.encode() for token in ids], object)
    with tf.init_scope():
        hashes = _hashed(tf.constant(tokens)).numpy()
    order = np.argsort(hashes)
    place = tf.searchsorted(tf.constant(hashes[order]), _hashed(texts))
    place = tf.minimum(place, len(order) - 1)
    is_token = tf.gather(tf.constant(tokens[order]), place) == texts
    found = tf.gather(np.array([*ids.values()], np.int32)[order], place)
    return tf.where(is_token, found, -1)


def _hashed(texts: Any) -> Any:
    import tensorflow as tf

    return tf.strings.to_hash_bucket_fast(texts, 2**62)
