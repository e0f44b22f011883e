"""Functions of some texts, or of parts of texts, in TensorFlow graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# In no UTF-8 text, so texts cannot hold it.
_MARK = b"\xff"


def apply_to_others(texts: Any, done: Any, function: Callable[[Any], Any]) -> Any:
    """Applies a function to those texts that are not done.

    Args:
        texts: string tensor `(N,)`.
        done: bool tensor `(N,)`, which of them stay. If all do, nothing is computed.
        function: from and to a string tensor.

    Returns:
        String tensor `(N,)`.
    """
    import tensorflow as tf

    def apply() -> Any:
        return tf.where(done, texts, function(tf.where(done, "", texts)))

    return tf.cond(tf.reduce_all(done), lambda: tf.identity(texts), apply)


def encode_by_kind(
    texts: Any,
    is_first: Any,
    first: Callable[[Any], Any],
    second: Callable[[Any], Any],
) -> Any:
    """Encodes some texts by one function and the others, if any, by another.

    Args:
        texts: string tensor `(N,)`.
        is_first: bool tensor `(N,)`.
        first: from a string tensor `(N,)` to ragged ids `(N, None)`, none for "".
        second: likewise.

    Returns:
        A ragged tensor `(N, None)`.
    """
    import tensorflow as tf

    def encode_both() -> Any:
        rows = first(tf.where(is_first, texts, ""))
        others = second(tf.where(is_first, "", texts))
        # Of each text, one of the two has no ids.
        splits = rows.row_splits + others.row_splits
        starts = splits[:-1]
        places = [
            tf.raw_ops.RaggedRange(
                starts=starts, limits=starts + part.row_lengths(), deltas=1
            ).rt_dense_values
            for part in (rows, others)
        ]
        places = [tf.cast(place, tf.int32) for place in places]
        values = tf.dynamic_stitch(places, [rows.values, others.values])
        return values, splits

    def encode_first() -> Any:
        rows = first(texts)
        return tf.identity(rows.values), tf.identity(rows.row_splits)

    values, splits = tf.cond(tf.reduce_all(is_first), encode_first, encode_both)
    return tf.RaggedTensor.from_row_splits(values, splits, validate=False)


def split_at_blanks(texts: Any) -> Any:
    """Splits texts at white space, as `tf.strings.split` does with less checks.

    Args:
        texts: string tensor `(N,)`.

    Returns:
        Ragged string tensor `(N, None)`.
    """
    import tensorflow as tf

    parts = tf.raw_ops.StringSplitV2(input=texts, sep=tf.constant(""))
    splits = tf.searchsorted(
        parts.indices[:, 0], tf.range(tf.size(texts, "int64") + 1), out_type="int64"
    )
    return tf.RaggedTensor.from_row_splits(parts.values, splits, validate=False)


def merge_rows(parts: Any, rows: Any) -> Any:
    """Joins rows of parts, as `merge_dims` does with less checks.

    Args:
        parts: ragged tensor `(N, None)`, of which only the lengths matter.
        rows: ragged tensor `(P, None)`, a row for each part.

    Returns:
        Ragged tensor `(N, None)`.
    """
    import tensorflow as tf

    splits = tf.gather(rows.row_splits, parts.row_splits)
    return tf.RaggedTensor.from_row_splits(rows.values, splits, validate=False)


def apply_between(texts: Any, characters: str, function: Callable[[Any], Any]) -> Any:
    """Applies a function to what is between certain characters, which stay.

    Args:
        texts: valid UTF-8, string tensor `(N,)`.
        characters: the inside of a character class.
        function: from and to a string tensor; "" must stay.

    Returns:
        String tensor `(N,)`.
    """
    import tensorflow as tf

    rewrite = tf.constant(_MARK + rb"\0" + _MARK)
    marked = tf.strings.regex_replace(texts, f"[{characters}]", rewrite)
    parts = tf.raw_ops.StringSplitV2(input=marked, sep=tf.constant(_MARK))
    stays = tf.strings.regex_full_match(parts.values, f"[{characters}]")
    values = apply_to_others(parts.values, stays, function)
    return tf.strings.unsorted_segment_join(values, parts.indices[:, 0], tf.size(texts))
