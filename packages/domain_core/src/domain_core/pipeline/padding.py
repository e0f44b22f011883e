"""Batches of one size for `predict`, so that it compiles once."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from domain_core.pipeline.samples import Samples, count_samples, map_leaves


class RowPadding:
    """Fills small batches up with copies of their first sample, and cuts those off.

    All batches get the size of the largest so far. Where there is only one batch and
    it is not full, it is filled up to a power of two: a few samples cost little, and
    there are few sizes to compile for.

    Args:
        num_samples: samples in all, None for a stream.
        batch_size: samples in a full batch, None for a stream.
        enabled: False to leave batches as they are (nothing is compiled).
    """

    def __init__(
        self, num_samples: int | None, batch_size: int | None, *, enabled: bool
    ) -> None:
        self._enabled = enabled
        self._size = 1
        self._counts: list[tuple[int, int]] = []  # samples and rows of each batch
        if num_samples is not None and batch_size is not None:
            power_of_two = 1 << (num_samples - 1).bit_length()
            self._size = min(power_of_two, batch_size)

    def pad(self, x: Samples) -> Samples:
        """Returns a batch with rows added at its end."""
        count = count_samples(x)
        self._size = max(self._size, count)
        missing = self._size - count if self._enabled else 0
        self._counts.append((count, count + missing))
        if not missing:
            return x

        def fill(leaf: np.ndarray, path: str) -> np.ndarray:
            del path
            return np.concatenate([leaf, np.repeat(leaf[:1], missing, axis=0)])

        return map_leaves(fill, x)

    def strip(self, outputs: Any) -> Any:
        """Returns the outputs of all batches without the rows added by `pad`."""
        if all(count == rows for count, rows in self._counts):
            return outputs
        return keras.tree.map_structure(self._strip_rows, outputs)

    def _strip_rows(self, output: np.ndarray) -> np.ndarray:
        kept: list[np.ndarray] = []
        total = 0
        for count, rows in self._counts:
            if total >= len(output):  # prepared ahead, but not asked for
                break
            kept.append(np.arange(total, total + count))
            total += rows
        if total == sum(map(len, kept)):
            return output
        if total != len(output):
            raise ValueError(
                f"`predict` gave the model {total} rows and got an output of shape "
                f"{output.shape}. Expected one row per sample: use `predict_on_batch` "
                "for a model whose outputs are not per sample."
            )
        return output[np.concatenate(kept)]
