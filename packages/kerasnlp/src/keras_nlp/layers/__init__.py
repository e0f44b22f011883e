"""Layers, and the preprocessing of tokens that upstream calls layers."""

from domain_core.text.masking import MaskedLMMaskGenerator as MaskedLMMaskGenerator
from domain_core.text.packers import MultiSegmentPacker as MultiSegmentPacker
from domain_core.text.packers import StartEndPacker as StartEndPacker
