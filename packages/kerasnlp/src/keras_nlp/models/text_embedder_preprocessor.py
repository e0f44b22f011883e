"""Raw texts to the inputs of an encoder, in batches as short as their texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from domain_core import serializable
from domain_core.arrays.ragged import Ragged
from domain_core.text.rows.packed_rows import PadTo
from domain_core.tokenizers.tokenizer import Tokenizer
from keras_nlp.models.text_classifier_preprocessor import TextClassifierPreprocessor

# Widths of batches: few, because some backends compile for each.
_BUCKETS = (16, 32, 64, 128, 256, 512)


@serializable(package="kerasnlp")
class TextEmbedderPreprocessor(TextClassifierPreprocessor):
    """Tokenizes texts, joins the segments of a sample, cuts and pads.

    Calling it does what `TextClassifierPreprocessor` does; `TextEmbedder.encode` uses
    the two steps apart.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        sequence_length: int = 256,
        truncate: str = "round_robin",
        *,
        pad_to: PadTo = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(tokenizer, sequence_length, truncate, pad_to=pad_to, **kwargs)

    def tokenize(self, segments: list[list[str]]) -> tuple[list[Ragged], np.ndarray]:
        """Returns the ids of each segment, and the number of tokens of each sample."""
        rows = [self.tokenizer.encode_batch(texts) for texts in segments]
        return rows, np.sum([part.lengths for part in rows], axis=0)

    def pack_rows(self, rows: list[Ragged]) -> dict[str, np.ndarray]:
        """Packs a batch of tokenized samples, no wider than its longest needs."""
        packer = self.make_packer(pad_to=_BUCKETS)
        return self.encoder_inputs(packer.pack(rows))
