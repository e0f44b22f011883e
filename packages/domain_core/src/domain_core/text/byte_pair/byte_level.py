"""GPT-2's alphabet: a printable character for each of the 256 bytes.

Vocabularies write their tokens in it, so that a token is a visible string even where it
is half a character. A space is "Ġ", a line feed "Ċ".
"""

from __future__ import annotations

# The bytes that are printable in Latin-1 stand for themselves, the others are
# counted off from U+0100.
_PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_OTHERS = tuple(byte for byte in range(256) if byte not in _PRINTABLE)

BYTE_TO_CHARACTER: dict[int, str] = dict(
    sorted(
        [(byte, chr(byte)) for byte in _PRINTABLE]
        + [(byte, chr(0x100 + place)) for place, byte in enumerate(_OTHERS)]
    )
)
CHARACTER_TO_BYTE: dict[str, int] = {c: b for b, c in BYTE_TO_CHARACTER.items()}


def bytes_to_token(data: bytes) -> str:
    """Writes bytes in the alphabet."""
    return data.decode("latin-1").translate(BYTE_TO_CHARACTER)


def token_to_bytes(token: str) -> bytes:
    """Reads a token; one that is not written in the alphabet is taken for text."""
    try:
        return bytes(map(CHARACTER_TO_BYTE.__getitem__, token))
    except KeyError:
        return token.encode("utf-8")
