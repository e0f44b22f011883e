"""What preprocessors of models that write texts share."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from domain_core import Preprocessor
from domain_core.arrays.ragged import Ragged
from domain_core.tokenizers.tokenizer import Tokenizer


class GenerationPreprocessor(Preprocessor):
    """Turns the ids that a model writes into texts, to be subclassed."""

    tokenizer: Tokenizer

    def check_tokenizer(self, tokenizer: Any) -> None:
        """Raises ValueError if it is no tokenizer."""
        if not isinstance(tokenizer, Tokenizer):
            known = self.tokenizer_cls or Tokenizer
            raise ValueError(
                f"Expected a tokenizer for {type(self).__name__}, received "
                f"{tokenizer!r:.100}. Pass `tokenizer=`, such as a {known.__name__} "
                "with its vocabulary."
            )

    def texts(self, rows: list[np.ndarray]) -> list[str]:
        """Returns the text of each row of ids, without special tokens."""
        ragged = Ragged.from_rows(rows)
        special = np.isin(ragged.values, self.tokenizer.special_token_ids)
        return self.tokenizer.decode_batch(ragged.where(~special))

    def texts_of(self, token_ids: Any, padding_mask: Any) -> Any:
        """Returns the texts of padded rows.

        Args:
            token_ids: int `(B, T)` or `(T,)`.
            padding_mask: 0 in padding, of the same shape.

        Returns:
            A list of strings, or a string.
        """
        ids = keras.ops.convert_to_numpy(token_ids)
        mask = keras.ops.convert_to_numpy(padding_mask).astype("bool")
        pairs = zip(np.atleast_2d(ids), np.atleast_2d(mask), strict=True)
        texts = self.texts([row[kept] for row, kept in pairs])
        return texts[0] if ids.ndim == 1 else texts

    @property
    def stop_token_ids(self) -> list[int]:
        """Ids that end a text that is generated."""
        ends = [self.tokenizer.end_token_id]
        ends += [self.find_id(token) for token in self.tokenizer.stop_tokens]
        return [end for end in ends if end is not None]

    @property
    def pad_value(self) -> int:
        """Id that rows are padded with."""
        return self.tokenizer.pad_token_id or 0

    def find_id(self, token: str) -> int | None:
        """Returns the id of a token that the vocabulary may lack."""
        try:
            found = self.tokenizer.token_to_id(token)
        except ValueError:
            return None
        return found if self.tokenizer.id_to_token(found) == token else None
