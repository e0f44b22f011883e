"""Chooses and replaces tokens for masked language modelling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from domain_core.arguments import set_layer_arguments
from domain_core.arrays.host_call import Spec, host_call, is_symbolic, rank, to_host
from domain_core.arrays.operations import NUMPY, Operations, tensorflow_operations
from domain_core.arrays.ragged import Ragged
from domain_core.arrays.random_stream import RandomStream, below, share
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from domain_core.text.rows.candidates import Candidates
from domain_core.text.rows.graph_rows import (
    as_ragged_tensor,
    as_tensor_rows,
    like,
    rectangular,
)
from domain_core.text.text_inputs import as_rows

_SELECTION = ("mask_positions", "mask_ids", "mask_weights")


@serializable(package="domain_core")
class MaskedLMMaskGenerator(RemembersArguments):
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
        seed: makes the sequence of calls reproducible; see `RandomStream`. None draws
            a seed from NumPy's global state, which `keras.utils.set_random_seed` sets.
        name: name of the generator.
        graph: inside `tf.data` and other graphs, use TensorFlow operations only.
            Otherwise, and always on data that is at hand, NumPy does the same.
        **kwargs: `trainable` and `dtype`, as of upstream's layer. They mean nothing
            here: outputs have the types above.

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
        *,
        graph: bool = False,
        **kwargs: Any,
    ) -> None:
        set_layer_arguments(self, kwargs, "trainable", "dtype")
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
        self.graph = graph
        self._stream = RandomStream(seed, "MaskedLMMaskGenerator")

    def __call__(self, inputs: Any) -> dict[str, Any]:
        if is_symbolic(inputs):
            return self._in_graph(inputs) if self.graph else self._by_host_call(inputs)
        inputs = to_host(inputs)
        parts, single = self._masked(inputs)
        if single:
            return {name: part.values for name, part in parts.items()}
        # An array without rows has a width all the same.
        width = inputs.shape[1] if isinstance(inputs, np.ndarray) else None
        return {
            name: rectangular(
                part, width if name == "token_ids" else self.mask_selection_length
            )
            for name, part in parts.items()
        }

    def mask(self, rows: Ragged, engine: Operations = NUMPY) -> tuple[Ragged, Ragged]:
        """Returns rows after masking, and the selected places of each row."""
        if engine.is_text(rows.values):
            raise ValueError("Expected integer ids to mask, received strings.")
        unselectable = engine.isin(rows.values, self.unselectable_token_ids)
        candidates = Candidates.where(~unselectable, rows.lengths, engine)
        call = self._stream.next_call(engine)
        keys = self._stream.word(call, candidates.available, 0, engine)
        available = engine.cast(candidates.available, "float64")
        # Not 4 of 30 at a rate of 0.1, whatever the last bit of the product.
        counts = engine.ceil(self.mask_selection_rate * available - 1e-6)
        counts = engine.cast(counts, "int64")
        if self.mask_selection_length is not None:
            counts = engine.minimum(counts, self.mask_selection_length)
        chosen = candidates.lowest(keys, counts, engine)
        selected = engine.take(candidates.place, chosen)
        row = engine.take(candidates.row, chosen)
        number = engine.take(candidates.number, chosen)
        kinds, others, *_ = self._stream.words(call, row, number, 1, engine)
        others = below(others, self.vocabulary_size, engine)
        replaced = engine.where(
            kinds < share(self.mask_token_rate + self.random_token_rate),
            engine.cast(others, "int32"),
            engine.take(rows.values, selected),
        )
        mask_token = engine.cast(self.mask_token_id, "int32")
        replaced = engine.where(
            kinds < share(self.mask_token_rate), mask_token, replaced
        )
        values = engine.scatter_update(rows.values, selected[:, None], replaced)
        positions = selected - engine.repeat(engine.starts(rows.lengths), counts)
        positions = engine.cast(positions, "int32")
        return Ragged(values, rows.lengths), Ragged(positions, counts)

    def _parts(self, rows: Ragged, engine: Operations) -> dict[str, Ragged]:
        masked, positions = self.mask(rows, engine)
        starts = engine.repeat(engine.starts(rows.lengths), positions.lengths)
        places = starts + engine.cast(positions.values, "int64")
        originals = engine.take(rows.values, places)
        weights = engine.full(engine.size(places), 1, "float32")
        return {
            "token_ids": masked,
            "mask_positions": positions,
            "mask_ids": Ragged(originals, positions.lengths),
            "mask_weights": Ragged(weights, positions.lengths),
        }

    def _masked(self, inputs: Any) -> tuple[dict[str, Ragged], bool]:
        rows, single = as_rows(inputs)
        parts = self._parts(rows, NUMPY)
        if self.mask_selection_length is not None:
            for name in _SELECTION:
                parts[name] = parts[name].padded(self.mask_selection_length)
        return parts, single

    def _in_graph(self, inputs: Any) -> dict[str, Any]:
        rows, single = as_tensor_rows(inputs)
        engine = tensorflow_operations()
        parts: dict[str, Any] = engine.run(self._parts, rows, engine)
        outputs = {"token_ids": like(inputs, parts["token_ids"].values)}
        width = self.mask_selection_length
        for name in _SELECTION:
            if width is not None:
                part = engine.to_dense(parts[name], width)
                part.set_shape((1 if single else inputs.shape[0], width))
                outputs[name] = part[0] if single else part
            else:
                part = parts[name]
                outputs[name] = part.values if single else as_ragged_tensor(part)
        return outputs

    def _by_host_call(self, inputs: Any) -> dict[str, Any]:
        length = self.mask_selection_length
        single = rank(inputs, "inputs") == 1
        ragged: list[str] = []
        if length is None:
            ragged += _SELECTION
        if type(inputs).__name__ == "RaggedTensor":
            ragged.append("token_ids")
        out = {}
        for name in ("token_ids", *_SELECTION):
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
            name: part if name in ragged else rectangular(part)
            for name, part in parts.items()
        }
