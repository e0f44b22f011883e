"""A decoder as plain functions over its weights as they are now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras

from domain_core.layers import KeyValueCache
from domain_core.layers.attention_mask import source_bias
from domain_core.layers.projection import bound_norm

if TYPE_CHECKING:
    from keras_nlp.models.decoder_backbone import DecoderBackbone
    from keras_nlp.models.seq2seq_backbone import Seq2SeqBackbone


class BoundDecoder:
    """What a loop calls at each step, in place of layers.

    Args:
        backbone: a built `DecoderBackbone` or `Seq2SeqBackbone`.
    """

    def __init__(self, backbone: DecoderBackbone | Seq2SeqBackbone) -> None:
        self._backbone = backbone
        self.context = backbone.context
        self._embed = backbone.embeddings.bind()
        self._blocks = [block.bind() for block in backbone.blocks]
        self._norm = _bound_norm(backbone.norm, backbone.dtype_policy)
        self.scores = backbone.embeddings.bind_scores()

    def encode(self, token_ids: Any, padding_mask: Any) -> dict[str, Any]:
        """Reads sources, and returns what the context of a decoder needs of them.

        Args:
            token_ids: int `(B, S)`.
            padding_mask: int `(B, S)`, nonzero for real tokens.

        Returns:
            Dict with "source_bias", `(B, 1, 1, S)`, and "sources", keys and values
            `(B, H, S, h)` for each block.
        """
        backbone: Any = self._backbone
        context = backbone.encoder_context.call(padding_mask)
        x = backbone.encoder_embeddings.bind()(token_ids, None)
        for block in backbone.encoder_blocks:
            x = block.bind()(x, context)
        x = _bound_norm(backbone.encoder_norm, backbone.dtype_policy)(x)
        return {
            "source_bias": source_bias(padding_mask, backbone.compute_dtype),
            "sources": [
                block.cross_attention.bind_source()(x) for block in backbone.blocks
            ],
        }

    def features(
        self,
        token_ids: Any,
        context: dict[str, Any],
        caches: Sequence[KeyValueCache | None] | None = None,
        intercept: Callable[[Any, int], Any] | None = None,
    ) -> Any:
        """Returns the features `(B, T, D)` of tokens, and adds these to the caches.

        Args:
            token_ids: int `(B, T)`.
            context: of `DecoderContext`; with what `encode` gives.
            caches: one for each block; None for none.
            intercept: called with what the embedding and each block give, and the
                number of the block, -1 at first; what it returns takes its place.
        """
        x = self._embed(token_ids, context)
        if intercept is not None:
            x = intercept(x, -1)
        kept = caches or [None] * len(self._blocks)
        sources = context.get("sources")
        for index, (block, cache) in enumerate(zip(self._blocks, kept, strict=True)):
            own = context if sources is None else {**context, "source": sources[index]}
            x = block(x, own, False, cache)
            if intercept is not None:
                x = intercept(x, index)
        return self._norm(x)

    def step(
        self, token: Any, context: dict[str, Any], caches: Sequence[KeyValueCache]
    ) -> Any:
        """Returns the scores `(B, V)` of the tokens after one token per row.

        Args:
            token: int `(B, 1)`.
            context: of `DecoderContext.cached`.
            caches: one for each block.
        """
        return self.scores(self.features(token, context, caches))[:, 0]

    def all_scores(
        self, inputs: dict[str, Any], intercept: Callable[[Any, int], Any] | None = None
    ) -> Any:
        """Returns the scores `(B, T, V)` of the tokens after each.

        Args:
            inputs: those of the backbone.
            intercept: as of `features`.
        """
        prefix, source = "", {}
        if "encoder_token_ids" in inputs:
            prefix = "decoder_"
            source = self.encode(
                inputs["encoder_token_ids"], inputs["encoder_padding_mask"]
            )
        context = {**self.context.call(inputs[f"{prefix}padding_mask"]), **source}
        ids = inputs[f"{prefix}token_ids"]
        return self.scores(self.features(ids, context, None, intercept))


def _bound_norm(norm: Any, policy: Any) -> Callable[[Any], Any]:
    return (lambda x: x) if norm is None else bound_norm(norm, policy)


def encode(decoder: BoundDecoder, *sources: Any) -> dict[str, Any]:
    """Returns what `BoundDecoder.encode` gives, for the rows of a batch.

    Args:
        decoder: of a `Seq2SeqBackbone`.
        *sources: tensors as `Sources.arrays` has them.
    """
    tokens, mask, *rows = sources
    source = decoder.encode(tokens, mask)
    if not rows:
        return source
    taken: dict[str, Any] = keras.tree.map_structure(
        lambda x: keras.ops.take(x, rows[0], axis=0), source
    )
    return taken


def make_caches(
    backbone: DecoderBackbone | Seq2SeqBackbone, batch: int, slots: int
) -> list[KeyValueCache]:
    """Returns empty caches, one for each block.

    Args:
        backbone: a built `DecoderBackbone`.
        batch: number of rows.
        slots: number of tokens that they must hold.
    """
    window = backbone.context.window
    return [block.make_cache(batch, slots, window) for block in backbone.blocks]
