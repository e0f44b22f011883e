"""Tokenizers in Hugging Face's layout, but for WordPiece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain_core.presets.folder import Folder
from domain_core.presets.json_files import read_json, write_json
from domain_core.text.byte_pair.files import write_ids, write_merges
from domain_core.text.byte_pair.tokenizer_json import byte_pair_from_json
from domain_core.text.tokenizer_json import read_tokenizer_json

if TYPE_CHECKING:
    from domain_core.tokenizers.byte_pair_tokenizer import BytePairTokenizer
    from domain_core.tokenizers.sentence_piece_tokenizer import SentencePieceTokenizer
    from domain_core.tokenizers.tokenizer import Tokenizer

TOKENIZER = "tokenizer_config.json"
_JSON = "tokenizer.json"
_VOCABULARY, _MERGES = "vocab.json", "merges.txt"
_MODELS = ("sentencepiece.bpe.model", "spiece.model", "tokenizer.model")


def byte_pair_arguments(
    named: Sequence[str], strip_left: Sequence[str] = ()
) -> Callable[[Folder], dict[str, Any]]:
    """Returns what reads the arguments of a byte-pair tokenizer.

    Args:
        named: special tokens that the tokenizer's class names.
        strip_left: those that swallow the white space before them.
    """

    def read(folder: Folder) -> dict[str, Any]:
        if _JSON in folder:
            data = read_tokenizer_json(folder.require(_JSON))
            return byte_pair_from_json(data, named=named, strip_left=strip_left)
        options = read_json(folder, TOKENIZER) if TOKENIZER in folder else {}
        return {
            "vocabulary": str(folder.require(_VOCABULARY)),
            "merges": str(folder.require(_MERGES)),
            "add_prefix_space": bool(options.get("add_prefix_space", False)),
        }

    return read


def write_byte_pair(
    tokenizer: BytePairTokenizer, directory: Path, max_length: int | None
) -> None:
    """Writes the files of a byte-pair tokenizer; inverse of `byte_pair_arguments`.

    Args:
        tokenizer: a tokenizer whose class has their name.
        directory: where to write.
        max_length: number of tokens that the model takes at most.
    """
    write_ids(directory / _VOCABULARY, tokenizer.get_vocabulary())
    pairs = (merge.split(" ") for merge in tokenizer.get_merges())
    write_merges(directory / _MERGES, ((left, right) for left, right in pairs))
    _write_options(
        tokenizer, directory, max_length, add_prefix_space=tokenizer.add_prefix_space
    )


def sentence_piece_arguments(folder: Folder) -> dict[str, Any]:
    """Returns the arguments of a SentencePiece tokenizer."""
    found = [name for name in _MODELS if name in folder]
    return {"proto": str(folder.require(found[0] if found else _MODELS[0]))}


def write_sentence_piece(
    tokenizer: SentencePieceTokenizer, directory: Path, max_length: int | None
) -> None:
    """Writes the files of a SentencePiece tokenizer; see `write_byte_pair`."""
    (directory / _MODELS[0]).write_bytes(tokenizer.get_proto())
    _write_options(tokenizer, directory, max_length)


def _write_options(
    tokenizer: Tokenizer, directory: Path, max_length: int | None, **options: Any
) -> None:
    options |= {
        "tokenizer_class": type(tokenizer).__name__,
        "bos_token": tokenizer.start_token,
        "cls_token": tokenizer.start_token,
        "eos_token": tokenizer.end_token,
        "sep_token": tokenizer.end_token,
        "pad_token": tokenizer.pad_token,
        "model_max_length": max_length,
    }
    given = {key: value for key, value in options.items() if value is not None}
    write_json(directory / TOKENIZER, given)
