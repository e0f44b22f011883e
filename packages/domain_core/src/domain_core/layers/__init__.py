"""Blocks that models of both domains are made of."""

from keras.layers import ReversibleEmbedding as ReversibleEmbedding

from domain_core.layers.alibi_bias import AlibiBias as AlibiBias
from domain_core.layers.attention import CrossAttention as CrossAttention
from domain_core.layers.attention import SelfAttention as SelfAttention
from domain_core.layers.attention_context import AttentionContext as AttentionContext
from domain_core.layers.cached_multi_head_attention import (
    CachedMultiHeadAttention as CachedMultiHeadAttention,
)
from domain_core.layers.decoder_block import DecoderBlock as DecoderBlock
from domain_core.layers.decoder_context import DecoderContext as DecoderContext
from domain_core.layers.decoder_embedding import DecoderEmbedding as DecoderEmbedding
from domain_core.layers.encoder_block import EncoderBlock as EncoderBlock
from domain_core.layers.f_net_encoder import FNetEncoder as FNetEncoder
from domain_core.layers.feed_forward import FeedForward as FeedForward
from domain_core.layers.feed_forward import GatedFeedForward as GatedFeedForward
from domain_core.layers.first_token_pooler import FirstTokenPooler as FirstTokenPooler
from domain_core.layers.key_value_cache import KeyValueCache as KeyValueCache
from domain_core.layers.key_value_cache import WindowCache as WindowCache
from domain_core.layers.masked_lm_head import MaskedLMHead as MaskedLMHead
from domain_core.layers.patch_embedding import PatchEmbedding as PatchEmbedding
from domain_core.layers.position_embedding import PositionEmbedding as PositionEmbedding
from domain_core.layers.relative_positions import (
    RelativePositions as RelativePositions,
)
from domain_core.layers.rms_norm import RMSNorm as RMSNorm
from domain_core.layers.rotary import Rotary as Rotary
from domain_core.layers.rotary_embedding import RotaryEmbedding as RotaryEmbedding
from domain_core.layers.sine_position_encoding import (
    SinePositionEncoding as SinePositionEncoding,
)
from domain_core.layers.text_embedding import TextEmbedding as TextEmbedding
from domain_core.layers.token_and_position_embedding import (
    TokenAndPositionEmbedding as TokenAndPositionEmbedding,
)
from domain_core.layers.transformer_decoder import (
    TransformerDecoder as TransformerDecoder,
)
from domain_core.layers.transformer_encoder import (
    TransformerEncoder as TransformerEncoder,
)
