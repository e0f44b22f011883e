"""What tokenizers of bytes and of code points do with what is no character."""

from __future__ import annotations

from typing import Any

import numpy as np

from domain_core.text.text_inputs import decode_bytes


def as_replacement(code: Any) -> int:
    """Returns a code point that stands for what is no character.

    Raises:
        ValueError: if it is no code point of a character.
    """
    if not isinstance(code, int | np.integer) or not is_character(int(code)):
        raise ValueError(
            "Expected `replacement_char` to be the code point of a character, such as "
            f"65533, received {code!r}."
        )
    return int(code)


def is_character(code: int) -> bool:
    """Whether a number is a code point that UTF-8 can hold."""
    return 0 <= code < 0xD800 or 0xDFFF < code <= 0x10FFFF


def decode_ids(data: bytes, errors: str, replacement: int) -> str:
    """Decodes the bytes that ids are, as UTF-8.

    Raises:
        ValueError: if they are none and `errors` is "strict".
    """
    try:
        return decode_bytes(data, errors, replacement)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Expected ids whose bytes are UTF-8, received {data[:40]!r} ({error}). "
            "Construct the tokenizer with `errors='replace'`."
        ) from None
