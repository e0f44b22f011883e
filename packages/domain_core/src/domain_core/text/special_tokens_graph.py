"""Cuts texts at the tokens in them by TensorFlow operations."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from domain_core.text.special_tokens import WHITE_SPACE


def encode_around(
    texts: Any,
    ids: Mapping[str, int],
    encode: Callable[[Any], Any],
    strip_left: Collection[str] = (),
) -> Any:
    """Encodes what lies between tokens, as `special_tokens.TextPieces` on the host.

    Args:
        texts: a string tensor `(B,)`.
        ids: ids of the tokens to find.
        encode: string tensor `(P,)` to ragged int32 ids `(P, None)`.
        strip_left: those tokens that swallow the white space before them.

    Returns:
        A ragged int32 tensor `(B, None)`.
    """
    if not ids:
        return encode(texts)
    import tensorflow as tf
    import tensorflow_text

    before = f"[{WHITE_SPACE}]*"
    longest_first = sorted(ids, key=lambda token: (-len(token), token))
    pattern = "|".join(
        (before if token in strip_left else "") + re.escape(token)
        for token in longest_first
    )
    pieces = tensorflow_text.regex_split(texts, pattern, pattern)
    keys = tf.strings.regex_replace(pieces.values, f"^{before}", "")
    table = _table(ids)
    # A token may begin with white space itself.
    token_ids = tf.maximum(table.lookup(pieces.values), table.lookup(keys))
    is_token = token_ids >= 0
    rows = encode(tf.where(is_token, "", pieces.values))
    rows = rows.with_row_splits_dtype("int64")
    nothing = tf.RaggedTensor.from_row_lengths(
        token_ids[is_token], tf.cast(is_token, "int64")
    )
    joined = tf.concat([nothing, rows], axis=1)
    return pieces.with_values(joined).merge_dims(1, 2)


def _table(ids: Mapping[str, int]) -> Any:
    import tensorflow as tf

    with tf.init_scope():
        return tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                list(ids), list(ids.values()), "string", "int32"
            ),
            default_value=-1,
        )
