"""Cuts texts at the matches of a regular expression, by TensorFlow operations."""

from __future__ import annotations

from typing import Any

# In no UTF-8 text, so texts cannot hold it.
_MARK = b"\xff"


def cut_at_matches(texts: Any, regex: str, *, keep_matches: bool = True) -> Any:
    """Returns the matches of a regular expression, and what lies between.

    `tensorflow_text.regex_split` does so too, but drops all that follows a NUL.

    Args:
        texts: valid UTF-8, string tensor `(N,)`.
        regex: in RE2's dialect; it must not match empty text.
        keep_matches: if False, only what lies between them is kept.

    Returns:
        Ragged string tensor `(N, None)` of pieces that are not empty.
    """
    import tensorflow as tf

    rewrite = _MARK + rb"\0" + _MARK if keep_matches else _MARK
    marked = tf.strings.regex_replace(texts, regex, tf.constant(rewrite))
    pieces = tf.strings.split(marked, tf.constant(_MARK))
    return tf.ragged.boolean_mask(pieces, pieces != "")
