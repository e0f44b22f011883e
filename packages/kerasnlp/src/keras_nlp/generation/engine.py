"""Writes on from rows of ids, whatever the model: the one engine of all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_nlp.generation.bound_decoder import BoundDecoder, make_caches
from keras_nlp.generation.compiled_steps import CompiledSteps
from keras_nlp.generation.constraints import NONE, Constraints
from keras_nlp.generation.loops import Batch, CompiledLoop, EagerLoop, Kept, Sources
from keras_nlp.generation.programs import Programs
from keras_nlp.generation.sampling import Sampling, make_draws
from keras_nlp.generation.search import beam_search_of, search

if TYPE_CHECKING:
    from keras_nlp.models.decoder_backbone import DecoderBackbone

_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
# The shortest prompt and the fewest slots that a program is compiled for.
_PROMPT, _SLOTS, _STOPS = 16, 128, 4


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked of the engine.

    Attributes:
        prompts: ids of each row.
        limits: number of tokens to generate for each row at most.
        stop_ids: ids that end a row.
        sampling: how to choose; None to leave it to the sampler.
        sampler: a `Sampler` that chooses in its own way.
        seed: of the draws; None for others each time.
        keeps_log_probabilities: whether they are asked for.
        is_over: tells of new ids of a row whether that is enough; or None.
        kept: of a call before, with whose texts the prompts begin; or None.
        constraints: what may not be chosen; None for no rules.
        repeats: how often each prompt stands among the rows, one after the other: a
            search by beams gives its so many best texts.
        sources: ids that an encoder reads, each for as many prompts in a row; None
            without one.
    """

    prompts: Sequence[np.ndarray]
    limits: Sequence[int]
    stop_ids: Sequence[int]
    sampling: Sampling | None
    sampler: Any = None
    seed: int | Sequence[int] | None = None
    keeps_log_probabilities: bool = False
    is_over: Callable[[int, np.ndarray], bool] | None = None
    kept: TextCache | None = None
    constraints: Constraints | None = None
    repeats: int = 1
    sources: Sequence[np.ndarray] | None = None


@dataclasses.dataclass
class TextCache:
    """What a call has computed for its texts, to go on from; not to be looked into.

    Attributes:
        rows: ids of each text.
        kept: their caches; None where texts did not end together, or once they were
            used: then they are computed anew.
        engine: what computed them; another one computes anew.
    """

    rows: list[np.ndarray]
    kept: Kept | None = None
    engine: Engine | None = None


