"""Random swap of easy data augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arrays.operations import Operations
from domain_core.arrays.ragged import Ragged
from domain_core.arrays.random_stream import below
from domain_core.serialization import serializable
from domain_core.text.rows.candidates import Candidates
from domain_core.text.rows.token_augmentation import Predicate, TokenAugmentation


@serializable(package="domain_core")
class RandomSwap(TokenAugmentation):
    """Swaps pairs of tokens of each row.

    In a row with `n` tokens that may move there are Binomial(`n`, `rate`) swaps, one
    after another, `max_swaps` at most. Each takes two different places, all pairs
    equally likely. The paper makes a fixed share of swaps.

    Call arguments:
        inputs: tokens `(T,)` or `(B, T)`: int ids or strings, such as words or
            characters, as nested lists, NumPy arrays, tensors; rows may differ in
            length.

    Returns:
        The tokens in another order: an array, or a list of arrays (in `tf.data` a
        ragged tensor) where rows differ in length.

    Args:
        rate: how likely a token is to start a swap, in `[0, 1]`.
        max_swaps: the most swaps of a row; None for any number.
        skip_list: tokens that never move.
        skip_fn: tells of a token whether it never moves. It is asked once for each
            different token: in a graph of TensorFlow (`graph=True`) with a scalar
            tensor, else with an int or str.
        skip_py_fn: the same in any Python, so never in a graph.
        seed: makes the sequence of calls reproducible; see `RandomStream`. None draws
            a seed from NumPy's global state, which `keras.utils.set_random_seed` sets.
        name: name of the layer.
        dtype: integer type of the outputs where tokens are integers. Strings stay.
        graph: inside `tf.data` and other graphs, use TensorFlow operations only.
            Otherwise, and always on data that is at hand, NumPy does the same.
        **kwargs: `trainable`, as of upstream's layer; it means nothing here.

    Raises:
        ValueError: if a value is out of range, or more than one `skip_` is given.

    Reference:
        [Wei & Zou, 2019](https://arxiv.org/abs/1901.11196)

    Example:
        >>> import domain_core.text
        >>> swap = domain_core.text.RandomSwap(rate=0.4, seed=42)
        >>> swap("Hey I like Keras and friends".split()).tolist()
        ['like', 'Hey', 'Keras', 'I', 'and', 'friends']
    """

    def __init__(
        self,
        rate: float,
        max_swaps: int | None = None,
        skip_list: Sequence[Any] | None = None,
        skip_fn: Predicate | None = None,
        skip_py_fn: Predicate | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = "int32",
        *,
        graph: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            rate,
            max_swaps,
            "max_swaps",
            skip_list,
            skip_fn,
            skip_py_fn,
            seed,
            name,
            dtype,
            graph,
            **kwargs,
        )

    def change(
        self, rows: Ragged, candidates: Candidates, call: Any, engine: Operations
    ) -> Ragged:
        _, counts = self.chosen(candidates, call, engine)
        # A single token has no other to swap with.
        counts = engine.where(
            candidates.available > 1, counts, engine.zeros_like(counts)
        )
        row = engine.row_indices(counts)
        starts = engine.starts(counts)
        number = engine.arange(engine.size(row), dtype="int64") - engine.take(
            starts, row
        )
        first, second, *_ = self._stream.words(call, row, number, 1, engine)
        begin = engine.take(candidates.starts, row)
        available = engine.take(candidates.available, row)
        first = below(first, available, engine)
        second = below(second, available - 1, engine)
        second = second + engine.cast(second >= first, "int64")
        pairs = engine.stack((begin + first, begin + second), 1)  # (swaps, 2)

        def swap(number: Any, order: Any) -> Any:
            swapping = engine.take(starts, engine.nonzero(counts > number)[0]) + number
            here = engine.take(pairs, swapping, axis=0)
            order_there = engine.take(order, engine.reshape(here[:, ::-1], (-1,)))
            return engine.scatter_update(
                order, engine.reshape(here, (-1, 1)), order_there
            )

        order = engine.arange(engine.size(candidates.place), dtype="int64")
        order = engine.fori_loop(0, engine.max(counts, initial=0), swap, order)
        moved = engine.take(rows.values, engine.take(candidates.place, order))
        values = engine.scatter_update(rows.values, candidates.place[:, None], moved)
        return Ragged(values, rows.lengths)
