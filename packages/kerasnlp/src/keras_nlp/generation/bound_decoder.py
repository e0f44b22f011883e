"""A decoder as plain functions over its weights as they are now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        self,
        token_ids: Any,
        context: dict[str, Any],
        caches: Sequence[KeyValueCache | None] | None = None,
        intercept: Callable[[Any, int], Any] | None = None,
    ) -> Any:
        """Returns the features `(B, T, D)` of tokens, and adds these to the caches.

        Args:
            token_ids: int `(B, T)`.
            context: of `DecoderContext`.
            caches: one for each block; None for none.
            intercept: called with what the embedding and each block give, and the
                number of the block, -1 at first; what it returns takes its place.
        """
        x = self._embed(token_ids, context)
        if intercept is not None:
            x = intercept(x, -1)
        kept = caches or [None] * len(self._blocks)
        for index, (block, cache) in enumerate(zip(self._blocks, kept, strict=True)):
            x = block(x, context, False, cache)
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
            inputs: dict of "token_ids" and "padding_mask", `(B, T)`.
            intercept: as of `features`.
        """
        context = self.context.call(inputs["padding_mask"])
        features = self.features(inputs["token_ids"], context, None, intercept)
        return self.scores(features)


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
