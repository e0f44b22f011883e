"""Reads and edits SentencePiece models, which are protocol buffers.

Only what tokenizers need: the pieces with their types. A model is a sequence of
fields; one numbered 1 is a piece, itself a sequence of fields: 1 its text, 2 its score
(float32), 3 its type.

Reference: sentencepiece_model.proto of https://github.com/google/sentencepiece.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable, Iterator, Mapping

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_PIECE = 1


@dataclasses.dataclass(frozen=True)
class Piece:
    """One entry of a model's vocabulary.

    Attributes:
        text: the piece, with "▁" for a space.
        score: its log probability, or minus its rank.
        type: `NORMAL`, `UNKNOWN`, `CONTROL`, `USER_DEFINED`, `UNUSED` or `BYTE`.
    """

    text: str
    score: float = 0.0
    type: int = NORMAL


def read_pieces(model: bytes) -> list[Piece]:
    """Returns the pieces of a model in the order of their ids.

    Raises:
        ValueError: if it is no SentencePiece model.
    """
    return [
        _read_piece(model[start:end])
        for number, _, start, end in _fields(model)
        if number == _PIECE
    ]


def adds_prefix(model: bytes) -> bool | None:
    """Returns whether a byte-pair model puts a space before a text.

    None stands for a model of another kind: one that is no byte-pair model, lets text
    be unknown, or does more to white space and characters than to write spaces as "▁".
    """
    trainer, normalizer = _settings(model, 2), _settings(model, 3)
    # Fields as in `byte_pair_model`; those of the normalizer are on if they are absent.
    is_plain = (
        trainer.get(3) == b"\x02"
        and trainer.get(35) == b"\x01"
        and not normalizer.get(2)
        and normalizer.get(4) == b"\x00"
        and normalizer.get(5, b"\x01") == b"\x01"
    )
    return normalizer.get(3, b"\x01") == b"\x01" if is_plain else None


def with_types(model: bytes, types: Mapping[str, int]) -> bytes:
    """Returns a model in which some pieces have another type.

    Args:
        model: a SentencePiece model.
        types: the new type by the text of the piece.
    """
    parts = []
    for number, begin, start, end in _fields(model):
        part = model[begin:end]
        if number == _PIECE:
            piece = _read_piece(model[start:end])
            if types.get(piece.text, piece.type) != piece.type:
                part = _write_piece(dataclasses.replace(piece, type=types[piece.text]))
        parts.append(part)
    return b"".join(parts)


def with_pieces(model: bytes, pieces: Iterable[Piece]) -> bytes:
    """Returns a model with more pieces; their ids follow those that are there."""
    return model + b"".join(map(_write_piece, pieces))


def unigram_model(pieces: Iterable[Piece], charsmap: bytes) -> bytes:
    """Returns a unigram model, which puts white space in order as usual.

    Args:
        pieces: in the order of their ids.
        charsmap: SentencePiece's compiled table of what characters become.
    """
    # Type 1 of the trainer's field 3; of the normalizer's, 2 is the table, and 3 to 5
    # add a space before a text, remove further ones, and write them as "▁".
    normalizer = b"\x12" + _as_varint(len(charsmap)) + charsmap
    normalizer += b"\x18\x01\x20\x01\x28\x01"
    return _model(pieces, b"\x18\x01", normalizer)


def byte_pair_model(pieces: Iterable[Piece], *, adds_prefix: bool) -> bytes:
    """Returns a byte-pair model, which writes what it lacks as bytes.

    Args:
        pieces: in the order of their ids.
        adds_prefix: whether a space is put before a text.
    """
    # Type 2, and the trainer's field 35: fall back on bytes.
    normalizer = b"\x18" + bytes([adds_prefix]) + b"\x20\x00\x28\x01"
    return _model(pieces, b"\x18\x02\x98\x02\x01", normalizer)


def _model(pieces: Iterable[Piece], trainer: bytes, normalizer: bytes) -> bytes:
    return (
        b"".join(map(_write_piece, pieces))
        + (b"\x12" + _as_varint(len(trainer)) + trainer)
        + (b"\x1a" + _as_varint(len(normalizer)) + normalizer)
    )


def _settings(model: bytes, part: int) -> dict[int, bytes]:
    """Returns the fields of one part of a model, as they are written."""
    parts = [
        model[start:end] for number, _, start, end in _fields(model) if number == part
    ]
    data = b"".join(parts)
    return {number: data[start:end] for number, _, start, end in _fields(data)}


def _read_piece(data: bytes) -> Piece:
    text, score, kind = b"", 0.0, NORMAL
    for number, begin, start, end in _fields(data):
        if number == 1:
            text = data[start:end]
        elif number == 2 and end - start == 4:
            (score,) = struct.unpack("<f", data[start:end])
        elif number == 3:
            kind, _ = _varint(data, _varint(data, begin)[1])
    return Piece(text.decode(errors="replace"), score, kind)


def _write_piece(piece: Piece) -> bytes:
    text = piece.text.encode()
    data = b"\x0a" + _as_varint(len(text)) + text
    data += b"\x15" + struct.pack("<f", piece.score)
    data += b"\x18" + _as_varint(piece.type)
    return b"\x0a" + _as_varint(len(data)) + data


def _fields(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yields number, beginning, and first and last place of the value of each field."""
    place = 0
    while place < len(data):
        begin = place
        key, place = _varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            start, place = place, _varint(data, place)[1]
        elif kind == _BYTES:
            size, start = _varint(data, place)
            place = start + size
        elif kind in (_FIXED32, _FIXED64):
            start, place = place, place + (4 if kind == _FIXED32 else 8)
        else:
            raise _no_model()
        if number == 0 or place > len(data):
            raise _no_model()
        yield number, begin, start, place


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise _no_model()


def _as_varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _no_model() -> ValueError:
    return ValueError(
        "Expected a SentencePiece model, received data that is none, or only a part of "
        "one. Download or copy the file again."
    )
