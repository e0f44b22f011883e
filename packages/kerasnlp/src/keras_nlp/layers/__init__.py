"""Layers, and the preprocessing of tokens that upstream calls layers."""

from domain_core.layers import MaskedLMHead as MaskedLMHead
from domain_core.text.masking import MaskedLMMaskGenerator as MaskedLMMaskGenerator
from domain_core.text.multi_segment_packer import (
    MultiSegmentPacker as MultiSegmentPacker,
)
from domain_core.text.start_end_packer import StartEndPacker as StartEndPacker
