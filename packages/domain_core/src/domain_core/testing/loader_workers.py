"""Tokenizers in the worker processes of data loaders."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest


@dataclasses.dataclass(frozen=True)
class Together:
    """Several tokenizers as one, for processes take seconds to start."""

    tokenizers: Sequence[Any]

    def __call__(self, texts: Any) -> list[Any]:
        single = isinstance(texts, str)
        rows = [
            tokenizer([texts] if single else texts) for tokenizer in self.tokenizers
        ]
        return [row[0] for row in rows] if single else list(zip(*rows, strict=True))


def in_torch_workers(together: Together, texts: Sequence[str], start: str) -> list[Any]:
    """Returns what two workers of torch's give, processes made by `start`: "fork"."""
    data = pytest.importorskip("torch.utils.data")
    loader = data.DataLoader(
        list(texts),
        batch_size=25,
        num_workers=2,
        collate_fn=together,
        multiprocessing_context=start,
    )
    return [rows for batch in loader for rows in batch]


def in_grain_workers(together: Together, texts: Sequence[str]) -> list[Any]:
    """Returns what two workers of Grain's give."""
    grain = pytest.importorskip("grain.python")
    pytest.importorskip("absl.flags").FLAGS.mark_as_parsed()  # its workers read them
    dataset = grain.MapDataset.source(list(texts)).map(together).to_iter_dataset()
    return list(dataset.mp_prefetch(grain.MultiprocessingOptions(num_workers=2)))
