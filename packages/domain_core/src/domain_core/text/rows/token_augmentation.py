"""What layers that change tokens at random share."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from domain_core.arguments import (
    as_dtype_name,
    default_name,
    is_positive_int,
    set_layer_arguments,
)
from domain_core.arrays.host_call import Spec, host_call, is_symbolic, rank, to_host
from domain_core.arrays.operations import NUMPY, Operations, tensorflow_operations
from domain_core.arrays.ragged import Ragged
from domain_core.arrays.random_stream import RandomStream, share
from domain_core.remembered_arguments import RemembersArguments
from domain_core.text.rows.candidates import Candidates
from domain_core.text.rows.graph_rows import (
    as_ragged_tensor,
    as_tensor_rows,
    like,
    rectangular,
)
from domain_core.text.text_inputs import as_rows

Predicate = Callable[[Any], Any]


class TokenAugmentation(RemembersArguments):
    """Changes a random number of the tokens of each row, to be subclassed.

    A subclass writes `change`.

    Args:
        rate: how likely a token is to be changed, in `[0, 1]`.
        limit: the most changes of a row; None for any number.
        limit_name: what the constructor calls `limit`.
        skip_list: tokens that are never changed.
        skip_fn: tells of a token whether it is to be skipped. It is asked once for each
            different token: in a graph of TensorFlow (`graph=True`) with a scalar
            tensor, else with an int or str.
        skip_py_fn: the same in any Python, so never in a graph.
        seed: makes the sequence of calls reproducible; see `RandomStream`.
        name: name of the layer; None for that of its class.
        dtype: integer type of the outputs where tokens are integers. Strings stay.
        graph: inside `tf.data` and other graphs, use TensorFlow operations only.
            Otherwise, and always on data that is at hand, NumPy does the same.
        **kwargs: `trainable`, as of any Keras layer; it means nothing here.

    Attributes:
        keeps_lengths: whether a row has as many tokens after as before.
    """

    keeps_lengths = True

    def __init__(
        self,
        rate: float,
        limit: int | None,
        limit_name: str,
        skip_list: Sequence[Any] | None,
        skip_fn: Predicate | None,
        skip_py_fn: Predicate | None,
        seed: int | None,
        name: str | None,
        dtype: Any,
        graph: bool,
        **kwargs: Any,
    ) -> None:
        set_layer_arguments(self, kwargs, "trainable")
        skips = {
            "skip_list": skip_list,
            "skip_fn": skip_fn,
            "skip_py_fn": skip_py_fn,
        }
        given = [name for name, value in skips.items() if value is not None]
        if len(given) > 1:
            raise ValueError(
                "Expected at most one of `skip_list`, `skip_fn` and `skip_py_fn`, "
                f"received {' and '.join(given)}."
            )
        if graph and skip_py_fn is not None:
            raise ValueError(
                "Expected no `skip_py_fn` with graph=True: a graph cannot run Python. "
                "Write it in TensorFlow operations as `skip_fn`, or leave out `graph`."
            )
        self.rate = _as_rate(rate)
        self.limit = _as_limit(limit_name, limit)
        self.skip_list = _as_tokens(skip_list)
        self.skip_fn = skip_fn
        self.skip_py_fn = skip_py_fn
        self.seed = seed
        self.name = name or default_name(self)
        self.dtype = _as_dtype(dtype)
        self.graph = graph
        self._stream = RandomStream(seed, type(self).__name__)

    def change(
        self, rows: Ragged, candidates: Candidates, call: Any, engine: Operations
    ) -> Ragged:
        """Returns changed rows.

        Args:
            rows: the tokens; their values may not be written to.
            candidates: those that may be changed.
            call: number of the call, for `RandomStream`.
            engine: of the arrays.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `change`.")

    def augment(self, rows: Ragged, engine: Operations = NUMPY) -> Ragged:
        """Does what calling does, for ragged rows."""
        skipped = self._skipped(rows.values, engine)
        candidates = Candidates.where(~skipped, rows.lengths, engine)
        call = self._stream.next_call(engine)
        changed = self.change(rows, candidates, call, engine)
        if engine.is_text(rows.values) or self.dtype == "string":
            return changed
        return Ragged(engine.cast(changed.values, self.dtype), changed.lengths)

    def __call__(self, inputs: Any) -> Any:
        if is_symbolic(inputs):
            return self._in_graph(inputs) if self.graph else self._by_host_call(inputs)
        inputs = to_host(inputs)
        rows, single = as_rows(inputs)
        changed = self.augment(rows)
        if single:
            return changed.values
        if not self.keeps_lengths:
            return changed.rows()
        # An array without rows has a width all the same.
        width = inputs.shape[1] if isinstance(inputs, np.ndarray) else None
        return rectangular(changed, width)

    def chosen(
        self, candidates: Candidates, call: Any, engine: Operations
    ) -> tuple[Any, Any]:
        """Tosses a coin for each candidate.

        Returns:
            Words `(N,)`, of which those below a threshold are hits; and how many hits
            each row has, `limit` at most, int64 `(B,)`.
        """
        words = self._stream.word(call, candidates.available, 0, engine)
        hits = engine.nonzero(words < share(self.rate))[0]
        row = engine.take(candidates.row, hits)
        counts = engine.bincount(row, minlength=engine.size(candidates.available))
        if self.limit is not None:
            counts = engine.minimum(counts, self.limit)
        return words, counts

    def _skipped(self, values: Any, engine: Operations) -> Any:
        predicate = self.skip_fn or self.skip_py_fn
        if predicate is not None:
            return engine.holds(values, predicate)
        if self.skip_list:
            return engine.isin(values, self.skip_list)
        return engine.full(engine.size(values), False, "bool")

    def _in_graph(self, inputs: Any) -> Any:
        rows, single = as_tensor_rows(inputs)
        engine = tensorflow_operations()
        changed = engine.run(self.augment, rows, engine)
        if self.keeps_lengths:
            return like(inputs, changed.values)
        return changed.values if single else as_ragged_tensor(changed)

    def _by_host_call(self, inputs: Any) -> Any:
        text = inputs.dtype.name == "string" or self.dtype == "string"
        dtype = "string" if text else self.dtype
        shape, ragged = inputs.shape, type(inputs).__name__ == "RaggedTensor"
        if ragged or not self.keeps_lengths:
            shape, ragged = (None,), ragged or rank(inputs, "inputs") == 2
        spec = Spec(dtype, tuple(shape), ragged)
        return host_call(self._on_host, (inputs, ragged), spec)

    def _on_host(self, inputs: Any, ragged: bool) -> Any:
        rows, single = as_rows(inputs)
        changed = self.augment(rows)
        if single:
            return changed.values
        return changed if ragged else rectangular(changed, inputs.shape[1])


