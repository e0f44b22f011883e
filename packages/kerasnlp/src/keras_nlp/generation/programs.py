"""Compiled functions of a model, and how often something was compiled."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import keras


class Programs:
    """Compiles functions that read a model's weights.

    A program is compiled once for its key; that a weight has another value does not
    matter to it, that there are other weights does.

    Args:
        model: whose weights they read.

    Attributes:
        compiled: number of programs that were compiled.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._programs: dict[Hashable, Any] = {}
        self.compiled = 0

    def run(
        self,
        key: Hashable,
        function: Callable[..., Any],
        donated: tuple[int, ...],
        *arguments: Any,
        changing: Sequence[keras.Variable] = (),
    ) -> Any:
        """Calls a function as a program.

        Args:
            key: of the program: all that it depends on besides the arguments' values.
            function: of tensors; nested lists and dicts of them in and out. It is kept:
                what it holds on to stays in memory.
            donated: numbers of the arguments whose memory it may use.
            *arguments: arrays or tensors, and nested ones.
            changing: further variables that it reads, and assigns to.
        """
        weights = self._model.weights
        key = (key, tuple(map(id, weights)))
        if key not in self._programs:
            if keras.config.backend() == "jax":
                program = self._compile_for_jax(function, donated, weights, changing)
            else:
                program = self._compile_for_tensorflow(function)
            # With the weights, whose numbers would else go to others.
            self._programs[key] = program, weights
        program, _ = self._programs[key]
        return program(*arguments)

    def _compile_for_jax(
        self,
        function: Callable[..., Any],
        donated: tuple[int, ...],
        weights: Sequence[keras.Variable],
        changing: Sequence[keras.Variable],
    ) -> Callable[..., Any]:
        import jax

        def program(values: Any, *arguments: Any) -> Any:
            self.compiled += 1  # tracing runs this line, calls do not
            pairs = zip([*weights, *changing], values, strict=True)
            with keras.StatelessScope(state_mapping=list(pairs)) as scope:
                result = function(*arguments)
            return result, [scope.get_current_value(v) for v in changing]

        compiled = jax.jit(program, donate_argnums=tuple(i + 1 for i in donated))

        def call(*arguments: Any) -> Any:
            values = [variable.value for variable in (*weights, *changing)]
            result, changed = compiled(values, *arguments)
            for variable, value in zip(changing, changed, strict=True):
                variable.assign(value)
            return result

        return call

    def _compile_for_tensorflow(
        self, function: Callable[..., Any]
    ) -> Callable[..., Any]:
        import tensorflow as tf

        @tf.function(jit_compile=True, autograph=False)
        def program(*arguments: Any) -> Any:
            self.compiled += 1
            return function(*arguments)

        def call(*arguments: Any) -> Any:
            return program(*tf.nest.map_structure(tf.convert_to_tensor, arguments))

        return call
