"""Random numbers that depend on what they are for, not on when they are drawn."""

from __future__ import annotations

import operator
import sys
import threading
import zlib
from typing import Any

import numpy as np

from domain_core.arrays.operations import NUMPY, Operations

_WORD = 0xFFFFFFFF
# What RngReadAndSkip adds to its counter at a time.
_STEP = 256
_COUNTING = threading.Lock()


class RandomStream:
    """A sequence of calls, each with random words for all places of all rows.

    The words of a place depend on the seed, the purpose, the number of the call, the
    row and the column alone: not on the other rows of a batch, the engine, the backend
    or the machine. Calls in a TensorFlow graph are counted apart from the others.

    Args:
        seed: any integer. None draws one from NumPy's global state, which
            `keras.utils.set_random_seed` sets.
        purpose: what is drawn; streams of one seed with other purposes are independent.

    Raises:
        ValueError: if the seed is no integer.

    Reference:
        [Salmon et al., 2011](https://doi.org/10.1145/2063384.2063405), Philox4x32-10.
    """

    def __init__(self, seed: int | None, purpose: str) -> None:
        try:
            number = np.random.randint(2**31) if seed is None else operator.index(seed)
        except TypeError:
            raise ValueError(
                f"Expected `seed` to be an integer or None, received {seed!r}."
            ) from None
        self._key = number & _WORD, (number >> 32) & _WORD
        self._purpose = zlib.crc32(purpose.encode())
        self._calls = 0
        self._graph_calls = 0
        self._state: Any = None

    def next_call(self, engine: Operations = NUMPY) -> Any:
        """Returns how many calls there were, and counts one more.

        In a graph it is a tensor, and calls are counted whenever the graph runs. The
        workers of a loader, which begin with equal copies, count in places of their
        own: those of torch in others each epoch.
        """
        if engine.in_graph:
            return self._next_call_in_graph()
        with _COUNTING:
            self._calls += 1
            return (self._calls - 1 + _worker_number()) & _WORD

    def words(
        self,
        call: Any,
        row: Any,
        column: Any,
        draw: int = 0,
        engine: Operations = NUMPY,
    ) -> tuple[Any, ...]:
        """Returns four random words for each place.

        Args:
            call: int, from `next_call`.
            row: int64 `(N,)`.
            column: int64 `(N,)`, below `2**32`.
            draw: a small number; other draws give other words in the same place.
            engine: of `row` and `column`.

        Returns:
            Four int64 arrays `(N,)`, uniform in `[0, 2**32)`.
        """
        fixed = (
            engine.cast(call, "uint64") & _WORD,
            engine.cast((self._purpose + draw) & _WORD, "uint64"),
        )

        def words(row: Any, column: Any) -> tuple[Any, ...]:
            counter = engine.cast(column, "uint64"), engine.cast(row, "uint64"), *fixed
            mixed = philox(counter, self._key, engine)
            return tuple(engine.cast(word, "int64") for word in mixed)

        return engine.blockwise(words, row, column)

    def word(
        self, call: Any, lengths: Any, draw: int = 0, engine: Operations = NUMPY
    ) -> Any:
        """Returns one random word for each value of ragged rows.

        Args:
            call: int, from `next_call`.
            lengths: int64 `(B,)`, of the rows; `N` values in all.
            draw: as in `words`.
            engine: of `lengths`.

        Returns:
            Int64 `(N,)`, uniform in `[0, 2**32)`.
        """
        # Four columns share a block of words.
        blocks = (lengths + 3) // 4
        row = engine.row_indices(blocks)
        column = engine.runs(engine.zeros_like(blocks), blocks)
        words = engine.stack(self.words(call, row, column, draw, engine), 1)
        return engine.take(
            engine.reshape(words, (-1,)),
            engine.runs(4 * engine.starts(blocks), lengths),
        )

    def uniform(
        self,
        call: Any,
        row: Any,
        columns: int,
        draw: int = 0,
        engine: Operations = NUMPY,
    ) -> Any:
        """Returns random numbers for each row.

        Args:
            call: int, from `next_call`.
            row: int64 `(B,)`.
            columns: how many numbers of each row.
            draw: as in `words`.
            engine: of `row`.

        Returns:
            Float32 `(B, columns)`, multiples of 2**-24 in `[0, 1)`.
        """
        blocks = -(-columns // 4)
        block = engine.arange(engine.size(row) * blocks, dtype="int64")
        words = self.words(
            call,
            engine.take(row, block // blocks),
            block % blocks,
            draw,
            engine,
        )
        words = engine.reshape(engine.stack(words, 1), (-1, 4 * blocks))[:, :columns]
        return engine.cast(engine.right_shift(words, 8), "float32") * 2.0**-24

    def _next_call_in_graph(self) -> Any:
        import tensorflow as tf

        if self._state is None:
            with tf.init_scope():
                state = [self._graph_calls * _STEP, 0, 0]
                self._state = tf.Variable(state, trainable=False, dtype="int64")
        # Reads and counts in one operation: the calls of a parallel `map` differ.
        state = tf.raw_ops.RngReadAndSkip(
            resource=self._state.handle,
            alg=tf.constant(tf.random.Algorithm.PHILOX.value),
            delta=tf.constant(1, "uint64"),
        )
        return state[0] // _STEP

    def __getstate__(self) -> dict[str, Any]:
        calls = self._graph_calls
        if self._state is not None:
            calls = int(self._state[0]) // _STEP
        return {**self.__dict__, "_graph_calls": calls, "_state": None}


def _worker_number() -> int:
    """Returns a number for this process: 0 unless it is a worker of a loader."""
    import multiprocessing  # takes a while, and few draw anything

    if multiprocessing.parent_process() is None:
        return 0
    name = multiprocessing.current_process().name
    torch_data = sys.modules.get("torch.utils.data")
    worker = None if torch_data is None else torch_data.get_worker_info()
    if worker is not None:
        name = f"{worker.seed}"
    return zlib.crc32(name.encode())


def philox(
    counter: tuple[Any, Any, Any, Any],
    key: tuple[int, int],
    engine: Operations = NUMPY,
) -> tuple[Any, Any, Any, Any]:
    """Mixes counters into random words: Philox4x32-10.

    Args:
        counter: four uint64 arrays that broadcast, of words below `2**32`.
        key: two such words.
        engine: of the arrays.

    Returns:
        Four uint64 arrays of words below `2**32`.
    """
    a, b, c, d = counter
    key_a, key_c = key
    for _ in range(10):
        left, right = a * 0xD2511F53, c * 0xCD9E8D57
        a, c = (
            engine.right_shift(right, 32) ^ b ^ key_a,
            engine.right_shift(left, 32) ^ d ^ key_c,
        )
        b, d = right & _WORD, left & _WORD
        key_a, key_c = (key_a + 0x9E3779B9) & _WORD, (key_c + 0xBB67AE85) & _WORD
    return a, b, c, d


def below(words: Any, limit: Any, engine: Operations = NUMPY) -> Any:
    """Turns words into integers in `[0, limit)`; `limit` is below `2**31`."""
    return engine.right_shift(words * limit, 32)


def share(rate: float) -> int:
    """Returns the number below which words lie with a probability of `rate`."""
    return round(rate * 2**32)
