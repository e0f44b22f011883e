"""Keeps a model whole when `fit`, `evaluate` or `predict` is interrupted.

Keras makes metrics, loss and optimizer while it traces the first step: Ctrl-C then left
half of them behind. They are made ahead instead, while Ctrl-C waits.

On JAX Keras takes the values out of the model's variables while it loops, and the
compiled step overwrites the arrays it is given. An exception from a data source or a
callback can leave variables without a value. `StateGuard` holds on to the newest
values and puts them back. Other backends update variables in place.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

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
    """A Keras model that stays whole if a loop over it raises."""

    # What `torch.compile` is told of sizes, where `jit_compile` asks for it: None for
    # its own choice, False for a program for each size.
    dynamic_shapes: ClassVar[bool | None] = None
    # Made on demand, because a model may be built in many ways.
    _guard: StateGuard | None = None

    @contextlib.contextmanager
    def variables_kept(self) -> Iterator[None]:
        """Runs Keras' `fit`, `evaluate` or `predict`; restores what they lose."""
        try:
            if keras.backend.backend() != "jax":
                yield
                return
            with self._state_guard().active():
                yield
        except (KeyboardInterrupt, SystemExit):
            # Ctrl-C may have come while a step was traced, of which half is left.
            for kind in ("train", "test", "predict"):
                setattr(self, f"{kind}_function", None)
            raise

    def build_ahead(self, batch: tuple, *, training: bool) -> None:
        """Makes what Keras else makes while it traces the first step.

        Args:
            batch: inputs, and targets and weights if there are some, as arrays.
            training: whether the optimizer is needed too.
        """
        if not self.compiled or getattr(self, "_distribute_strategy", None):
            return
        needed = [self._compile_loss, self._compile_metrics]
        if training:
            needed.append(self.optimizer)  # type: ignore[has-type]
        if all(part is None or part.built for part in needed):
            return
        # One thread at a time: no other may see the model without its optimizer.
        with _MAKING, interrupts_deferred():
            optimizer: Any = self.optimizer  # type: ignore[has-type]
            try:
                if not training:
                    self.optimizer = None
                self._symbolic_build(data_batch=batch)
            finally:
                self.optimizer = optimizer

    def make_train_function(self, force: bool = False) -> Any:
        with self._compiling("train_function", force):
            super().make_train_function(force=force)
        self.train_function: Any = self._guarded(self.train_function, TRAIN_STATE)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:
        with self._compiling("test_function", force):
            super().make_test_function(force=force)
        self.test_function: Any = self._guarded(self.test_function, TEST_STATE)
        return self.test_function

    def make_predict_function(self, force: bool = False) -> Any:
        with self._compiling("predict_function", force):
            super().make_predict_function(force=force)
        self.predict_function: Any = self._guarded(self.predict_function, PREDICT_STATE)
        return self.predict_function

    @contextlib.contextmanager
    def _compiling(self, name: str, force: bool) -> Iterator[None]:
        """Compiles the step that Keras makes, where torch is not to choose how."""
        is_made = getattr(self, name, None) is not None and not force
        choice = self.dynamic_shapes
        if choice is None or is_made or keras.backend.backend() != "torch":
            yield
            return
        jit_compile = self.jit_compile  # type: ignore[has-type]
        self.jit_compile = False
        try:
            yield
        finally:
            self.jit_compile = jit_compile
        if jit_compile:
            import torch

            setattr(self, name, torch.compile(getattr(self, name), dynamic=choice))

    def _guarded(self, step: Callable, groups: tuple[str, ...]) -> Callable:
        if keras.backend.backend() != "jax" or isinstance(step, GuardedStep):
            return step
        return GuardedStep(self._state_guard(), step, groups)

    def _state_guard(self) -> StateGuard:
        with _MAKING:
            if self._guard is None:
                self._guard = StateGuard(self)
        return self._guard


@contextlib.contextmanager
def interrupts_deferred(
    is_due: Callable[[], bool] = lambda: True,
) -> Iterator[list[Callable[[], Any]]]:
    """Holds Ctrl-C back until the end of the block.

    Args:
        is_due: asked when Ctrl-C comes: whether it has to wait.

    Yields:
        What the handlers would have done. Who takes it out of the list has to do it.
    """
    waiting: list[Callable[[], Any]] = []
    previous = signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or not callable(previous):
        yield waiting
        return

    def on_interrupt(signum: int, frame: Any) -> None:
        if is_due():
            waiting.append(lambda: previous(signum, frame))
        else:
            previous(signum, frame)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield waiting
    finally:
        signal.signal(signal.SIGINT, previous)
    if waiting:
        waiting.pop()()


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
        given = state

        def is_overwritten() -> bool:  # else it is still compiling
            return any(array.is_deleted() for array in itertools.chain(*given))

        with interrupts_deferred(is_overwritten) as waiting:
            result, state = step(state, iter(batches))
            self._note(groups, state)
            # Keras has to take the new state before it hears of an interrupt.
            if waiting:
                self._interrupt = waiting.pop()
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

    def _raise_interrupt(self) -> None:
        if self._interrupt is not None:
            interrupt, self._interrupt = self._interrupt, None
            interrupt()


def _is_alive(variable: Any) -> bool:
    try:
        return not variable.value.is_deleted()
    except TypeError:  # Keras calls the initializer of a variable without a value: None
        return False
