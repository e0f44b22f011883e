"""From embeddings and prompts to masks, as a program of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras import ops

from domain_core.pipeline import PipelineModel


class PromptedModel(PipelineModel):
    """Runs prompt encoder and mask decoder on rows, each a set of prompts.

    Inputs are a dict: "image_embeddings" `(B, h, w, D)`, "rows" `(R,)`, which of them a
    set is about, and prompts `(R, ...)`. Outputs are those of a `SegmentAnythingModel`
    of as many rows.

    Args:
        segment: from embeddings and prompts of as many rows to a dict.
        parts: layers with the weights.
        name: name of the model.
    """

    def __init__(
        self, segment: Callable[..., Any], parts: tuple[Any, ...], name: str
    ) -> None:
        super().__init__(name=name)
        self.parts = list(parts)
        self.__dict__["_segment"] = segment

    def call(
        self, inputs: Mapping[str, Any], training: Any = None, mask: Any = None
    ) -> dict[str, Any]:
        prompts = dict(inputs)
        embeddings, rows = prompts.pop("image_embeddings"), prompts.pop("rows")
        found: dict[str, Any] = self.__dict__["_segment"](
            ops.take(embeddings, rows, axis=0), prompts
        )
        return found

    def segment(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns masks and qualities of rows as float32."""
        count = len(inputs["rows"])
        if self.fills_batches:
            inputs = {key: _filled(x) for key, x in inputs.items()}
        found = self.predict_on_batch(inputs)
        return {key: np.asarray(x[:count], "float32") for key, x in found.items()}


def _filled(array: np.ndarray) -> np.ndarray:
    """Returns a power of two of rows: there are few sizes to compile for."""
    missing = (1 << (len(array) - 1).bit_length()) - len(array)
    return np.concatenate([array, np.repeat(array[:1], missing, axis=0)])
