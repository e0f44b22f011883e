"""The ranges of decoders' sizes and shares."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from domain_core.arguments import as_fraction, as_positive_int, as_rate

# The most that any model has.
_LARGEST = {
    "vocabulary_size": 10**7,
    **dict.fromkeys(("num_layers", "num_decoder_layers"), 1000),
    **dict.fromkeys(("num_heads", "num_query_heads", "num_key_value_heads"), 10**4),
    **dict.fromkeys(("head_dim", "key_value_dim"), 10**4),
    "hidden_dim": 10**5,
    "intermediate_dim": 10**6,
    "max_sequence_length": 10**8,
    "the window": 10**8,
}


def check_arguments(arguments: Mapping[str, Any], *, optional: Collection[str]) -> None:
    """Raises ValueError for sizes and shares out of range.

    Args:
        arguments: of a constructor, by name.
        optional: names of those that may be None.
    """
    for name, value in arguments.items():
        if value is None and name in optional:
            continue
        if name in _LARGEST:
            as_positive_int(name, value, _LARGEST[name])
        elif name.endswith("dropout"):
            as_rate(name, value)
        elif name == "layer_norm_epsilon":
            as_fraction(name, value)
