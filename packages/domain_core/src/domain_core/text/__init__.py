"""Engines under tokenizers and text preprocessors, on NumPy and compiled code.

A folder for each kind of tokenizer, and `rows` for what comes after: packers, maskers,
random changes. Files named `graph*.py` hold operations of TensorFlow graphs.
"""

from domain_core.arrays.ragged import Ragged as Ragged
from domain_core.text.byte_pair.engine import BytePairEngine as BytePairEngine
from domain_core.text.encoding import Encoding as Encoding
from domain_core.text.encoding import TruncationWarning as TruncationWarning
from domain_core.text.rows.context_windows import Windows as Windows
from domain_core.text.rows.context_windows import pack_windows as pack_windows
from domain_core.text.rows.masking import MaskedLMMaskGenerator as MaskedLMMaskGenerator
from domain_core.text.rows.multi_segment_packer import (
    MultiSegmentPacker as MultiSegmentPacker,
)
from domain_core.text.rows.packed_rows import Packed as Packed
from domain_core.text.rows.random_deletion import RandomDeletion as RandomDeletion
from domain_core.text.rows.random_swap import RandomSwap as RandomSwap
from domain_core.text.rows.span_corruption import SpanCorruption as SpanCorruption
from domain_core.text.rows.start_end_packer import StartEndPacker as StartEndPacker
from domain_core.text.stream_decoder import StreamDecoder as StreamDecoder
from domain_core.text.word_piece.bert_engine import (
    BertWordPieceEngine as BertWordPieceEngine,
)
from domain_core.text.word_piece.engine import WordPieceEngine as WordPieceEngine
from domain_core.text.word_piece.keras_engine import (
    KerasWordPieceEngine as KerasWordPieceEngine,
)
