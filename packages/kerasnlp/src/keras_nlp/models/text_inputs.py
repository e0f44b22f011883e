"""Checks that a tokenizer, a preprocessor and a backbone belong together."""

from __future__ import annotations

from domain_core.backbone import Backbone
from domain_core.preprocessor import Preprocessor
from domain_core.presets.compatibility import check_tokenizer_fits


def check_preprocessor_fits(
    preprocessor: Preprocessor | None, backbone: Backbone
) -> None:
    """Raises ValueError where a preprocessor gives ids or lengths a backbone lacks.

    Args:
        preprocessor: a `Preprocessor` with a tokenizer, any callable, or None.
        backbone: a `Backbone`, with `vocabulary_size` and `max_sequence_length` where
            it has limits.
    """
    tokenizer = getattr(preprocessor, "tokenizer", None)
    if tokenizer is None:
        return
    check_tokenizer_fits(tokenizer, backbone)
    positions = getattr(backbone, "max_sequence_length", None)
    for name in ("sequence_length", "encoder_sequence_length"):
        length = getattr(preprocessor, name, None)
        if positions is not None and length is not None and length > positions:
            raise ValueError(
                f"Expected `{name}` of at most {positions}, the backbone's "
                f"`max_sequence_length`; received {length}. Pass a smaller `{name}` to "
                "the preprocessor."
            )
