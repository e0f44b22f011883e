"""Checks that a tokenizer, a preprocessor and a backbone belong together."""

from __future__ import annotations

from typing import Any


def check_preprocessor_fits(preprocessor: Any, backbone: Any) -> None:
    """Raises ValueError where a preprocessor gives ids or lengths a backbone lacks.

    Args:
        preprocessor: a `Preprocessor` with a tokenizer, any callable, or None.
        backbone: a `Backbone`, with `vocabulary_size` and `max_sequence_length` where
            it has limits.
    """
    tokenizer = getattr(preprocessor, "tokenizer", None)
    if tokenizer is None:
        return
    rows = getattr(backbone, "vocabulary_size", None)
    words = tokenizer.vocabulary_size()
    if rows is not None and words > rows:
        raise ValueError(
            f"Expected a tokenizer of at most {rows} tokens, the backbone's "
            f"`vocabulary_size`; received one of {words}. Ids beyond the embedding "
            "give wrong numbers: use the tokenizer of the backbone's preset, or raise "
            "`vocabulary_size`."
        )
    positions = getattr(backbone, "max_sequence_length", None)
    length = getattr(preprocessor, "sequence_length", None)
    if positions is not None and length is not None and length > positions:
        raise ValueError(
            f"Expected `sequence_length` of at most {positions}, the backbone's "
            f"`max_sequence_length`; received {length}. Pass a smaller "
            "`sequence_length` to the preprocessor."
        )
