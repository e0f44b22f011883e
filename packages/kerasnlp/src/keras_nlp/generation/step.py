"""One step of generation: the last token in, the next one out.

The same lines run step by step on torch, in place, and inside a compiled loop on JAX
and TensorFlow, where they make new tensors.

Shapes: `B` rows, `S` slots, `V` tokens of the vocabulary. All rows end in the same
slot; the padding is before them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras

from domain_core import ops
from domain_core.layers import KeyValueCache
from keras_nlp.generation.bound_decoder import BoundDecoder
from keras_nlp.generation.constraints import NONE, Constraints
from keras_nlp.generation.rows import column, held
from keras_nlp.generation.sampling import Sampling, choose, log_probability, when


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is asked for each row of a batch, and does not change on the way.

    Attributes:
        padding: slots before each prompt, int32 `(B,)`; None for none at all.
        limits: number of tokens to generate at most, int32 `(B,)`.
        stop_ids: ids that end a row, int32 `(N,)`; -1 for none.
        draws: float32 `(B, N)` in `(0, 1]`, by number of the token.
        sampling: how to choose.
        keeps_log_probabilities: a bool, or a bool tensor.
        constraints: what may not be chosen.
        source: what `BoundDecoder.encode` gave; empty without an encoder.
    """

    padding: Any
    limits: Any
    stop_ids: Any
    draws: Any
    sampling: Sampling
    keeps_log_probabilities: Any
    constraints: Constraints = NONE
    source: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class State:
    """Where a batch stands. The last token is chosen, and not in the caches yet.

    Attributes:
        tokens: int32 `(B, S)`, each in its slot.
        slot: of the last token; an int, or an int tensor.
        caches: one for each block.
        done: bool `(B,)`, rows that have ended.
        counts: int32 `(B,)`, tokens that each row has generated.
        steps: int, or int tensor: steps that were made.
        log_probabilities: float32 `(B, S)`, by slot.
        failed: bool `(B,)`, rows whose scores were not finite.
    """

    tokens: Any
    slot: Any
    caches: list[KeyValueCache]
    done: Any
    counts: Any
    steps: Any
    log_probabilities: Any
    failed: Any


def advance(
    decoder: BoundDecoder,
    plan: Plan,
    state: State,
    filled: int | None = None,
    tables: dict[str, Any] | None = None,
) -> None:
    """Makes one step.

    Args:
        decoder: the model.
        plan: what is asked for.
        state: changes to what is the case afterwards.
        filled: number of slots to attend to; None for all, under masks.
        tables: rotary tables of all positions; None to make them.
    """
    slot = state.slot
    token = column(state.tokens, slot)  # (B, 1)
    context = decoder.context.cached(
        slot,
        1,
        state.tokens.shape[1],
        plan.padding,
        filled=filled,
        tables=tables,
    )
    context |= plan.source
    scores = decoder.step(token, context, state.caches)
    scores = keras.ops.cast(scores, "float32")  # (B, V)
    draws = column(plan.draws, state.steps)[:, 0]
    allowed = scores
    if plan.constraints:
        allowed = plan.constraints.apply(
            scores,
            state.tokens,
            slot,
            padding=plan.padding,
            counts=state.counts,
            limits=plan.limits,
            stop_ids=plan.stop_ids,
        )
    chosen = choose(
        allowed, draws, plan.sampling, lambda: _seen(plan, state, scores.shape[-1])
    )
    score = keras.ops.take_along_axis(scores, chosen[:, None], axis=-1)[:, 0]
    state.failed = state.failed | ((score != score) & ~state.done)
    kept = when(
        plan.keeps_log_probabilities,
        lambda: ops.write_rows(
            state.log_probabilities,
            log_probability(scores, chosen)[:, None],
            slot + 1,
        ),
        lambda: state.log_probabilities,
    )
    state.log_probabilities = kept
    going = ~state.done
    chosen = chosen * keras.ops.cast(going, "int32")
    state.tokens = ops.write_rows(state.tokens, chosen[:, None], slot + 1)
    state.counts = state.counts + keras.ops.cast(going, "int32")
    stops = keras.ops.any(chosen[:, None] == plan.stop_ids[None, :], axis=-1)
    state.done = state.done | stops | (state.counts >= plan.limits)
    state.slot = slot + 1
    state.steps = state.steps + 1


def _seen(plan: Plan, state: State, vocabulary_size: int) -> Any:
    """Returns which tokens a row holds so far, bool `(B, V)`."""
    places = keras.ops.arange(state.tokens.shape[1], dtype="int32")[None, :]
    there = places <= state.slot
    if plan.padding is not None:
        there = there & (places >= plan.padding[:, None])
    return held(state.tokens, there, vocabulary_size)
