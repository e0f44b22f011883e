"""Computes SentencePiece models."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from domain_core.arguments import as_positive_int, check_choices
from domain_core.text.sentence_piece.engine import import_sentencepiece
from domain_core.text.training_texts import training_texts

_MODEL_TYPES = ("unigram", "bpe", "word", "char")


def compute_sentence_piece_proto(
    data: Any,
    vocabulary_size: int,
    model_type: str = "unigram",
    proto_output_file: str | os.PathLike[str] | None = None,
    lowercase: bool = False,
) -> bytes | None:
    """Computes a model for a `SentencePieceTokenizer`.

    Ids 0 to 3 are "<pad>", "<unk>", "<s>" and "</s>". The same data give the same
    model.

    Args:
        data: list of paths of UTF-8 files; or a `tf.data.Dataset` of strings; or any
            other iterable of strings, such as a generator or `iter(texts)`.
        vocabulary_size: number of pieces; "word" and "char" models may have fewer.
        model_type: "unigram", "bpe", "word" or "char".
        proto_output_file: path to write the model to.
        lowercase: fold case, after Unicode's NFKC normalization.

    Returns:
        The serialized model; None if it was written to a file.

    Raises:
        ValueError: if `data` is something else, or holds too little text for so many
            pieces.

    Example:
        >>> import domain_core
        >>> model = domain_core.tokenizers.compute_sentence_piece_proto(
        ...     iter(["the quick brown fox"]), 24, model_type="char"
        ... )
        >>> domain_core.tokenizers.SentencePieceTokenizer(model).vocabulary_size()
        20
    """
    size = as_positive_int("vocabulary_size", vocabulary_size)
    check_choices(model_type=(model_type, _MODEL_TYPES))
    model = io.BytesIO()
    lines = (line for text in training_texts(data) for line in text.splitlines())
    try:
        import_sentencepiece().SentencePieceTrainer.train(
            sentence_iterator=lines,
            model_writer=model,
            vocab_size=size,
            model_type=model_type,
            normalization_rule_name="nmt_nfkc_cf" if lowercase else "nmt_nfkc",
            pad_id=0,
            unk_id=1,
            bos_id=2,
            eos_id=3,
            num_threads=1,
            minloglevel=2,
        )
    except (RuntimeError, OSError) as error:
        raise ValueError(
            f"Expected texts that give a {model_type} model of {size} pieces: "
            f"SentencePiece says {str(error).strip()[-300:]!r}. Change "
            "`vocabulary_size`, or give more text."
        ) from None
    if proto_output_file is None:
        return model.getvalue()
    Path(proto_output_file).write_bytes(model.getvalue())
    return None
