"""Raw texts to masked inputs and the tokens to guess."""

from __future__ import annotations

import functools
from typing import Any, cast

import keras

from domain_core import serializable
from domain_core.arrays.host_call import Spec
from domain_core.arrays.operations import NUMPY, Operations
from domain_core.text.rows.masking import MaskedLMMaskGenerator
from domain_core.text.rows.packed_rows import Packed, PadTo
from domain_core.tokenizers.tokenizer import Tokenizer
from keras_nlp.models.text_classifier_preprocessor import (
    TextClassifierPreprocessor,
)


@serializable(package="kerasnlp")
class MaskedLMPreprocessor(TextClassifierPreprocessor):
    """Tokenizes and packs texts, hides some tokens, and gives these as labels.

    Special tokens are never hidden. Each call hides other tokens.

    Call arguments:
        x: raw samples as in `TextClassifierPreprocessor`.
        y: not used: labels come from the text.
        sample_weight: not used.

    Returns:
        `(x, y, sample_weight)`. To the inputs of `TextClassifierPreprocessor` comes
        "mask_positions", int32 `(B, mask_selection_length)`, where in the row the
        hidden tokens were; `y` are their ids, `sample_weight` is float32, 1 for a
        hidden token and 0 for padding, both of that shape.

    Args:
        tokenizer: a `Tokenizer` with `start_token`, `end_token`, `pad_token` and
            `mask_token`.
        sequence_length: length of the inputs in tokens.
        truncate: "round_robin" or "waterfall"; see `MultiSegmentPacker`.
        mask_selection_rate: share of the tokens to guess.
        mask_selection_length: the most tokens to guess in a row.
        mask_token_rate: share of these that become the mask token.
        random_token_rate: share of these that become a random token.
        pad_to: as in `TextClassifierPreprocessor`.
        seed: makes the sequence of calls reproducible; see `MaskedLMMaskGenerator`.
        **kwargs: see `Preprocessor`.

    Raises:
        ValueError: if there is no tokenizer or an argument is out of range.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        sequence_length: int = 512,
        truncate: str = "round_robin",
        mask_selection_rate: float = 0.15,
        mask_selection_length: int = 96,
        mask_token_rate: float = 0.8,
        random_token_rate: float = 0.1,
        *,
        pad_to: PadTo = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(tokenizer, sequence_length, truncate, pad_to=pad_to, **kwargs)
        self.mask_selection_rate = mask_selection_rate
        self.mask_selection_length = mask_selection_length
        self.mask_token_rate = mask_token_rate
        self.random_token_rate = random_token_rate
        self.seed = seed

    def __call__(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        del y, sample_weight
        inputs = dict(super().__call__(x))
        y, sample_weight = inputs.pop("mask_ids"), inputs.pop("mask_weights")
        return keras.utils.pack_x_y_sample_weight(inputs, y, sample_weight)

    def encoder_inputs(
        self, packed: Packed, engine: Operations = NUMPY
    ) -> dict[str, Any]:
        # The masker's `token_ids` take the place of the original ones.
        inputs = super().encoder_inputs(packed, engine)
        return {**inputs, **self.masker(packed.token_ids)}

    def specs(self) -> dict[str, Spec]:
        selection = (self.mask_selection_length,)
        return {
            **super().specs(),
            "mask_positions": Spec("int32", selection),
            "mask_ids": Spec("int32", selection),
            "mask_weights": Spec("float32", selection),
        }

    @functools.cached_property
    def masker(self) -> MaskedLMMaskGenerator:
        """Chooses and hides tokens."""
        return MaskedLMMaskGenerator(
            self.tokenizer.vocabulary_size(),
            self.mask_selection_rate,
            cast(int, self.tokenizer.mask_token_id),
            mask_selection_length=self.mask_selection_length,
            unselectable_token_ids=self.tokenizer.special_token_ids,
            mask_token_rate=self.mask_token_rate,
            random_token_rate=self.random_token_rate,
            seed=self.seed,
            graph=self.tokenizer.graph,
        )
