"""Tests that every family inherits; needs pytest."""

from domain_core.testing.applications import application as application
from domain_core.testing.backbone_contract import BackboneContract as BackboneContract
from domain_core.testing.backbone_contract import BlockContract as BlockContract
from domain_core.testing.decoder_family_contract import (
    DecoderFamilyContract as DecoderFamilyContract,
)
from domain_core.testing.decoder_family_contract import (
    write_llama_tokenizer as write_llama_tokenizer,
)
from domain_core.testing.encoder_family_contract import (
    EncoderFamilyContract as EncoderFamilyContract,
)
from domain_core.testing.fresh_process import run_python as run_python
from domain_core.testing.references import reference as reference
from domain_core.testing.seq2seq_family_contract import (
    Seq2SeqFamilyContract as Seq2SeqFamilyContract,
)
from domain_core.testing.task_contract import MaskedLMContract as MaskedLMContract
from domain_core.testing.task_contract import TaskContract as TaskContract
from domain_core.testing.texts import NASTY_TEXTS as NASTY_TEXTS
from domain_core.testing.texts import byte_fallback_model as byte_fallback_model
from domain_core.testing.texts import byte_level_vocabulary as byte_level_vocabulary
from domain_core.testing.texts import real_texts as real_texts
from domain_core.testing.texts import sentence_piece_model as sentence_piece_model
from domain_core.testing.tokenizer_contract import (
    TokenizerContract as TokenizerContract,
)
from domain_core.testing.training_contract import TrainingContract as TrainingContract
from domain_core.testing.values import assert_close as assert_close
from domain_core.testing.values import draw_weights as draw_weights
from domain_core.testing.values import to_numpy as to_numpy