def _as_rate(rate: Any) -> float:
    if (
        isinstance(rate, bool)
        or not isinstance(rate, numbers.Real)
        or not 0 <= float(rate) <= 1
    ):
        raise ValueError(f"Expected `rate` to be in [0, 1], received {rate!r}.")
    return float(rate)


def _as_limit(name: str, limit: Any) -> int | None:
    if limit is None or (limit == 0 and not isinstance(limit, bool)):
        return limit
    if not is_positive_int(limit):
        raise ValueError(
            f"Expected `{name}` to be 0, a positive integer or None, received "
            f"{limit!r}."
        )
    return int(limit)


def _as_tokens(skip_list: Sequence[Any] | None) -> list[Any] | None:
    if skip_list is None:
        return None
    tokens = [t.decode() if isinstance(t, bytes) else t for t in skip_list]
    if isinstance(skip_list, str) or not all(
        isinstance(token, int | str | np.integer) for token in tokens
    ):
        raise ValueError(
            "Expected `skip_list` to be a list of tokens (int or str), received "
            f"{skip_list!r:.80}."
        )
    return tokens


def _as_dtype(dtype: Any) -> str:
    name = as_dtype_name(dtype)
    if name != "string" and not name.startswith(("int", "uint")):
        raise ValueError(
            f"Expected `dtype` to be an integer type or 'string', received {dtype!r}."
        )
    return name
