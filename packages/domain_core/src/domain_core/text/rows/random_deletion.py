"""Random deletion of easy data augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arrays.operations import Operations
from domain_core.arrays.ragged import Ragged
from domain_core.arrays.random_stream import share
from domain_core.serialization import serializable
from domain_core.text.rows.candidates import Candidates
from domain_core.text.rows.token_augmentation import Predicate, TokenAugmentation


@serializable(package="domain_core")
class RandomDeletion(TokenAugmentation):
    """Deletes tokens of each row.

    Each token is deleted with the probability `rate`, so of `n` tokens
    Binomial(`n`, `rate`), every set of them equally likely; of more than
    `max_deletions` a random choice. A row may lose all its tokens, while the paper
    keeps one.

    Call arguments:
        inputs: tokens `(T,)` or `(B, T)`, as in `RandomSwap`.

    Returns:
        The tokens that are left: an array for a single row, a list of arrays (in
        `tf.data` a ragged tensor) for a batch.

    Args:
        rate: how likely a token is to be deleted, in `[0, 1]`.
        max_deletions: the most deletions in a row; None for any number.
        skip_list: tokens that are never deleted.
        skip_fn: as in `RandomSwap`, and so are the following.
        skip_py_fn: see there.
        seed: see there.
        name: see there.
        dtype: see there.
        graph: see there.
        **kwargs: see there.

    Raises:
        ValueError: if a value is out of range, or more than one `skip_` is given.

    Reference:
        [Wei & Zou, 2019](https://arxiv.org/abs/1901.11196)

    Example:
        >>> import domain_core.text
        >>> delete = domain_core.text.RandomDeletion(rate=0.4, seed=42)
        >>> delete("Hey I like Keras and friends".split()).tolist()
        ['I', 'Keras', 'friends']
    """

    keeps_lengths = False

    def __init__(
        self,
        rate: float,
        max_deletions: int | None = None,
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
            max_deletions,
            "max_deletions",
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
        words, counts = self.chosen(candidates, call, engine)
        if self.limit is None:
            chosen = engine.nonzero(words < share(self.rate))[0]
        else:
            chosen = candidates.lowest(words, counts, engine)
        deleted = engine.take(candidates.place, chosen)
        kept = engine.full(engine.size(rows.values), True, "bool")
        kept = engine.nonzero(engine.scatter_update(kept, deleted[:, None], False))[0]
        return Ragged(engine.take(rows.values, kept), rows.lengths - counts)
