"""Generation by samplers that choose in their own way: beams, contrasts, a user's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from domain_core import ops
from keras_nlp.generation.bound_decoder import BoundDecoder, encode, make_caches
from keras_nlp.generation.constraints import NONE, Constraints
from keras_nlp.generation.rows import column

if TYPE_CHECKING:
    from keras_nlp.models.decoder_backbone import DecoderBackbone
    from keras_nlp.samplers import Sampler


def search(
    backbone: DecoderBackbone,
    sampler: Sampler,
    tokens: Any,
    padding: Any,
    length: int,
    stop_ids: tuple[int, ...],
    constraints: Constraints = NONE,
    sources: tuple[Any, ...] = (),
) -> tuple[Any, Any]:
    """Fills rows of tokens by a sampler.

    Constraints are applied to the scores that it gets; those of a `BeamSampler` to its
    log-probabilities, which need not sum to 1 then.

    Args:
        backbone: a built `DecoderBackbone`.
        sampler: what chooses.
        tokens: prompts, each at the end of the first slots, int32 `(B, S)`.
        padding: slots before each prompt, int32 `(B,)`.
        length: number of slots that prompts take.
        stop_ids: ids that end a row.
        constraints: what may not be chosen.
        sources: what `encode` takes; empty without an encoder.

    Returns:
        The `N` rows of tokens for each prompt, int32 `(B, N, S)`, the best first: as
        many as there are beams, or one. And their scores, float32 `(B, N)`; None where
        there are no beams.
    """
    beam_search = beam_search_of(sampler)
    decoder = BoundDecoder(backbone)
    # What belongs to all texts of a row stays: samplers keep these together.
    source = encode(decoder, *sources) if sources else {}
    rows, slots = tokens.shape
    caches = make_caches(backbone, rows, slots)
    width = backbone.embeddings.hidden_dim
    states = keras.ops.zeros((rows, slots, width), backbone.compute_dtype)
    if length > 1:
        context = decoder.context.cached(
            0, length - 1, slots, padding, is_first=True, ahead=1
        )
        context |= source
        features = decoder.features(tokens[:, : length - 1], context, caches)
        # Nothing resembles padding.
        real = keras.ops.arange(length - 1)[None, :] >= padding[:, None]
        features = features * keras.ops.cast(real[..., None], features.dtype)
        states = ops.write_rows(states, features, 0)

    # Samplers move rows about: all that belongs to a row is in the tree.
    def tree(padding: Any, caches: Any) -> dict[str, Any]:
        return {"padding": padding, "blocks": [cache.tensors for cache in caches]}

    def constrain(scores: Any, prompt: Any, index: Any) -> Any:
        return constraints.apply(
            scores,
            prompt,
            index - 1,
            padding=keras.ops.repeat(padding, prompt.shape[0] // rows),
            counts=index - length,
            limits=slots - length,
            stop_ids=keras.ops.convert_to_tensor(stop_ids or (-1,), "int32"),
        )

    def step(prompt: Any, cache: dict[str, Any], index: Any) -> tuple[Any, Any, Any]:
        kept = [
            type(kind)(*tensors)
            for kind, tensors in zip(caches, cache["blocks"], strict=True)
        ]
        context = decoder.context.cached(index - 1, 1, slots, cache["padding"])
        context |= source
        token = column(prompt, index - 1)
        features = decoder.features(token, context, kept)[:, 0]
        scores = decoder.scores(features)
        if constraints and beam_search is None:
            scores = constrain(keras.ops.cast(scores, "float32"), prompt, index)
        return scores, features, tree(cache["padding"], kept)

    mask = np.broadcast_to(np.arange(slots) < length, (rows, slots))
    arguments: dict[str, Any] = {
        "cache": tree(padding, caches),
        "index": length,
        "mask": keras.ops.convert_to_tensor(mask),
        "stop_token_ids": stop_ids or None,
    }
    if beam_search is not None:
        rules = constrain if constraints else None
        return beam_search(step, tokens, **arguments, constrain=rules)
    filled = sampler(step, tokens, **arguments, hidden_states=states)
    return filled[:, None], None


def beam_search_of(sampler: Any) -> Any:
    """Returns what finds several texts, of a `BeamSampler`; else None.

    Samplers stand above the engine, and any function may be one.
    """
    return getattr(sampler, "search_beams", None)
