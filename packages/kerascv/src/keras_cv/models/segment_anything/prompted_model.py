"""From embeddings and prompts to masks, as a program of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from domain_core.pipeline import PipelineModel


class PromptedModel(PipelineModel):
    """Runs prompt encoder and mask decoder on rows, each a set of prompts.

    Inputs are a dict: "image_embeddings" `(B, h, w, D)`, "rows" `(R,)`, which of them a
    set is about, and prompts `(R, ...)`. Outputs are those of a `SegmentAnythingModel`
    of as many rows.

    Args:
        model: a `SegmentAnythingModel`, whose weights these are.
    """

    def __init__(self, model: Any) -> None:
        shape = model.backbone.output.shape[1:]
        embeddings = keras.Input(shape, name="image_embeddings")
        rows = keras.Input((), dtype="int32", name="rows")
        prompts = {key: x for key, x in model.input.items() if key != "images"}
        super().__init__(
            {"image_embeddings": embeddings, "rows": rows, **prompts},
            model.segment(ops.take(embeddings, rows, axis=0), prompts),
            name="prompted",
        )
        self.input_spec = None  # prompts may be missing
        # Of which this is a part, to Keras.
        self.__dict__["_whole"] = model

    def call(
        self, inputs: Mapping[str, Any], training: Any = None, mask: Any = None
    ) -> dict[str, Any]:
        prompts = dict(inputs)
        embeddings, rows = prompts.pop("image_embeddings"), prompts.pop("rows")
        found: dict[str, Any] = self.__dict__["_whole"].segment(
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
