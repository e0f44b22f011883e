"""What tokenizers of bytes and of code points do with what is no character."""

from __future__ import annotations

import codecs
import functools
from typing import Any, cast

import numpy as np


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


def decode_bytes(data: bytes, errors: str, replacement: int) -> str:
    """Decodes UTF-8.

    Raises:
        ValueError: if it is none and `errors` is "strict".
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if errors == "ignore":
            return data.decode(errors="ignore")
        if errors == "strict":
            raise ValueError(
                f"Expected ids whose bytes are UTF-8, received {data[:40]!r} ({error})."
                " Construct the tokenizer with `errors='replace'`."
            ) from None
    if replacement == 0xFFFD:
        return data.decode(errors="replace")
    return data.decode(errors=_replacing_by(replacement))


@functools.cache
def _replacing_by(replacement: int) -> str:
    """Returns the name of an error handler that Python's decoders then know."""
    name = f"domain_core.replace_by_{replacement}"
    codecs.register_error(name, lambda error: (chr(replacement), cast(Any, error).end))
    return name
