"""Loops over the samples of a batch, and over what is done to them in turn.

In Python as a rule. A compiled program holds each body once: it loops over single
samples, which then take a branch of their own, and need little memory.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.routes import as_written

Arrays = list[Any]


class SampleLoops:
    """In Python: the batch at once.

    In what follows `rows` is a nest of lists, tuples and dicts of arrays.
    """

    def is_compiled(self, batch: Batch) -> bool:
        """Whether loops and branches become part of a program that is made now."""
        return False

    def takes_branches(self, batch: Batch) -> bool:
        """Whether it is one sample, of which a program can look at the values."""
        return self.is_compiled(batch) and batch.images.shape[0] == 1

    def in_parts(
        self, function: Callable[[Batch, Any], Batch], batch: Batch, rows: Any
    ) -> Batch:
        """Calls a function for as many samples at a time as is best.

        Args:
            function: takes a part of the batch and of the rows; gives samples of the
                same shapes and dtypes.
            batch: the samples.
            rows: arrays with a row for each sample.
        """
        return function(batch, rows)

    def repeat(self, function: Callable[[Any, Any], Any], state: Any, rows: Any) -> Any:
        """Calls a function again and again, each time with what it gave before.

        Args:
            function: takes the state and the next of the rows; gives the state.
            state: a `Batch` or an array.
            rows: arrays `(B, steps, ...)`.
        """
        for step in range(_steps(rows)):
            state = function(state, _at(rows, step))
        return state

    def branch(
        self, number: Any, branches: Sequence[Callable[[], Batch]], batch: Batch
    ) -> Batch:
        """Returns what one of the branches makes of a batch.

        Args:
            number: int32 scalar, which one.
            branches: give batches, all of the same shapes and dtypes.
            batch: what they change.
        """
        return branches[int(number)]()


class JaxLoops(SampleLoops):
    """While JAX traces: its loops."""

    def each_looked_up(
        self, function: Callable[..., Any], images: Any, rows: Any
    ) -> Any:
        import jax

        is_traced = isinstance(images, jax.core.Tracer)
        if not is_traced or images.shape[0] == 1 or jax.default_backend() != "cpu":
            return function(images, rows)

        # What is looked up in one image stays in the cache.
        def run(sample: Any) -> Any:
            return function(*keras.tree.map_structure(lambda x: x[None], sample))[0]

        return jax.lax.map(run, (images, rows))

    def is_compiled(self, batch: Batch) -> bool:
        import jax

        return isinstance(batch.images, jax.core.Tracer)

    def in_parts(
        self, function: Callable[[Batch, Any], Batch], batch: Batch, rows: Any
    ) -> Batch:
        import jax

        if not self.is_compiled(batch):
            return super().in_parts(function, batch, rows)

        def run(sample: Any) -> Arrays:
            arrays, row = keras.tree.map_structure(lambda x: x[None], sample)
            changed = function(batch.with_arrays(arrays), row)
            return [array[0] for array in changed.arrays]

        return batch.with_arrays(jax.lax.map(run, (batch.arrays, rows)))

    def repeat(self, function: Callable[[Any, Any], Any], state: Any, rows: Any) -> Any:
        import jax

        arrays, rebuilt = _taken_apart(state)
        if not isinstance(arrays[0], jax.core.Tracer) or _steps(rows) == 1:
            return super().repeat(function, state, rows)

        def run(arrays: Arrays, row: Any) -> tuple[Arrays, None]:
            return _taken_apart(function(rebuilt(arrays), row))[0], None

        rows = keras.tree.map_structure(lambda x: x.swapaxes(0, 1), rows)
        return rebuilt(jax.lax.scan(run, arrays, rows)[0])

    def branch(
        self, number: Any, branches: Sequence[Callable[[], Batch]], batch: Batch
    ) -> Batch:
        import jax

        if not self.is_compiled(batch):
            return super().branch(number, branches, batch)
        return batch.with_arrays(jax.lax.switch(number, _of_arrays(branches)))


class TensorFlowLoops(SampleLoops):
    """In graphs of TensorFlow: its loops."""

    def each_looked_up(
        self, function: Callable[..., Any], images: Any, rows: Any
    ) -> Any:
        import tensorflow as tf

        if not tf.is_symbolic_tensor(images) or tf.config.list_logical_devices("GPU"):
            return function(images, rows)
        # What is looked up in one image stays in the cache.
        return tensorflow_map(function, images, rows)

    def is_compiled(self, batch: Batch) -> bool:
        import tensorflow as tf

        return bool(tf.is_symbolic_tensor(batch.images))

    def in_parts(
        self, function: Callable[[Batch, Any], Batch], batch: Batch, rows: Any
    ) -> Batch:
        import tensorflow as tf

        if not self.is_compiled(batch):
            return super().in_parts(function, batch, rows)

        def run(sample: Any) -> Arrays:
            arrays, row = tf.nest.map_structure(lambda x: x[None], sample)
            changed = function(batch.with_arrays(arrays), row)
            return [array[0] for array in changed.arrays]

        specs = [tf.TensorSpec(x.shape[1:], x.dtype) for x in batch.arrays]
        # Few at a time: each holds images in between.
        arrays = tf.map_fn(
            as_written(run),
            (batch.arrays, rows),
            fn_output_signature=specs,
            parallel_iterations=2,
        )
        return batch.with_arrays(arrays)

    def repeat(self, function: Callable[[Any, Any], Any], state: Any, rows: Any) -> Any:
        import tensorflow as tf

        arrays, rebuilt = _taken_apart(state)
        steps = _steps(rows)
        if not tf.is_symbolic_tensor(arrays[0]) or steps == 1:
            return super().repeat(function, state, rows)

        def run(step: Any, *arrays: Any) -> Arrays:
            changed = _taken_apart(function(rebuilt(arrays), _at(rows, step)))[0]
            return [step + 1, *map(tf.ensure_shape, changed, shapes)]

        shapes = [array.shape for array in arrays]
        return rebuilt(
            tf.while_loop(
                lambda step, *_: step < steps,
                as_written(run),
                [tf.constant(0), *arrays],
                maximum_iterations=steps,
            )[1:]
        )

    def branch(
        self, number: Any, branches: Sequence[Callable[[], Batch]], batch: Batch
    ) -> Batch:
        import tensorflow as tf

        if not self.is_compiled(batch):
            return super().branch(number, branches, batch)
        return batch.with_arrays(
            tf.switch_case(number, list(map(as_written, _of_arrays(branches))))
        )


def tensorflow_map(
    function: Callable[..., Any], images: Any, rows: Any, dtype: Any = None
) -> Any:
    """Calls a function for one image after another; see `TensorColors.each`."""
    import tensorflow as tf

    if images.shape[0] == 1:
        return function(images, rows)

    def run(sample: Any) -> Any:
        return function(*tf.nest.map_structure(lambda x: x[None], sample))[0]

    dtype = dtype or images.dtype
    return tf.map_fn(as_written(run), (images, rows), fn_output_signature=dtype)


def in_parts_of(
    size: int,
    function: Callable[[Batch, Any], Batch],
    batch: Batch,
    rows: Any,
    join: Callable[[list[Any]], Any],
    for_each: Callable[[Callable[[int], None], int], object] | None = None,
) -> Batch:
    """Does `SampleLoops.in_parts` for a number of samples at a time.

    Args:
        size: how many, at most.
        function: see there, as the next two.
        batch: the samples.
        rows: arrays with a row for each sample.
        join: puts arrays after each other.
        for_each: calls a function of each index below a number; None in turn.
    """
    count = len(batch)
    if count <= size:
        return function(batch, rows)
    parts: list[Any] = [None] * -(-count // size)

    def run(number: int) -> None:
        take = operator.itemgetter(slice(number * size, (number + 1) * size))
        taken = keras.tree.map_structure(take, rows)
        parts[number] = function(batch.map(take), taken)

    if for_each is not None:
        for_each(run, len(parts))
    else:
        for number in range(len(parts)):
            run(number)
    return batch.map(lambda _, *values: join(list(values)), *parts)


def _steps(rows: Any) -> int:
    return int(keras.tree.flatten(rows)[0].shape[1])


def _at(rows: Any, step: Any) -> Any:
    return keras.tree.map_structure(lambda array: array[:, step], rows)


def _taken_apart(state: Any) -> tuple[Arrays, Callable[[Any], Any]]:
    """Returns the arrays of a state, and what makes a state of such."""
    if isinstance(state, Batch):
        return state.arrays, state.with_arrays
    return [state], lambda arrays: arrays[0]


def _of_arrays(branches: Sequence[Callable[[], Batch]]) -> list[Callable[[], Arrays]]:
    def of_arrays(branch: Callable[[], Batch]) -> Callable[[], Arrays]:
        return lambda: branch().arrays

    return [of_arrays(branch) for branch in branches]
