"""The tokens of ragged rows that may be chosen at random, NumPy's or a graph's."""

from __future__ import annotations

import dataclasses
from typing import Any

from domain_core.arrays.operations import Operations


@dataclasses.dataclass(frozen=True)
class Candidates:
    """The tokens of ragged rows that may be chosen, `N` of them in `B` rows.

    Attributes:
        place: int64 `(N,)`, where each stands among the values.
        row: int64 `(N,)`.
        number: int64 `(N,)`, how many candidates of its row stand before it.
        available: int64 `(B,)`, candidates of each row.
        starts: int64 `(B,)`, candidates before each row.
    """

    place: Any
    row: Any
    number: Any
    available: Any
    starts: Any

    @classmethod
    def where(cls, mask: Any, lengths: Any, engine: Operations) -> Candidates:
        """Takes the tokens at which a flat mask is True."""
        place = engine.nonzero(mask)[0]
        row = engine.take(engine.row_indices(lengths), place)
        available = engine.bincount(row, minlength=engine.size(lengths))
        starts = engine.starts(available)
        number = engine.arange(engine.size(row), dtype="int64") - engine.take(
            starts, row
        )
        return cls(place, row, number, available, starts)

    def lowest(self, keys: Any, counts: Any, engine: Operations) -> Any:
        """Chooses of each row so many candidates with the lowest keys.

        Args:
            keys: int64 `(N,)`, in `[0, 2**32)`.
            counts: int64 `(B,)`.
            engine: of the arrays.

        Returns:
            Which candidates, int64 in ascending order.
        """
        # Rows stay together: after sorting, candidate i is number[i] in its row.
        order = engine.cast(engine.argsort(self.row * 2**32 + keys), "int64")
        first = engine.nonzero(self.number < engine.take(counts, self.row))[0]
        chosen = engine.full(engine.size(self.row), False, "bool")
        chosen = engine.scatter_update(chosen, engine.take(order, first)[:, None], True)
        return engine.nonzero(chosen)[0]
