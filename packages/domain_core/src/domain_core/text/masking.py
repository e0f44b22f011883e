"""Chooses and replaces tokens for masked language modelling."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from domain_core.host_call import Spec, host_call, is_symbolic, rank, to_host
from domain_core.ragged import Ragged
from domain_core.serialization import serializable
from domain_core.text.inputs import as_rows

_COUNTING = threading.Lock()


@serializable(package="domain_core")
class MaskedLMMaskGenerator:
    """Masks a share of the tokens of each row, as BERT's training does.

    In a row with `n` selectable tokens, `ceil(mask_selection_rate * n)` are selected,
    at most `mask_selection_length`, every set of them equally likely. A selected token
    becomes the mask token, a random one, or stays, with the given rates.

    Call arguments:
        inputs: int ids `(T,)` or `(B, T)`, rows may differ in length.

    Returns:
        A dict. "token_ids": ids after masking, int32 `(B, T)`. "mask_positions" and
        "mask_ids" (the original ids), int32, and "mask_weights" (1 for a selected
        token, 0 for padding), float32, `(B, mask_selection_length)` each. A list of
        arrays (in `tf.data` a ragged tensor) where rows differ in length; no batch axis
        for a single row.

    Args:
        vocabulary_size: random tokens are drawn below it.
        mask_selection_rate: share of the selectable tokens to select, in `[0, 1]`.
        mask_token_id: id of the mask token.
        mask_selection_length: cut and pad the selection to this length.
        unselectable_token_ids: ids that are never selected, such as padding.
        mask_token_rate: share of the selected that become the mask token.
        random_token_rate: share of the selected that become a random token.
        seed: makes the sequence of calls reproducible. None draws a seed from NumPy's
            global state, which `keras.utils.set_random_seed` sets.
        name: name of the generator.

    Raises:
        ValueError: if a rate, an id or a length is out of range.

    Reference:
        [Devlin et al., 2018](https://arxiv.org/abs/1810.04805)
    """

    def __init__(
        self,
        vocabulary_size: int,
        mask_selection_rate: float,
        mask_token_id: int,
        mask_selection_length: int | None = None,
        unselectable_token_ids: Sequence[int] = (0,),
        mask_token_rate: float = 0.8,
        random_token_rate: float = 0.1,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        rates = {
            "mask_selection_rate": mask_selection_rate,
            "mask_token_rate": mask_token_rate,
            "random_token_rate": random_token_rate,
            "mask_token_rate + random_token_rate": mask_token_rate + random_token_rate,
        }
        for rate, value in rates.items():
            if not 0 <= value <= 1 + 1e-9:
                raise ValueError(f"Expected `{rate}` in [0, 1], received {value}.")
        if not 0 <= mask_token_id < vocabulary_size:
            raise ValueError(
                f"Expected `mask_token_id` in [0, {vocabulary_size - 1}], below "
                f"`vocabulary_size`; received {mask_token_id}."
            )
        if mask_selection_length is not None and mask_selection_length < 1:
            raise ValueError(
                "Expected `mask_selection_length` to be positive or None, received "
                f"{mask_selection_length}."
            )
        self.vocabulary_size = vocabulary_size
        self.mask_selection_rate = mask_selection_rate
        self.mask_token_id = mask_token_id
        self.mask_selection_length = mask_selection_length
        self.unselectable_token_ids = [int(i) for i in unselectable_token_ids or ()]
        self.mask_token_rate = mask_token_rate
        self.random_token_rate = random_token_rate
        self.seed = seed
        self.name = name or "masked_lm_mask_generator"
        self._entropy = np.random.randint(2**31) if seed is None else seed
        self._calls = 0

    def __call__(self, inputs: Any) -> dict[str, Any]:
        if is_symbolic(inputs):
            return self._in_graph(inputs)
        inputs = to_host(inputs)
        parts, single = self._masked(inputs)
        if single:
            return {name: part.values for name, part in parts.items()}
        # An array without rows has a width all the same.
        width = inputs.shape[1] if isinstance(inputs, np.ndarray) else None
        return {
            name: _rectangular(
                part, width if name == "token_ids" else self.mask_selection_length
            )
            for name, part in parts.items()
        }

    def mask(self, rows: Ragged) -> tuple[Ragged, Ragged]:
        """Returns rows after masking, and the selected places of each row."""
        if rows.values.dtype == object:
            raise ValueError("Expected integer ids to mask, received strings.")
        random = self._next_generator()
        selectable = np.flatnonzero(~np.isin(rows.values, self.unselectable_token_ids))
        row = rows.row_indices[selectable]
        available = np.bincount(row, minlength=len(rows))
        # Not 4 of 30 at a rate of 0.1, whatever the last bit of the product.
        counts = np.ceil(self.mask_selection_rate * available - 1e-6).astype(np.int64)
        if self.mask_selection_length is not None:
            counts = np.minimum(counts, self.mask_selection_length)
        # Shuffle the selectable tokens within their rows, take the first of each row.
        shuffled = np.argsort(row + random.random(len(row)))
        rank = np.arange(len(row)) - (np.cumsum(available) - available)[row]
        selected = np.sort(selectable[shuffled[rank < counts[row]]])
        values = rows.values.copy()
        values[selected] = self._replaced(values[selected], random)
        positions = selected - np.repeat(rows.starts, counts)
        return Ragged(values, rows.lengths), Ragged(positions.astype(np.int32), counts)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "vocabulary_size": self.vocabulary_size,
            "mask_selection_rate": self.mask_selection_rate,
            "mask_token_id": self.mask_token_id,
            "mask_selection_length": self.mask_selection_length,
            "unselectable_token_ids": self.unselectable_token_ids,
            "mask_token_rate": self.mask_token_rate,
            "random_token_rate": self.random_token_rate,
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MaskedLMMaskGenerator:
        return cls(**config)

    def _next_generator(self) -> np.random.Generator:
        """Depends on the seed and on how many calls there were, not on their sizes."""
        with _COUNTING:
            call = self._calls
            self._calls += 1
        return np.random.default_rng([self._entropy, call])

    def _replaced(self, ids: np.ndarray, random: np.random.Generator) -> np.ndarray:
        draw = random.random(len(ids))
        others = random.integers(self.vocabulary_size, size=len(ids), dtype=np.int32)
        ids = np.where(
            draw < self.mask_token_rate + self.random_token_rate, others, ids
        )
        return np.where(draw < self.mask_token_rate, self.mask_token_id, ids)

    def _masked(self, inputs: Any) -> tuple[dict[str, Ragged], bool]:
        rows, single = as_rows(inputs)
        masked, positions = self.mask(rows)
        starts = np.repeat(rows.starts, positions.lengths)
        originals = rows.values[starts + positions.values]
        weights = np.ones(len(originals), np.float32)
        parts = {
            "mask_positions": positions,
            "mask_ids": Ragged(originals, positions.lengths),
            "mask_weights": Ragged(weights, positions.lengths),
        }
        if self.mask_selection_length is not None:
            parts = {k: v.padded(self.mask_selection_length) for k, v in parts.items()}
        return {"token_ids": masked, **parts}, single

    def _in_graph(self, inputs: Any) -> dict[str, Any]:
        length = self.mask_selection_length
        single = rank(inputs, "inputs") == 1
        ragged: list[str] = []
        if length is None:
            ragged += ["mask_positions", "mask_ids", "mask_weights"]
        if type(inputs).__name__ == "RaggedTensor":
            ragged.append("token_ids")
        out = {}
        for name in ("token_ids", "mask_positions", "mask_ids", "mask_weights"):
            dtype = "float32" if name == "mask_weights" else "int32"
            width = inputs.shape[-1] if name == "token_ids" else length
            if single:
                out[name] = Spec(dtype, (width,))
            elif name in ragged:
                out[name] = Spec(dtype, (None,), ragged=True)
            else:
                out[name] = Spec(dtype, (inputs.shape[0], width))
        return host_call(self._on_host, (inputs, tuple(ragged)), out)

    def _on_host(self, inputs: Any, ragged: tuple[str, ...]) -> dict[str, Any]:
        parts, single = self._masked(inputs)
        if single:
            return {name: part.values for name, part in parts.items()}
        return {
            name: part if name in ragged else _rectangular(part)
            for name, part in parts.items()
        }


def _rectangular(rows: Ragged, width: int | None = None) -> Any:
    """Returns rows of one length as an array, others as a list."""
    if width is None:
        width = int(rows.lengths[:1].sum())
    if (rows.lengths == width).all():
        return rows.values.reshape(len(rows), width)
    return rows.rows()