class Engine:
    """Generates with one decoder.

    Prompts of different lengths stand at the ends of their rows, and padding before
    them counts for nothing: each row is what it would be alone. On JAX and TensorFlow
    lengths and batches fall into buckets, powers of two, and numbers that say how to
    choose are values, so that few programs serve all requests.

    Args:
        backbone: a built `DecoderBackbone`.
        jit_compile: on torch, whether to compile steps; elsewhere they always are.
    """

    def __init__(self, backbone: DecoderBackbone, *, jit_compile: bool = False) -> None:
        self._backbone = backbone
        self.jit_compile = jit_compile
        self._programs = Programs(backbone)
        self._steps = (
            CompiledSteps(backbone) if self._is_eager and jit_compile else None
        )

    @property
    def compiled(self) -> int:
        """Number of programs that were compiled so far."""
        steps = 0 if self._steps is None else self._steps.compiled
        return self._programs.compiled + steps

    def cache_bytes(self, batch: int, length: int, source_length: int = 0) -> int:
        """Returns the bytes of the caches for rows of `length` tokens.

        They are `2 * slots * key heads * head width * bytes of a number` for each row
        and block, where a block with a sliding window has at most that many slots; and
        as much for the `source_length` tokens of a source in place of slots.
        """
        total = 0
        if self._has_buckets and source_length:
            source_length = bucket(source_length, _PROMPT)
        for cache in make_caches(self._backbone, 0, self._slots(length)):
            _, heads, slots, width = cache.key.shape
            numbers = 2 * batch * (slots + source_length) * heads * width
            total += numbers * _BYTES[self._dtype]
        return total

    def generate(
        self, request: Request
    ) -> tuple[list[np.ndarray], list[np.ndarray], TextCache]:
        """Returns the new ids of each row, their log-probabilities, and the caches."""
        prompts = [np.asarray(prompt, "int32") for prompt in request.prompts]
        if not prompts:
            return [], [], TextCache([])
        limits = np.asarray(request.limits, "int32")
        if request.sampler is not None:
            new = self._search(prompts, limits, request)
            whole = [np.concatenate(pair) for pair in zip(prompts, new, strict=True)]
            scores = self._scores_of_new(prompts, whole, request)
            return new, scores, TextCache(whole)
        rows = len(prompts)
        draws = make_draws(request.seed, rows, max(int(limits.max()), 1))
        new = [np.zeros(0, "int32") for _ in prompts]
        scores = [np.zeros(0, "float32") for _ in prompts]
        over = limits <= 0
        loop = None
        kept = self._usable(request.kept, prompts)
        while not over.all():
            # Once, unless the angles of a text change with its length.
            now = [np.concatenate(pair) for pair in zip(prompts, new, strict=True)]
            done = [len(ids) for ids in new]
            steps = self._steps_before_change(now, over)
            batch = self._batch(now, limits - done, over, done, draws, request, kept)
            loop = self._loop(batch, kept)
            kept = None
            over = self._run(loop, batch, steps, new, scores, over, request)
        whole = [np.concatenate(pair) for pair in zip(prompts, new, strict=True)]
        if loop is not None and len(set(map(len, new))) == 1:
            kept = self._cut(loop.keep(), batch, len(new[0]) - done[0])
        return new, scores, TextCache(whole, kept, self)

    def _cut(self, kept: Kept, batch: Batch, new: int) -> Kept | None:
        """Returns the caches without steps that were made after the texts' end.

        A window has lost what those overwrote.
        """
        filled = batch.tokens.shape[1] - 1 + new
        window = self._backbone.context.window
        if filled < kept.filled and window is not None and window < kept.filled:
            return None
        return dataclasses.replace(kept, filled=filled)

    def _usable(
        self, cache: TextCache | None, prompts: list[np.ndarray]
    ) -> Kept | None:
        """Takes the caches of a call before, where the prompts grow them alike.

        The prompts begin with its texts.
        """
        if cache is None or cache.kept is None or cache.engine is not self:
            return None
        further = {
            len(prompt) - len(row)
            for prompt, row in zip(prompts, cache.rows, strict=True)
        }
        changes = [
            rotary.changes_at(len(row))
            for rotary in self._backbone.context.rotaries().values()
            for row in cache.rows
        ]
        if len(further) != 1 or any(change is not None for change in changes):
            return None
        kept, cache.kept = cache.kept, None  # a program may use up their memory
        return kept

    def score(
        self,
        rows: Sequence[np.ndarray],
        sources: Sequence[np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        """Returns of each row the log-probabilities of all tokens but the first.

        Args:
            rows: ids of each.
            sources: ids that an encoder reads, for each row; None without one.
        """
        longest = max(map(len, rows), default=0)
        shape = (len(rows), longest)
        if not self._is_eager:
            shape = (bucket(len(rows)), bucket(longest, _PROMPT))
        ids, mask = np.zeros((2, *shape), "int32")
        mask[:, 0] = 1
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        arrays, names = [ids, mask], ["token_ids", "padding_mask"]
        if (read := self._sources(sources, len(rows), shape[0])) is not None:
            arrays += [read.tokens, read.mask]
            names = [
                f"{part}_{key}" for part in ("decoder", "encoder") for key in names
            ]
        found = keras.ops.convert_to_numpy(
            self._call(
                ("score", *(array.shape for array in arrays)),
                lambda *tensors: _log_probabilities(
                    BoundDecoder(self._backbone).all_scores(
                        dict(zip(names, tensors, strict=True))
                    ),
                    tensors[0],
                ),
                *arrays,
            )
        )
        return [found[index, : max(len(row) - 1, 0)] for index, row in enumerate(rows)]

    def logits(
        self, inputs: dict[str, Any], intercept: Callable[[Any, int], Any] | None
    ) -> Any:
        """Returns the scores `(B, T, V)` of ids; see `BoundDecoder.all_scores`."""
        inputs = {key: keras.ops.convert_to_tensor(v) for key, v in inputs.items()}
        return BoundDecoder(self._backbone).all_scores(inputs, intercept)

    def _call(
        self,
        key: Any,
        function: Callable[..., Any],
        *arrays: np.ndarray,
        changing: Sequence[keras.Variable] = (),
    ) -> Any:
        """Calls a function of arrays that reads the model's weights."""
        if not self._is_eager:
            return self._programs.run(key, function, (), *arrays, changing=changing)
        import torch

        with torch.inference_mode():
            return function(*map(keras.ops.convert_to_tensor, arrays))

    def _run(
        self,
        loop: EagerLoop | CompiledLoop,
        batch: Batch,
        steps: int,
        new: list[np.ndarray],
        scores: list[np.ndarray],
        over: np.ndarray,
        request: Request,
    ) -> np.ndarray:
        """Runs a loop until it is over or so many steps were made; adds what is new."""
        before = [*new], [*scores]
        start, made = batch.tokens.shape[1], 0
        while made < steps:
            some = steps - made if request.is_over is None else min(8, steps - made)
            loop.run(some)
            made += some
            result = loop.fetch()
            if result.failed[: len(new)].any():
                row = int(np.argmax(result.failed))
                raise ValueError(
                    "Expected finite scores of tokens, the model gave NaN for row "
                    f"{row}. Look at its weights, or compute in bfloat16 or float32 "
                    "where float16 overflows."
                )
            over = result.done[: len(new)].copy()
            for row, count in enumerate(result.counts[: len(new)]):
                there = slice(start, start + int(count))
                for parts, old, table in (
                    (new, before[0], result.tokens),
                    (scores, before[1], result.log_probabilities),
                ):
                    parts[row] = np.concatenate((old[row], table[row, there]))
                if request.is_over is not None and request.is_over(row, new[row]):
                    over[row] = True
            if over.all():
                break
            if request.is_over is not None:
                loop.end(over)
        return over

    def _search(
        self, prompts: list[np.ndarray], limits: np.ndarray, request: Request
    ) -> list[np.ndarray]:
        """Generates by a sampler that chooses in its own way.

        It fills all the room that it is given, so rows with another limit go apart.
        """
        new = [np.zeros(0, "int32") for _ in prompts]
        stops, times = tuple(request.stop_ids), 1
        if beam_search_of(request.sampler) is not None:
            times = request.repeats
            if times > request.sampler.num_beams:
                raise ValueError(
                    f"Expected `num_return_sequences` of at most the number of beams, "
                    f"{request.sampler.num_beams}, received {times}. Compile the model "
                    f"with a BeamSampler({times})."
                )
        for limit in np.unique(limits):
            rows = np.flatnonzero(limits == limit)[::times]
            nothing = np.zeros((len(rows), 0), "float32")
            batch = self._batch(
                [prompts[row] for row in rows],
                limits[rows],
                np.zeros(len(rows), bool),
                [0] * len(rows),
                nothing,
                dataclasses.replace(
                    request,
                    sampling=Sampling(),
                    sources=self._sources_of(request, rows, len(prompts)),
                ),
            )
            filled = self._searched(batch, int(limit), request.sampler, stops)
            for row, texts in zip(rows, filled, strict=False):
                for place, ids in enumerate(texts[:times]):
                    ends = np.flatnonzero(np.isin(ids, stops))
                    new[row + place] = ids[: ends[0] + 1] if len(ends) else ids
        return new

    def _searched(
        self, batch: Batch, limit: int, sampler: Any, stops: tuple[int, ...]
    ) -> np.ndarray:
        """Returns what a sampler puts behind the prompts, int32 `(B, N, limit)`."""
        length, rules = batch.tokens.shape[1], batch.constraints
        tokens = np.pad(batch.tokens, ((0, 0), (0, limit)))
        sources = () if batch.sources is None else batch.sources.arrays
        shapes = [array.shape for array in (tokens, *sources)]
        filled, _ = self._call(
            ("search", sampler, *shapes, length, stops, rules),
            lambda tokens, padding, *sources: search(
                self._backbone, sampler, tokens, padding, length, stops, rules, sources
            ),
            tokens,
            batch.padding,
            *sources,
            changing=getattr(sampler, "variables", ()),
        )
        return keras.ops.convert_to_numpy(filled)[..., length:]

    def _scores_of_new(
        self, prompts: list[np.ndarray], whole: list[np.ndarray], request: Request
    ) -> list[np.ndarray]:
        if not request.keeps_log_probabilities:
            return [np.zeros(0, "float32") for _ in whole]
        each = self._sources_of(request, np.arange(len(whole)), len(whole))
        scores = self.score(whole, each)
        return [
            score[len(prompt) - 1 :]
            for prompt, score in zip(prompts, scores, strict=True)
        ]

    def _batch(
        self,
        prompts: list[np.ndarray],
        limits: np.ndarray,
        over: np.ndarray,
        done: list[int],
        draws: np.ndarray,
        request: Request,
        kept: Kept | None = None,
    ) -> Batch:
        rows = len(prompts)
        length = max(map(len, prompts))
        most = int(limits.max())
        stops = list(request.stop_ids) or [-1]
        batch, stop_count = rows, len(stops)
        if self._has_buckets:
            length = 1 + (bucket(length - 1, _PROMPT) if length > 1 else 0)
            batch, stop_count = bucket(rows), bucket(len(stops), _STOPS)
        if kept is not None:
            # What is new stands behind what is kept, wherever that is.
            assert request.kept is not None
            length = kept.filled + 1 + len(prompts[0]) - len(request.kept.rows[0])
        slots = self._slots(length + most)
        tokens = np.zeros((batch, length), "int32")
        padding = np.full(batch, length - 1, "int32")
        ahead = np.ones((batch, slots), "float32")
        for row, ids in enumerate(prompts):
            tokens[row, length - len(ids) :] = ids
            padding[row] = length - len(ids)
            mine = draws[row, done[row] :]
            ahead[row, : len(mine)] = mine
        limits = np.where(over, 0, limits)
        assert request.sampling is not None
        return Batch(
            tokens,
            padding,
            np.pad(limits, (0, batch - rows)).astype("int32"),
            np.array(stops + [-1] * (stop_count - len(stops)), "int32"),
            ahead,
            request.sampling,
            request.keeps_log_probabilities,
            slots,
            min(slots, self._slots(length + 1)),
            (request.constraints or NONE).after(max(done)),
            self._sources(request.sources, rows, batch),
        )

    @staticmethod
    def _sources_of(request: Request, rows: np.ndarray, number: int) -> Any:
        """Returns the sources of some of the rows, one for each."""
        if request.sources is None:
            return None
        repeats = number // len(request.sources)
        return [request.sources[row // repeats] for row in rows]

    def _sources(
        self, given: Sequence[np.ndarray] | None, rows: int, batch: int
    ) -> Sources | None:
        """Returns sources padded to one length.

        Args:
            given: ids of each.
            rows: number of rows that are about them, as many about each.
            batch: number of rows with those that fill up the batch.
        """
        if given is None:
            return None
        number, longest = len(given), max(map(len, given))
        repeats = rows // number
        if self._has_buckets:
            number, longest = bucket(number), bucket(longest, _PROMPT)
        tokens, mask = np.zeros((2, number, longest), "int32")
        for row, ids in enumerate(given):
            tokens[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        mask[len(given) :, 0] = 1
        if number * repeats == batch:
            return Sources(tokens, mask)
        of_rows = np.minimum(np.arange(batch) // repeats, number - 1)
        return Sources(tokens, mask, of_rows.astype("int32"))

    def _loop(self, batch: Batch, kept: Kept | None) -> EagerLoop | CompiledLoop:
        if not self._is_eager:
            return CompiledLoop(self._backbone, batch, self._programs, kept)
        decoder = None if self._steps is None else self._steps.decoder()
        return EagerLoop(self._backbone, batch, decoder, kept)

    @property
    def _dtype(self) -> str:
        return self._backbone.dtype_policy.compute_dtype

    @property
    def _is_eager(self) -> bool:
        return keras.config.backend() == "torch"

    @property
    def _has_buckets(self) -> bool:
        return not self._is_eager or self._steps is not None

    def _slots(self, length: int) -> int:
        return bucket(length, _SLOTS) if self._has_buckets else length

    def _steps_before_change(self, rows: list[np.ndarray], over: np.ndarray) -> int:
        """Returns the steps that can be made until what is cached is of no use."""
        changes = [
            rotary.changes_at(len(ids))
            for rotary in self._backbone.context.rotaries().values()
            for ids, ended in zip(rows, over, strict=True)
            if not ended
        ]
        known = [change for change in changes if change is not None]
        return min(known, default=2**30)


def _log_probabilities(scores: Any, ids: Any) -> Any:
    """Returns `(B, T - 1)`, of each token after the first."""
    scores = keras.ops.cast(scores[:, :-1], "float32")
    chosen = keras.ops.take_along_axis(scores, ids[:, 1:, None], axis=-1)[..., 0]
    return chosen - keras.ops.logsumexp(scores, axis=-1)


def bucket(number: int, least: int = 1) -> int:
    """Returns the smallest power of two that is not below a number, and `least`."""
    return max(least, 1 << max(number - 1, 0).bit_length())
