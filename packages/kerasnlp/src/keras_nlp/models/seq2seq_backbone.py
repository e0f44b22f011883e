"""What models that read one text and write another have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from domain_core import Backbone
from domain_core.layers import (
    AttentionContext,
    DecoderBlock,
    DecoderContext,
    DecoderEmbedding,
)


@dataclasses.dataclass(frozen=True)
class Stack:
    """An encoder, or a decoder.

    Attributes:
        embeddings: a `DecoderEmbedding`.
        context: an `AttentionContext` or a `DecoderContext`.
        blocks: the `DecoderBlock`s; those of a decoder have cross-attention.
        norm: the last normalization, or None.
    """

    embeddings: DecoderEmbedding
    context: AttentionContext | DecoderContext
    blocks: Sequence[DecoderBlock]
    norm: keras.layers.Layer | None = None


class Seq2SeqBackbone(Backbone):
    """An encoder that reads a text, and a decoder that writes another one on it.

    Inputs: "encoder_token_ids" and "encoder_padding_mask", int `(B, S)`,
    "decoder_token_ids" and "decoder_padding_mask", int `(B, T)`. Output: a dict of
    features, "encoder_sequence_output" `(B, S, D)` and "decoder_sequence_output"
    `(B, T, D)`, of which `embeddings(..., reverse=True)` makes scores of tokens.

    Args:
        encoder: what reads.
        decoder: what writes; its embeddings share the encoder's table.
        dtype: dtype policy that these were made under.
        name: name of the model.
        trainable: whether its weights train.
    """

    def __init__(
        self,
        encoder: Stack,
        decoder: Stack,
        *,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        inputs = {
            f"{part}_{key}": keras.Input((None,), dtype="int32", name=f"{part}_{key}")
            for part in ("encoder", "decoder")
            for key in ("token_ids", "padding_mask")
        }
        source_mask = inputs["encoder_padding_mask"]
        context = encoder.context(source_mask)
        x = encoder.embeddings(inputs["encoder_token_ids"])
        for block in encoder.blocks:
            x = block(x, context)
        source = x if encoder.norm is None else encoder.norm(x)
        context = decoder.context(inputs["decoder_padding_mask"], source_mask)
        x = decoder.embeddings(inputs["decoder_token_ids"], context)
        for block in decoder.blocks:
            x = block(x, {**context, "source": source})
        outputs = {
            "encoder_sequence_output": source,
            "decoder_sequence_output": x if decoder.norm is None else decoder.norm(x),
        }
        super().__init__(inputs, outputs, name=name, trainable=trainable, dtype=dtype)
        self.encoder_embeddings = encoder.embeddings
        self.encoder_context = encoder.context
        self.encoder_blocks = list(encoder.blocks)
        self.encoder_norm = encoder.norm
        # A decoder's, by the names that the engine knows.
        self.embeddings = decoder.embeddings
        self.context = decoder.context
        self.blocks = list(decoder.blocks)
        self.norm = decoder.norm

    @property
    def token_embedding(self) -> keras.layers.Layer:
        return self.embeddings.token_embedding
