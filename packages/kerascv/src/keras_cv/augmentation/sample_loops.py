"""Loops over samples, and over what is done to them in turn, in compiled programs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.engine import at_step, steps_of
from keras_cv.augmentation.route_choice import as_written
from keras_cv.augmentation.tensor_engine import TensorEngine

Arrays = list[Any]


class JaxLoops(TensorEngine):
    """While JAX traces: its loops."""

    def seeded_uniform(self, seed: Any, draw: int, shape: Any) -> Any:
        import jax

        key = jax.random.key(draw)
        for part in (seed * 2.0**24).astype("uint32"):
            key = jax.random.fold_in(key, part)
        return jax.random.uniform(key, shape, "float32")

    def loop(
        self,
        function: Callable[[Any], Any],
        batch: Batch,
        join: Callable[[list[Any]], Any],
    ) -> Any:
        import jax

        if not self.is_compiled(batch.images) or self.takes_branches(batch):
            return super().loop(function, batch, join)
        return jax.lax.map(function, jax.numpy.arange(batch.images.shape[0]))

    def is_compiled(self, array: Any) -> bool:
        import jax

        return isinstance(array, jax.core.Tracer)

    def each_looked_up(
        self, function: Callable[..., Any], images: Any, rows: Any
    ) -> Any:
        import jax

        is_many = self.is_compiled(images) and images.shape[0] != 1
        if not is_many or jax.default_backend() != "cpu":
            return function(images, rows)
        # What is looked up in one image stays in the cache.
        return jax.lax.map(_of_one(function), (images, rows))

    def in_parts(
        self, function: Callable[[Batch, Any], Batch], batch: Batch, rows: Any
    ) -> Batch:
        import jax

        if not self.is_compiled(batch.images) or self.takes_branches(batch):
            return function(batch, rows)
        run = _of_one(_of_arrays(function, batch))
        return batch.with_arrays(jax.lax.map(run, (batch.arrays, rows)))

    def repeat(self, function: Callable[[Any, Any], Any], state: Any, rows: Any) -> Any:
        import jax

        arrays, rebuilt = _taken_apart(state)
        if not self.is_compiled(arrays[0]) or steps_of(rows) == 1:
            return super().repeat(function, state, rows)

        def run(arrays: Arrays, row: Any) -> tuple[Arrays, None]:
            return _taken_apart(function(rebuilt(arrays), row))[0], None

        rows = keras.tree.map_structure(lambda x: x.swapaxes(0, 1), rows)
        return rebuilt(jax.lax.scan(run, arrays, rows)[0])

    def branch(
        self, number: Any, branches: Sequence[Callable[[], Batch]], batch: Batch
    ) -> Batch:
        import jax

        if not self.is_compiled(batch.images):
            return super().branch(number, branches, batch)
        return batch.with_arrays(jax.lax.switch(number, _to_arrays(branches)))


class TensorFlowLoops(TensorEngine):
    """In graphs of TensorFlow: its loops."""

    def seeded_uniform(self, seed: Any, draw: int, shape: Any) -> Any:
        import tensorflow as tf

        words = tf.cast(seed * 2.0**24, "int32") + [0, draw << 24]
        return tf.random.stateless_uniform(shape, words)

    def loop(
        self,
        function: Callable[[Any], Any],
        batch: Batch,
        join: Callable[[list[Any]], Any],
    ) -> Any:
        import tensorflow as tf

        count = tf.shape(batch.images)[0]
        if not self.is_compiled(count) or batch.images.shape[0] == 1:
            return super().loop(function, batch, join)
        # A function of a user's may have branches, which TensorFlow rewrites.
        run = tf.function(function)
        given = run.get_concrete_function(tf.TensorSpec((), "int32"))
        specs = tf.nest.map_structure(
            lambda x: tf.TensorSpec(x.shape, x.dtype), given.structured_outputs
        )
        return tf.map_fn(run, tf.range(count), fn_output_signature=specs)

    def is_compiled(self, array: Any) -> bool:
        import tensorflow as tf

        return bool(tf.is_symbolic_tensor(array))

    def each_looked_up(
        self, function: Callable[..., Any], images: Any, rows: Any
    ) -> Any:
        import tensorflow as tf

        if not self.is_compiled(images) or tf.config.list_logical_devices("GPU"):
            return function(images, rows)
        # What is looked up in one image stays in the cache.
        return tensorflow_map(function, images, rows)

    def in_parts(
        self, function: Callable[[Batch, Any], Batch], batch: Batch, rows: Any
    ) -> Batch:
        import tensorflow as tf

        if not self.is_compiled(batch.images) or self.takes_branches(batch):
            return function(batch, rows)
        arrays = tf.map_fn(
            as_written(_of_one(_of_arrays(function, batch))),
            (batch.arrays, rows),
            fn_output_signature=[
                tf.TensorSpec(x.shape[1:], x.dtype) for x in batch.arrays
            ],
            parallel_iterations=2,  # each holds images in between
        )
        return batch.with_arrays(arrays)

    def repeat(self, function: Callable[[Any, Any], Any], state: Any, rows: Any) -> Any:
        import tensorflow as tf

        arrays, rebuilt = _taken_apart(state)
        steps = steps_of(rows)
        if not self.is_compiled(arrays[0]) or steps == 1:
            return super().repeat(function, state, rows)

        def run(step: Any, *arrays: Any) -> Arrays:
            changed = _taken_apart(function(rebuilt(arrays), at_step(rows, step)))[0]
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

        if not self.is_compiled(batch.images):
            return super().branch(number, branches, batch)
        return batch.with_arrays(
            tf.switch_case(number, list(map(as_written, _to_arrays(branches))))
        )


def tensorflow_map(
    function: Callable[..., Any], images: Any, rows: Any, dtype: Any = None
) -> Any:
    """Calls a function for one image after another; see `TensorColors.each`."""
    import tensorflow as tf

    if images.shape[0] == 1:
        return function(images, rows)
    return tf.map_fn(
        as_written(_of_one(function)),
        (images, rows),
        fn_output_signature=dtype or images.dtype,
    )


def in_parts_of(
    size: int,
    function: Callable[[Batch, Any], Batch],
    batch: Batch,
    rows: Any,
    join: Callable[[list[Any]], Any],
    for_each: Callable[[Callable[[int], None], int], None],
) -> Batch:
    """Does `Engine.in_parts` for a number of samples at a time.

    Args:
        size: how many, at most.
        function: see there, as the next two.
        batch: the samples.
        rows: arrays with a row for each sample.
        join: puts arrays after each other.
        for_each: calls a function of each index below a number, as `in_turn`.
    """
    count = len(batch)
    if count <= size:
        return function(batch, rows)
    parts: list[Any] = [None] * -(-count // size)

    def run(number: int) -> None:
        take = operator.itemgetter(slice(number * size, (number + 1) * size))
        taken = keras.tree.map_structure(take, rows)
        parts[number] = function(batch.map(take), taken)

    for_each(run, len(parts))
    return batch.map(lambda _, *values: join(list(values)), *parts)


def in_turn(function: Callable[[int], None], count: int) -> None:
    """Calls a function of each index below a number."""
    for index in range(count):
        function(index)


def _taken_apart(state: Any) -> tuple[Arrays, Callable[[Any], Any]]:
    """Returns the arrays of a state, and what makes a state of such."""
    if isinstance(state, Batch):
        return state.arrays, state.with_arrays
    return [state], lambda arrays: arrays[0]


def _of_one(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """Returns a function of one sample for one of batches."""

    def run(sample: Any) -> Any:
        batch = keras.tree.map_structure(lambda x: x[None], sample)
        return keras.tree.map_structure(lambda x: x[0], function(*batch))

    return run


def _of_arrays(
    function: Callable[[Batch, Any], Batch], batch: Batch
) -> Callable[[Arrays, Any], Arrays]:
    """Returns a function of the arrays of a batch, and gives arrays too."""
    return lambda arrays, rows: function(batch.with_arrays(arrays), rows).arrays


def _to_arrays(branches: Sequence[Callable[[], Batch]]) -> list[Callable[[], Arrays]]:
    def to_arrays(branch: Callable[[], Batch]) -> Callable[[], Arrays]:
        return lambda: branch().arrays

    return [to_arrays(branch) for branch in branches]
