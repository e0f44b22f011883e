"""Generation by samplers that choose in their own way: beams, contrasts, a user's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from domain_core import ops
from keras_nlp.generation.bound_decoder import BoundDecoder, make_caches
from keras_nlp.generation.loops import encode
from keras_nlp.generation.step import column

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
    sources: tuple[Any, ...] = (),
) -> Any:
    """Returns rows of tokens that a sampler has filled, int32 `(B, S)`.

    Args:
        backbone: a built `DecoderBackbone`.
        sampler: what chooses.
        tokens: prompts, each at the end of the first slots, int32 `(B, S)`.
        padding: slots before each prompt, int32 `(B,)`.
        length: number of slots that prompts take.
        stop_ids: ids that end a row.
        sources: what `encode` of `loops` takes; empty without an encoder.
    """
    decoder = BoundDecoder(backbone)
    # What belongs to all texts of a row stays where it is: samplers keep these together.
    source = encode(backbone, *sources, decoder=decoder) if sources else {}
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

    def step(prompt: Any, cache: dict[str, Any], index: Any) -> tuple[Any, Any, Any]:
        kept = [
            type(kind)(*tensors)
            for kind, tensors in zip(caches, cache["blocks"], strict=True)
        ]
        context = decoder.context.cached(index - 1, 1, slots, cache["padding"])
        context |= source
        token = column(prompt, index - 1)
        features = decoder.features(token, context, kept)[:, 0]
        return decoder.scores(features), features, tree(cache["padding"], kept)

    mask = np.broadcast_to(np.arange(slots) < length, (rows, slots))
    return sampler(
        step,
        tokens,
        cache=tree(padding, caches),
        index=length,
        mask=keras.ops.convert_to_tensor(mask),
        stop_token_ids=stop_ids or None,
        hidden_states=states,
    )
