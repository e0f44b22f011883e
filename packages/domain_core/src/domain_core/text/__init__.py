"""Engines under tokenizers and text preprocessors, on NumPy and compiled code."""

from domain_core.ragged import Ragged as Ragged
from domain_core.text.bert_word_piece import BertWordPieceEngine as BertWordPieceEngine
from domain_core.text.byte_pair import BytePairEngine as BytePairEngine
from domain_core.text.encoding import Encoding as Encoding
from domain_core.text.encoding import TruncationWarning as TruncationWarning
from domain_core.text.keras_word_piece import (
    KerasWordPieceEngine as KerasWordPieceEngine,
)
from domain_core.text.masking import MaskedLMMaskGenerator as MaskedLMMaskGenerator
from domain_core.text.multi_segment_packer import (
    MultiSegmentPacker as MultiSegmentPacker,
)
from domain_core.text.packing import Packed as Packed
from domain_core.text.random_deletion import RandomDeletion as RandomDeletion
from domain_core.text.random_swap import RandomSwap as RandomSwap
from domain_core.text.start_end_packer import StartEndPacker as StartEndPacker
from domain_core.text.stream_decoder import StreamDecoder as StreamDecoder
from domain_core.text.windows import Windows as Windows
from domain_core.text.windows import pack_windows as pack_windows
from domain_core.text.word_piece import WordPieceEngine as WordPieceEngine
