"""A step that a GPU repeats without Python."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_nlp.generation.step import State


class RecordedStep:
    """Makes the same step of a state again and again.

    A GPU runs the kernels of a step faster than Python starts them. So they are
    recorded once, as a CUDA graph, and started together from then on. Elsewhere each
    step runs anew.

    Nothing in the step may wait for the GPU or bring numbers to it, and all that it
    changes stays where it is in memory: its tensors belong to the recording.

    Args:
        step: makes a step of a `State` whose `slot` and `steps` are int32 tensors.
        state: changes with each call; its `slot` and `steps` are ints.
    """

    def __init__(self, step: Callable[[State], None], state: State) -> None:
        import torch

        self._step = step
        self._state = state
        device = state.tokens.device
        self._numbers = {
            name: torch.tensor(getattr(state, name), dtype=torch.int32, device=device)
            for name in ("slot", "steps")
        }
        self._is_on_gpu = device.type == "cuda"
        self._graph: Any = None

    def __call__(self) -> None:
        """Makes one step."""
        if self._graph is not None:
            self._graph.replay()
        else:
            self._run()  # first of all, to compile what is to be compiled
            if self._is_on_gpu:
                self._record()
        self._state.slot += 1
        self._state.steps += 1

    def _record(self) -> None:
        import torch

        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._run()
        self._graph = graph

    def _run(self) -> None:
        before = {**vars(self._state), **self._numbers}
        now = dataclasses.replace(self._state, **self._numbers)
        self._step(now)
        for name, value in vars(now).items():
            if name != "caches" and value is not before[name]:
                before[name].copy_(value)
