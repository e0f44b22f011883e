"""T5's tokenizer."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from domain_core import serializable
from domain_core.text.sentence_piece.model import (
    CONTROL,
    USER_DEFINED,
    Piece,
    read_pieces,
    with_pieces,
    with_types,
)
from domain_core.tokenizers.sentence_piece_tokenizer import SentencePieceTokenizer

_SENTINELS = 100
# Of mT5's sentinels this is a part.
_SPACE = "▁"


@serializable(package="kerasnlp")
class T5Tokenizer(SentencePieceTokenizer):
    """SentencePiece with sentinels for spans; see `SentencePieceTokenizer`.

    `</s>` ends a text, `<pad>` pads it, and is what the decoder begins with; nothing
    stands before a text that is read. A sentinel, `<extra_id_0>` and so on, stands for
    a span of text that is left out. Published models lack them: their ids follow the
    model's, the last sentinel first, so of 32,000 pieces `<extra_id_0>` is 32099.
    Those that a model holds, as mT5's does, are used as they are. Sentinels are special
    tokens: texts that hold some need `special_tokens="parse"`, and what is made of the
    ids a model writes has none.

    Args:
        proto: the serialized model as bytes or base64, or the path of its file.
        sequence_length: cut and pad every output to this many tokens.
        dtype: an integer type, or "string" for tokens instead of ids.
        add_bos: begin each output with the model's beginning-of-sentence token.
        add_eos: end each with its end-of-sentence token.
        extra_ids: number of sentinels that there are at least.
        **kwargs: of `SentencePieceTokenizer`.

    Raises:
        ValueError: if the model cannot be read or lacks a special token, or a number is
            out of range.

    Reference:
        [Raffel et al., 2020](https://arxiv.org/abs/1910.10683)
    """

    named_tokens: ClassVar = {
        "end_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
    }
    decoder_start_tokens: ClassVar[tuple[str, ...]] = ("<pad>",)
    cuts_at_added_tokens: ClassVar[bool] = True

    def __init__(
        self,
        proto: bytes | str | os.PathLike[str] | None = None,
        sequence_length: int | None = None,
        dtype: Any = "int32",
        add_bos: bool = False,
        add_eos: bool = False,
        *,
        extra_ids: int = _SENTINELS,
        **kwargs: Any,
    ) -> None:
        if type(extra_ids) is not int or not 0 <= extra_ids <= 10**5:
            raise ValueError(
                "Expected `extra_ids` to be a number of sentinels, 0 or more, received "
                f"{extra_ids!r:.80}."
            )
        self.extra_ids = extra_ids
        self._sentinels: list[str] = []
        super().__init__(proto, sequence_length, dtype, add_bos, add_eos, **kwargs)

    def sentinel_id(self, number: int) -> int:
        """Returns the id of a sentinel.

        Args:
            number: 0 for `<extra_id_0>`, the first in a text.

        Raises:
            ValueError: if there are not so many.
        """
        ids = self.sentinel_ids
        if not 0 <= number < len(ids):
            raise ValueError(
                f"Expected the number of a sentinel, from 0 to {len(ids) - 1}, "
                f"received {number!r:.80}. Construct the tokenizer with more "
                "`extra_ids`, as far as the model has ids for them."
            )
        return ids[number]

    @property
    def sentinel_ids(self) -> list[int]:
        """Ids of all sentinels, in the order in which they stand in a text."""
        self._require_proto()
        return [self.token_to_id(token) for token in self._sentinels]

    @property
    def special_tokens(self) -> list[str]:
        return [*dict.fromkeys([*super().special_tokens, *self._sentinels])]

    def tokens_in_texts(self) -> list[str]:
        if self.special_token_policy == "parse":
            # The model finds those with a space itself.
            return [t for t in self.special_tokens if not t.startswith(_SPACE)]
        return [token.removeprefix(_SPACE) for token in self.special_tokens]

    def _completed(self, model: bytes) -> bytes:
        known = {piece.text for piece in read_pieces(model)}
        missing = [
            Piece(token, 0.0, USER_DEFINED)
            for number in reversed(range(self.extra_ids))
            if known.isdisjoint((token := _sentinel(number), _SPACE + token))
        ]
        known.update(piece.text for piece in missing)
        self._sentinels = []
        while found := known & {
            token := _sentinel(len(self._sentinels)),
            _SPACE + token,
        }:
            self._sentinels.append(min(found))
        # Some that a model holds are pieces like any other.
        types = dict.fromkeys(self._sentinels, USER_DEFINED)
        return super()._completed(with_types(with_pieces(model, missing), types))

    def _hidden(self, model: bytes) -> bytes:
        hidden = self._sentinels
        if self.special_token_policy == "parse":  # those that texts are cut at
            hidden = [token for token in hidden if not token.startswith(_SPACE)]
        return with_types(super()._hidden(model), dict.fromkeys(hidden, CONTROL))


def _sentinel(number: int) -> str:
    return f"<extra_id_{number}>"
