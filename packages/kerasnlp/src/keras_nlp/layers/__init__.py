"""Layers, and the preprocessing of tokens that upstream calls layers."""

from domain_core.layers import AlibiBias as AlibiBias
from domain_core.layers import CachedMultiHeadAttention as CachedMultiHeadAttention
from domain_core.layers import FNetEncoder as FNetEncoder
from domain_core.layers import MaskedLMHead as MaskedLMHead
from domain_core.layers import PositionEmbedding as PositionEmbedding
from domain_core.layers import ReversibleEmbedding as ReversibleEmbedding
from domain_core.layers import RotaryEmbedding as RotaryEmbedding
from domain_core.layers import SinePositionEncoding as SinePositionEncoding
from domain_core.layers import TokenAndPositionEmbedding as TokenAndPositionEmbedding
from domain_core.layers import TransformerDecoder as TransformerDecoder
from domain_core.layers import TransformerEncoder as TransformerEncoder
from domain_core.text.rows.masking import MaskedLMMaskGenerator as MaskedLMMaskGenerator
from domain_core.text.rows.multi_segment_packer import (
    MultiSegmentPacker as MultiSegmentPacker,
)
from domain_core.text.rows.random_deletion import RandomDeletion as RandomDeletion
from domain_core.text.rows.random_swap import RandomSwap as RandomSwap
from domain_core.text.rows.span_corruption import SpanCorruption as SpanCorruption
from domain_core.text.rows.start_end_packer import StartEndPacker as StartEndPacker
