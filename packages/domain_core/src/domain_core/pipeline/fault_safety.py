"""Keeps a model's variables when `fit`, `evaluate` or `predict` is interrupted on JAX.

On JAX Keras takes the values out of the model's variables while it loops, and the
compiled step overwrites the arrays it is given. An exception from a data source or a
callback can leave variables without a value. `StateGuard` holds on to the newest
values and puts them back. Other backends update variables in place and need nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras

# What Keras' steps take and return as their state, in this order.
TRAIN_STATE = (
    "trainable_variables",
    "non_trainable_variables",
    "optimizer_variables",
    "metrics_variables",
)
TEST_STATE = ("trainable_variables", "non_trainable_variables", "metrics_variables")
PREDICT_STATE = ("trainable_variables", "non_trainable_variables")
_MAKING = threading.Lock()


class FaultSafeModel(keras.Model):
    """A Keras model that keeps its variables if a loop over it raises."""

    # Made on demand, because a model may be built in many ways.
    _guard: StateGuard | None = None

    @contextlib.contextmanager
    def variables_kept(self) -> Iterator[None]:
        """Runs Keras' `fit`, `evaluate` or `predict`; restores what they lose."""
        if keras.backend.backend() != "jax":
            yield
            return
        with self._state_guard().active():
            yield

    def make_train_function(self, force: bool = False) -> Any:
        super().make_train_function(force=force)
        self.train_function: Any = self._guarded(self.train_function, TRAIN_STATE)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:
        super().make_test_function(force=force)
        self.test_function: Any = self._guarded(self.test_function, TEST_STATE)
        return self.test_function

    def make_predict_function(self, force: bool = False) -> Any:
        super().make_predict_function(force=force)
        self.predict_function: Any = self._guarded(self.predict_function, PREDICT_STATE)
        return self.predict_function

    def _guarded(self, step: Callable, groups: tuple[str, ...]) -> Callable:
        if keras.backend.backend() != "jax" or isinstance(step, GuardedStep):
            return step
        return GuardedStep(self._state_guard(), step, groups)

    def _state_guard(self) -> StateGuard:
        with _MAKING:
            if self._guard is None:
                self._guard = StateGuard(self)
        return self._guard


class GuardedStep:
    """A compiled step `(state, iterator) -> (result, state)` that a guard runs."""

    def __init__(
        self, guard: StateGuard, step: Callable, groups: tuple[str, ...]
    ) -> None:
        self._guard, self._step, self._groups = guard, step, groups

    def __call__(self, state: tuple, iterator: Iterator) -> Any:
        return self._guard.run(self._step, self._groups, state, iterator)


class StateGuard:
    """The newest values of a model's variables while Keras loops over steps."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._values: dict[str, list[Any]] = {}
        self._users = 0
        self._interrupt: Callable[[], Any] | None = None
        # While one thread loops, the variables have no values for another.
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Runs a loop, one thread at a time; if it raises, gives back what it lost."""
        with self._lock:
            yield from self._looping()

    def _looping(self) -> Iterator[None]:
        self._users += 1
        try:
            if self._users == 1:
                self._values = {
                    group: [variable.value for variable in variables]
                    for group, variables in self._variables().items()
                }
            yield
            self._raise_interrupt()
        except BaseException:
            self._restore()
            raise
        finally:
            self._users -= 1
            if not self._users:
                self._values = {}

    def run(
        self, step: Callable, groups: tuple[str, ...], state: tuple, iterator: Iterator
    ) -> Any:
        """Runs a step on the next batches, noting the state before and after it."""
        self._note(groups, state)
        self._raise_interrupt()
        batches = list(itertools.islice(iterator, self._model.steps_per_execution))
        if not batches:
            raise StopIteration
        with self._interrupts_deferred(state):
            result, state = step(state, iter(batches))
            self._note(groups, state)
        return result, state

    def _note(self, groups: tuple[str, ...], state: tuple) -> None:
        if self._users:
            self._values.update(zip(groups, state, strict=True))

    def _variables(self) -> dict[str, list[Any]]:
        model = self._model
        optimizer = getattr(model, "optimizer", None)  # not there before `compile`
        return {
            "trainable_variables": model.trainable_variables,
            "non_trainable_variables": model.non_trainable_variables,
            "optimizer_variables": getattr(optimizer, "variables", []),
            "metrics_variables": model.metrics_variables,
        }

    def _restore(self) -> None:
        # Keras syncs after `fit` alone; what it holds may be overwritten by now.
        with contextlib.suppress(RuntimeError):
            self._model.jax_state_sync()
        for group, variables in self._variables().items():
            values = self._values.get(group, [])
            for variable, value in zip(variables, values, strict=False):
                if not _is_alive(variable) and not value.is_deleted():
                    variable.assign(value)

    @contextlib.contextmanager
    def _interrupts_deferred(self, state: tuple) -> Iterator[None]:
        """Holds Ctrl-C back while a step has overwritten its state but not returned."""
        previous = signal.getsignal(signal.SIGINT)
        in_main = threading.current_thread() is threading.main_thread()
        if not in_main or not callable(previous):
            yield
            return

        def on_interrupt(signum: int, frame: Any) -> None:
            if any(array.is_deleted() for array in itertools.chain(*state)):
                self._interrupt = lambda: previous(signum, frame)
            else:  # still compiling: the state is whole
                previous(signum, frame)

        signal.signal(signal.SIGINT, on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    def _raise_interrupt(self) -> None:
        if self._interrupt is not None:
            interrupt, self._interrupt = self._interrupt, None
            interrupt()


def _is_alive(variable: Any) -> bool:
    try:
        return not variable.value.is_deleted()
    except TypeError:  # Keras calls the initializer of a variable without a value: None
        return False
