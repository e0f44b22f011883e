"""Functions of some texts, or of parts of texts, in TensorFlow graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain_core.text.regex_graph import cut_at_matches


def apply_by_kind(
    texts: Any,
    is_first: Any,
    first: Callable[[Any], Any],
    second: Callable[[Any], Any],
) -> Any:
    """Applies a function to some texts, another to the others, if there are any.

    Args:
        texts: string tensor `(N,)`.
        is_first: bool tensor `(N,)`.
        first: takes and returns tensors, or ragged ones, with as many rows.
        second: likewise.

    Returns:
        A tensor with a row for each text, in their order.
    """
    import tensorflow as tf

    def apply_both() -> Any:
        results = tf.concat([first(texts[is_first]), second(texts[~is_first])], axis=0)
        places = tf.concat([tf.where(is_first), tf.where(~is_first)], axis=0)[:, 0]
        return tf.gather(results, tf.math.invert_permutation(places))

    return tf.cond(tf.reduce_all(is_first), lambda: first(texts), apply_both)


def apply_between(texts: Any, characters: str, function: Callable[[Any], Any]) -> Any:
    """Applies a function to what is between certain characters, which stay.

    Args:
        texts: valid UTF-8, string tensor `(N,)`.
        characters: the inside of a character class; they should be rare.
        function: from and to a string tensor.

    Returns:
        String tensor `(N,)`.
    """
    import tensorflow as tf

    def apply_to_parts(texts: Any) -> Any:
        parts = cut_at_matches(texts, f"[{characters}]")
        stays = tf.strings.regex_full_match(parts.values, f"[{characters}]")
        values = apply_by_kind(parts.values, stays, lambda kept: kept, function)
        return tf.strings.reduce_join(parts.with_values(values), axis=-1)

    whole = tf.strings.regex_full_match(texts, f"[^{characters}]*")
    return apply_by_kind(texts, whole, function, apply_to_parts)
