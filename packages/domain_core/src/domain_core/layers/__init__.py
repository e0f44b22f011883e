"""Blocks that models of both domains are made of."""

from domain_core.layers.attention import SelfAttention as SelfAttention
from domain_core.layers.attention_context import AttentionContext as AttentionContext
from domain_core.layers.encoder_block import EncoderBlock as EncoderBlock
from domain_core.layers.feed_forward import FeedForward as FeedForward
from domain_core.layers.first_token_pooler import FirstTokenPooler as FirstTokenPooler
from domain_core.layers.masked_lm_head import MaskedLMHead as MaskedLMHead
from domain_core.layers.text_embedding import TextEmbedding as TextEmbedding
