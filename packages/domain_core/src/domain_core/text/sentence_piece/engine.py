"""SentencePiece: text to ids by the compiled library of that name."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from domain_core.arrays.ragged import Ragged
from domain_core.text.sentence_piece.model import CONTROL, Piece, read_pieces

# Models of 256,000 pieces have 5 MB.
MAX_MODEL_BYTES = 1 << 28


class SentencePieceEngine:
    """Encodes texts with a SentencePiece model, unigram or byte-pair.

    Engines can be pickled and used from several threads.

    Args:
        model: the serialized model.

    Raises:
        ValueError: if it is none.
    """

    def __init__(self, model: bytes) -> None:
        if not 0 < len(model) <= MAX_MODEL_BYTES:
            raise ValueError(
                f"Expected a SentencePiece model of 1 to {MAX_MODEL_BYTES} bytes, "
                f"received {len(model)}. Pass the file that ends with .model or .spm."
            )
        self.model = model
        self.pieces: list[Piece] = read_pieces(model)
        if self._processor.get_piece_size() != len(self.pieces):
            raise ValueError(
                "Expected a SentencePiece model whose pieces can be read, received one "
                f"of {self._processor.get_piece_size()} with {len(self.pieces)}."
            )

    @functools.cached_property
    def places(self) -> dict[str, int]:
        """Places in the model by piece; the first where there are several."""
        return {p.text: i for i, p in reversed(list(enumerate(self.pieces)))}

    @property
    def unknown(self) -> int:
        """Place of what stands for text without a piece."""
        return int(self._processor.unk_id())

    @functools.cached_property
    def control_tokens(self) -> list[str]:
        """Pieces that never come out of a text."""
        return [piece.text for piece in self.pieces if piece.type == CONTROL]

    def end_id(self, name: str) -> int | None:
        """Returns the place of the model's "bos" or "eos" token, None without one."""
        place = int(getattr(self._processor, f"{name}_id")())
        return None if place < 0 else place

    def encode(self, texts: list[str]) -> Ragged:
        """Returns the ids of each text, int32."""
        rows = self._processor.encode_as_numpy(texts) if texts else []
        return Ragged(
            np.concatenate(rows) if rows else np.empty(0, np.int32),
            np.fromiter(map(len, rows), np.int64, len(rows)),
        )

    def encode_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        """Returns ids and where they come from.

        Returns:
            Ids, int32; and for each id the characters of the text it stands for, as
            `(start, end)`, int32, end exclusive. Of a character in several bytes the
            last id stands for all of it, those before for nothing.
        """
        found = [self._processor.encode_as_offset_mapping(text) for text in texts]
        ids = Ragged.from_rows([mapping["ids"] for mapping in found])
        pair = np.dtype((np.int32, 2))
        return ids, Ragged.from_rows([mapping["offsets"] for mapping in found], pair)

    def normalize(self, text: str) -> str:
        """Returns a text with its characters normalized, white space as it is."""
        return str(self._normalizer.normalize(text))

    @functools.cached_property
    def _normalizer(self) -> Any:
        return import_sentencepiece().SentencePieceNormalizer(
            model_proto=self.model,
            add_dummy_prefix=False,
            escape_whitespaces=False,
            remove_extra_whitespaces=False,
        )

    def decode(self, rows: list[list[int]]) -> list[str]:
        """Returns the text of each row of ids, which must be in the vocabulary."""
        return [str(self._processor.decode(row)) if row else "" for row in rows]

    @functools.cached_property
    def _processor(self) -> Any:
        sentencepiece = import_sentencepiece()
        try:
            return sentencepiece.SentencePieceProcessor(model_proto=self.model)
        except (RuntimeError, ValueError, OSError) as error:
            raise ValueError(
                "Expected a SentencePiece model, received data that is none "
                f"({error}). Download or copy the file again."
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["model"])  # type: ignore[misc]


def import_sentencepiece() -> Any:
    """Imports the `sentencepiece` package.

    Raises:
        ImportError: if it is not installed, with the line that installs it.
    """
    try:
        import sentencepiece
    except ImportError as error:
        raise ImportError(
            "SentencePiece needs the `sentencepiece` package: `pip install "
            "sentencepiece` (it comes with `pip install kerasnlp`)."
        ) from error
    return sentencepiece
