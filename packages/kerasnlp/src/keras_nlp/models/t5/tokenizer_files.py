"""T5's tokenizer as Hugging Face has it."""

from __future__ import annotations

from pathlib import Path

from domain_core.presets.config_map import Argument
from domain_core.presets.transformers.tokenizer_files import (
    sentence_piece_arguments,
    write_sentence_piece,
)
from domain_core.text.sentence_piece.model import read_pieces
from keras_nlp.models.t5.tokenizer import T5Tokenizer


def _as_number(value: object) -> int:
    if type(value) is not int or not 0 <= value <= 10**5:
        raise ValueError("it is no number of sentinels")
    return value


READ = sentence_piece_arguments(
    T5Tokenizer,
    ("MT5Tokenizer",),
    generates=True,
    options={"extra_ids": Argument("extra_ids", _as_number, absent=100)},
)


def write(tokenizer: T5Tokenizer, directory: Path, max_length: int | None) -> None:
    """Writes the files of a tokenizer; inverse of `READ`.

    Args:
        tokenizer: a tokenizer.
        directory: where to write.
        max_length: number of tokens that the model takes at most; None for any.
    """
    held = {piece.text for piece in read_pieces(tokenizer.get_proto())}
    sentinels = map(tokenizer.id_to_token, tokenizer.sentinel_ids)
    write_sentence_piece(
        tokenizer,
        directory,
        max_length,
        file="spiece.model",
        name="T5Tokenizer",
        extra_ids=sum(token not in held for token in sentinels),
    )
