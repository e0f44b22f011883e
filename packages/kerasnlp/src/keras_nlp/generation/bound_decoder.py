"""A decoder as plain functions over its weights as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain_core.layers import KeyValueCache
from domain_core.layers.projection import bound_norm

if TYPE_CHECKING:
    from keras_nlp.models.decoder_backbone import DecoderBackbone


class BoundDecoder:
    """What a loop calls at each step, in place of layers.

    Args:
        backbone: a built `DecoderBackbone`.
    """

    def __init__(self, backbone: DecoderBackbone) -> None:
        self.context = backbone.context
        self._embed = backbone.embeddings.bind()
        self._blocks = [block.bind() for block in backbone.blocks]
        self._norm = bound_norm(backbone.norm, backbone.dtype_policy)
        self.scores = backbone.embeddings.bind_scores()

    def features(
        self, token_ids: Any, context: dict[str, Any], caches: list[KeyValueCache]
    ) -> Any:
        """Returns the features `(B, T, D)` of tokens, and adds these to the caches.

        Args:
            token_ids: int `(B, T)`.
            context: of `DecoderContext.cached`.
            caches: one for each block.
        """
        x = self._embed(token_ids, context)
        for block, cache in zip(self._blocks, caches, strict=True):
            x = block(x, context, False, cache)
        return self._norm(x)


def make_caches(
    backbone: DecoderBackbone, batch: int, slots: int
) -> list[KeyValueCache]:
    """Returns empty caches, one for each block.

    Args:
        backbone: a built `DecoderBackbone`.
        batch: number of rows.
        slots: number of tokens that they must hold.
    """
    window = backbone.context.window
    return [block.make_cache(batch, slots, window) for block in backbone.blocks]
