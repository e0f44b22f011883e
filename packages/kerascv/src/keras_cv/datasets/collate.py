"""Samples to a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from domain_core.arguments import as_positive_int

_BOXES = "bounding_boxes"
_PADDING = -1.0


def collate(
    samples: Sequence[Mapping[str, Any]],
    max_boxes: int | None = None,
    *,
    to_torch: bool = False,
) -> dict[str, Any]:
    """Makes a batch of samples that have any number of boxes.

    A `collate_fn` for torch's `DataLoader`, there best as `functools.partial(collate,
    max_boxes=100, to_torch=True)`, and a `batch_fn` for Grain.

    Args:
        samples: dicts of arrays with the same keys, as `ImageDataset` gives them.
        max_boxes: number of boxes `N` of each image: missing ones are -1, what is more
            is cut. None for that of the sample with most.
        to_torch: whether to return tensors of torch instead of NumPy arrays.

    Returns:
        Dict of arrays with the samples as their first axis, "bounding_boxes" as a dict
        of "boxes" float32 `(B, N, 4)` and "classes" float32 `(B, N)`. Where arrays have
        different shapes, as images before they are resized, a list of them.

    Raises:
        ValueError: if there is no sample, or they have different keys.
    """
    if max_boxes is not None:
        as_positive_int("max_boxes", max_boxes)
    if not samples:
        raise ValueError("Expected at least one sample, received none.")
    keys = {tuple(sorted(sample)) for sample in samples}
    if len(keys) > 1:
        raise ValueError(
            f"Expected samples with the same keys, received {sorted(keys)[:4]}."
        )
    batch: dict[str, Any] = {}
    for key in samples[0]:
        values = [sample[key] for sample in samples]
        batch[key] = _padded(values) if key == _BOXES else _stacked(values)
    batch = pad_boxes(batch, max_boxes)
    return _to_torch(batch) if to_torch else batch


def pad_boxes(batch: dict[str, Any], max_boxes: int | None) -> dict[str, Any]:
    """Returns a batch with padded or cut boxes, see `collate`; padding comes last.

    Layers leave padding between boxes, where it would push some of them over the end.
    """
    if max_boxes is None or _BOXES not in batch:
        return batch
    boxes = {key: np.asarray(value) for key, value in batch[_BOXES].items()}
    is_padding = boxes["classes"] == _PADDING
    if is_padding.ndim == 3:  # one-hot
        is_padding = is_padding.all(axis=-1)
    order = np.argsort(is_padding, axis=1, kind="stable")[:, :max_boxes]
    rows = np.arange(len(order))[:, None]
    missing = max_boxes - order.shape[1]
    for name, values in boxes.items():
        widths = [(0, 0), (0, missing)] + [(0, 0)] * (values.ndim - 2)
        boxes[name] = np.pad(values[rows, order], widths, constant_values=_PADDING)
    return {**batch, _BOXES: boxes}


def _padded(values: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Stacks boxes and what belongs to each, with -1 where an image has fewer."""
    stacked = {}
    for name in values[0]:
        rows = [np.asarray(value[name], "float32") for value in values]
        longest = max(len(row) for row in rows)
        dense = np.full((len(rows), longest, *rows[0].shape[1:]), _PADDING, "float32")
        for place, row in zip(dense, rows, strict=True):
            place[: len(row)] = row
        stacked[name] = dense
    return stacked


def _stacked(values: Sequence[Any]) -> Any:
    arrays = [np.asarray(value) for value in values]
    if len({array.shape for array in arrays}) > 1:
        return arrays
    return np.stack(arrays)


def _to_torch(value: Any) -> Any:
    import torch

    if isinstance(value, dict):
        return {key: _to_torch(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_to_torch(item) for item in value]
    return torch.from_numpy(value) if value.dtype.kind in "biuf" else value
