"""The loop on each backend: in Python on torch, compiled on JAX and TensorFlow."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from domain_core.layers import KeyValueCache
from keras_nlp.generation.bound_decoder import BoundDecoder, encode, make_caches
from keras_nlp.generation.constraints import NONE, Constraints
from keras_nlp.generation.programs import Programs
from keras_nlp.generation.recorded_step import RecordedStep
from keras_nlp.generation.sampling import Sampling
from keras_nlp.generation.step import Plan, State, advance

if TYPE_CHECKING:
    from keras_nlp.models.decoder_backbone import DecoderBackbone

# Steps between two looks at whether all rows are done: a look waits for a GPU.
_LOOK_EVERY = 8


@dataclasses.dataclass(frozen=True)
class Sources:
    """Texts that an encoder reads, on the host.

    Attributes:
        tokens: int32 `(U, S)`.
        mask: int32 `(U, S)`, 0 for padding, which stands at the end.
        rows: int32 `(B,)`, which of them each row of a batch is about; None where as
            many rows, one after the other, are about each.
    """

    tokens: np.ndarray
    mask: np.ndarray
    rows: np.ndarray | None = None

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """What `encode` takes."""
        more = () if self.rows is None else (self.rows,)
        return (self.tokens, self.mask, *more)


@dataclasses.dataclass(frozen=True)
class Batch:
    """Prompts and what is asked, on the host.

    Attributes:
        tokens: prompts, each at the end of its row, int32 `(B, P)`.
        padding: places before each prompt, int32 `(B,)`.
        limits: number of tokens to generate at most, int32 `(B,)`.
        stop_ids: ids that end a row, int32 `(N,)`.
        draws: float32 `(B, N)` in `(0, 1]`, by number of the token.
        sampling: how to choose.
        keeps_log_probabilities: whether they are asked for.
        slots: number of slots, at least those of a prompt and what it may become.
        first_slots: number of slots to begin with, where a loop makes more room later.
        constraints: what may not be chosen.
        sources: what an encoder is to read; None without one.
    """

    tokens: np.ndarray
    padding: np.ndarray
    limits: np.ndarray
    stop_ids: np.ndarray
    draws: np.ndarray
    sampling: Sampling
    keeps_log_probabilities: bool
    slots: int
    first_slots: int
    constraints: Constraints = NONE
    sources: Sources | None = None


@dataclasses.dataclass(frozen=True)
class Result:
    """What a loop has made so far, on the host; see `State`."""

    tokens: np.ndarray
    done: np.ndarray
    counts: np.ndarray
    log_probabilities: np.ndarray
    failed: np.ndarray


@dataclasses.dataclass(frozen=True)
class Kept:
    """The caches of a batch, to go on from.

    Attributes:
        tensors: of each block's cache.
        filled: number of slots that they hold.
    """

    tensors: list[tuple[Any, Any]]
    filled: int

    def grown(self, backbone: DecoderBackbone, slots: int) -> list[KeyValueCache]:
        """Returns caches of more slots: zeros behind what there is."""
        caches = []
        empties = make_caches(backbone, 0, slots)
        for empty, tensors in zip(empties, self.tensors, strict=True):
            # A window that was not full yet begins where its first slot is.
            whole = KeyValueCache(*tensors)
            whole.grow(empty.slots)
            caches.append(type(empty)(*whole.tensors))
        return caches


class EagerLoop:
    """Step by step, in place, over the slots that are filled.

    Args:
        backbone: a built `DecoderBackbone`.
        batch: what is asked.
        decoder: a compiled one, whose steps are over all slots; None for none.
        kept: caches of all but the last tokens of the prompts; None for none.
    """

    def __init__(
        self,
        backbone: DecoderBackbone,
        batch: Batch,
        decoder: BoundDecoder | None = None,
        kept: Kept | None = None,
    ) -> None:
        import torch

        with torch.inference_mode():
            self._decoder = decoder or BoundDecoder(backbone)
            rows, length = batch.tokens.shape
            if kept is None:
                filled, caches = 0, make_caches(backbone, rows, batch.slots)
            else:
                filled, caches = kept.filled, kept.grown(backbone, batch.slots)
            device = caches[0].key.device

            def moved(array: np.ndarray) -> Any:
                return torch.from_numpy(np.ascontiguousarray(array)).to(device)

            self._plan = Plan(
                moved(batch.padding) if batch.padding.any() else None,
                moved(batch.limits),
                moved(batch.stop_ids),
                moved(batch.draws),
                batch.sampling,
                batch.keeps_log_probabilities,
                batch.constraints,
            )
            if batch.sources is not None:
                source = encode(self._decoder, *map(moved, batch.sources.arrays))
                self._plan = dataclasses.replace(self._plan, source=source)
            tables = self._decoder.context.tables_of(batch.slots)
            tokens = torch.zeros((rows, batch.slots), dtype=torch.int32, device=device)
            tokens[:, :length] = moved(batch.tokens)
            done = self._plan.limits <= 0
            self.state = State(
                tokens,
                length - 1,
                caches,
                done,
                torch.zeros_like(self._plan.limits),
                0,
                torch.zeros((rows, batch.slots), device=device),
                torch.zeros_like(done),
            )
            step = functools.partial(
                _advance, self._decoder, self._plan, tables, decoder is not None
            )
            self._step: Callable[[], None] = functools.partial(step, self.state)
            if decoder is not None and device.type == "cuda":
                self._step = RecordedStep(step, self.state)
            if filled < length - 1:
                context = self._decoder.context.cached(
                    filled,
                    length - 1 - filled,
                    batch.slots,
                    self._plan.padding,
                    is_first=filled == 0,
                    ahead=1,
                    filled=length - 1,
                )
                context |= self._plan.source
                new = tokens[:, filled : length - 1]
                self._decoder.features(new, context, caches)

    def run(self, steps: int) -> None:
        """Makes so many steps, or fewer if all rows are done before."""
        import torch

        with torch.inference_mode():
            state = self.state
            room = state.tokens.shape[1] - 1 - state.slot
            every = 1 if state.tokens.device.type == "cpu" else _LOOK_EVERY
            for step in range(min(steps, room)):
                if step % every == 0 and bool(state.done.all()):
                    return
                self._step()

    def fetch(self) -> Result:
        """Returns what there is, on the host."""
        return _result(vars(self.state))

    def keep(self) -> Kept:
        """Returns the caches; the loop is of no use then."""
        return Kept(_tensors(self.state.caches), self.state.slot)

    def end(self, rows: np.ndarray) -> None:
        """Ends rows, bool `(B,)`."""
        import torch

        with torch.inference_mode():
            self.state.done |= keras.ops.convert_to_tensor(rows)


def _advance(
    decoder: BoundDecoder, plan: Plan, tables: Any, takes_all: bool, state: State
) -> None:
    """Makes one step over all slots, or over those that are filled."""
    advance(decoder, plan, state, None if takes_all else state.slot + 1, tables)


class CompiledLoop:
    """One program for the prompts, and one for all steps of a number of slots.

    Rooms begin small and double as a text grows: a step costs what its slots cost.

    Args:
        backbone: a built `DecoderBackbone`.
        batch: what is asked.
        programs: that were compiled before.
        kept: caches of all but the last tokens of the prompts; None for none.
    """

    def __init__(
        self,
        backbone: DecoderBackbone,
        batch: Batch,
        programs: Programs,
        kept: Kept | None = None,
    ) -> None:
        self._backbone = backbone
        self._programs = programs
        self._batch = batch
        self._source_shape: tuple[int, ...] = ()
        rows, length = batch.tokens.shape
        slots = batch.first_slots
        sampling = {
            field: np.asarray(value, "int32" if field == "top_k" else "float32")
            for field, value in dataclasses.asdict(batch.sampling).items()
        }
        self._plan: dict[str, Any] = {
            "padding": batch.padding,
            "limits": batch.limits,
            "stop_ids": batch.stop_ids,
            "sampling": sampling,
            "keeps_log_probabilities": np.asarray(batch.keeps_log_probabilities),
        }
        if batch.sources is not None:
            arrays = batch.sources.arrays
            self._plan["source"] = programs.run(
                ("encode", *(array.shape for array in arrays)),
                functools.partial(_encode, backbone),
                (),
                *arrays,
            )
            self._source_shape = batch.sources.tokens.shape
        tokens = np.zeros((rows, slots), "int32")
        tokens[:, :length] = batch.tokens
        if kept is None:
            caches = programs.run(
                ("prefill", rows, length, slots, self._source_shape),
                functools.partial(_prefill, backbone, slots),
                (),
                batch.tokens[:, :-1],
                batch.padding,
                self._plan.get("source", {}),
            )
        else:
            caches = self._extended(kept)
        done = batch.limits <= 0
        self.state = {
            "tokens": tokens,
            "slot": np.int32(length - 1),
            "caches": caches,
            "done": done,
            "counts": np.zeros_like(batch.limits),
            "steps": np.int32(0),
            "log_probabilities": np.zeros((rows, slots), "float32"),
            "failed": np.zeros_like(done),
        }

    def run(self, steps: int) -> None:
        """Makes so many steps, or fewer if all rows are done before."""
        while steps > 0 and not np.all(self.state["done"]):
            rows, slots = self.state["tokens"].shape
            slot = int(self.state["slot"])
            if slot + 1 == slots:
                self._grow(min(2 * slots, self._batch.slots))
                continue
            some = min(steps, slots - 1 - slot)
            plan = {**self._plan, "draws": self._batch.draws[:, :slots]}
            rules = self._batch.constraints
            self.state = self._programs.run(
                (
                    "steps",
                    rows,
                    slots,
                    len(self._batch.stop_ids),
                    rules,
                    self._source_shape,
                ),
                functools.partial(_steps, self._backbone, rules),
                (0,),
                self.state,
                plan,
                np.int32(some),
            )
            steps -= some

    def keep(self) -> Kept:
        """Returns the caches; the loop is of no use then."""
        return Kept(self.state["caches"], int(self.state["slot"]))

    def _extended(self, kept: Kept) -> list[tuple[Any, Any]]:
        """Returns kept caches with the prompts' further tokens in them.

        In pieces of powers of two, for which there are few programs.
        """
        batch, slots = self._batch, self._batch.first_slots
        rows, length = batch.tokens.shape
        caches = _tensors(kept.grown(self._backbone, slots))
        place = kept.filled
        while place < length - 1:
            piece = 1 << ((length - 1 - place).bit_length() - 1)
            caches = self._programs.run(
                ("extend", rows, piece, slots),
                functools.partial(_extend, self._backbone, slots),
                (0,),
                caches,
                batch.tokens[:, place : place + piece],
                batch.padding,
                np.int32(place),
            )
            place += piece
        return caches

    def _grow(self, slots: int) -> None:
        """Makes room: zeros behind what there is, which stays where it is."""
        state = self.state
        caches = Kept(state["caches"], 0).grown(self._backbone, slots)
        state["caches"] = _tensors(caches)
        for name in ("tokens", "log_probabilities"):
            table = keras.ops.convert_to_numpy(state[name])
            state[name] = np.pad(table, ((0, 0), (0, slots - table.shape[1])))

    def fetch(self) -> Result:
        """Returns what there is, on the host."""
        return _result(self.state)

    def end(self, rows: np.ndarray) -> None:
        """Ends rows, bool `(N,)`, the first of the batch."""
        done = np.array(keras.ops.convert_to_numpy(self.state["done"]))
        done[: len(rows)] |= rows
        self.state["done"] = done


# Programs keep these functions: they hold on to no batch, and to no caches.


def _encode(backbone: Any, *sources: Any) -> dict[str, Any]:
    """Returns what decoders need of sources."""
    return encode(BoundDecoder(backbone), *sources)


def _prefill(
    backbone: DecoderBackbone, slots: int, tokens: Any, padding: Any, source: Any
) -> Any:
    """Returns caches of prompts."""
    decoder = BoundDecoder(backbone)
    caches = make_caches(backbone, tokens.shape[0], slots)
    if tokens.shape[1]:
        context = decoder.context.cached(
            0, tokens.shape[1], slots, padding, is_first=True, ahead=1
        )
        context |= source
        decoder.features(tokens, context, caches)
    return _tensors(caches)


def _extend(
    backbone: DecoderBackbone,
    slots: int,
    caches: Any,
    tokens: Any,
    padding: Any,
    slot: Any,
) -> Any:
    """Returns caches with further tokens in them, the first of these in a slot."""
    decoder = BoundDecoder(backbone)
    kept = _caches(backbone, slots, caches)
    context = decoder.context.cached(slot, tokens.shape[1], slots, padding, ahead=1)
    decoder.features(tokens, context, kept)
    return _tensors(kept)


def _steps(
    backbone: DecoderBackbone, rules: Constraints, state: Any, plan: Any, steps: Any
) -> Any:
    """Returns the state after so many steps, or fewer if all rows are done before."""
    decoder = BoundDecoder(backbone)
    slots = state["tokens"].shape[1]
    sampling = Sampling(**plan["sampling"])
    plan = Plan(**{**plan, "sampling": sampling, "constraints": rules})
    until = state["steps"] + steps

    def goes_on(state: Any) -> Any:
        return keras.ops.logical_and(
            state["steps"] < until, ~keras.ops.all(state["done"])
        )

    def body(state: Any) -> Any:
        caches = _caches(backbone, slots, state["caches"])
        now = State(**{**state, "caches": caches})
        advance(decoder, plan, now)
        return {**vars(now), "caches": _tensors(now.caches)}

    return keras.ops.while_loop(goes_on, lambda s: (body(s),), (state,))[0]


def _caches(backbone: DecoderBackbone, slots: int, tensors: Any) -> list[KeyValueCache]:
    """Returns caches of the kinds that these slots ask for."""
    empties = make_caches(backbone, 0, slots)
    return [type(e)(*t) for e, t in zip(empties, tensors, strict=True)]


def _tensors(caches: list[KeyValueCache]) -> list[tuple[Any, Any]]:
    return [cache.tensors for cache in caches]


def _result(state: dict[str, Any]) -> Result:
    names = [field.name for field in dataclasses.fields(Result)]
    return Result(*(keras.ops.convert_to_numpy(state[name]) for name in names))
