"""BERT's WordPiece tokenizer as `tokenizer.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from domain_core.text.byte_pair.files import check_ids
from domain_core.text.tokenizer_json import (
    added_tokens_json,
    component_type,
    not_expressible,
    read_added_tokens,
    require_model,
)
from domain_core.text.word_piece.engine import WordPieceEngine

_PRE_TOKENIZER = {"type": "BertPreTokenizer"}


def word_piece_from_json(
    data: Mapping[str, Any], *, named: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns the arguments of a `BertTokenizer`.

    Args:
        data: content of the file.
        named: special tokens that the tokenizer's class names.

    Raises:
        ValueError: if a component has no counterpart; the message names it.
    """
    model = data["model"]
    require_model(
        model,
        "WordPiece",
        {"max_input_chars_per_word": (WordPieceEngine.max_word_length,)},
    )
    normalizer: Any = data.get("normalizer")
    is_bert = component_type(normalizer) == "BertNormalizer"
    if not is_bert or not normalizer.get("clean_text"):
        raise not_expressible("normalizer", normalizer)
    if data.get("pre_tokenizer") != _PRE_TOKENIZER:
        raise not_expressible("pre_tokenizer", data.get("pre_tokenizer"))
    decoder = data.get("decoder")
    if decoder is not None and component_type(decoder) != "WordPiece":
        raise not_expressible("decoder", decoder)
    vocabulary = check_ids(model.get("vocab"), "model.vocab")
    added = read_added_tokens(data, vocabulary)
    if added.plain:
        raise not_expressible("added_tokens", added.plain)
    ids = check_ids({**vocabulary, **added.ids}, "added_tokens")
    if list(ids.values()) != list(range(len(ids))):
        raise ValueError(
            f"Expected ids from 0 to {len(ids) - 1} without gaps in 'model.vocab', "
            f"received ids up to {max(ids.values())}."
        )
    arguments = {
        "vocabulary": list(ids),
        "lowercase": bool(normalizer.get("lowercase")),
        "strip_accents": normalizer.get("strip_accents"),
        "oov_token": model.get("unk_token"),
        "suffix_indicator": model.get("continuing_subword_prefix"),
        "split_on_cjk": bool(normalizer.get("handle_chinese_chars")),
    }
    others = [t for t in added.special if t not in (*named, arguments["oov_token"])]
    return {**arguments, "special_tokens": others} if others else arguments


def word_piece_to_json(
    vocabulary: Sequence[str],
    *,
    lowercase: bool,
    strip_accents: bool | None,
    split_on_cjk: bool,
    suffix_indicator: str,
    oov_token: str,
    special_tokens: Mapping[str, int],
) -> dict[str, Any]:
    """Returns the components of a `BertTokenizer`."""
    return {
        "added_tokens": added_tokens_json(special_tokens, {}),
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": split_on_cjk,
            "strip_accents": strip_accents,
            "lowercase": lowercase,
        },
        "pre_tokenizer": _PRE_TOKENIZER,
        "post_processor": None,
        "decoder": {"type": "WordPiece", "prefix": suffix_indicator, "cleanup": False},
        "model": {
            "type": "WordPiece",
            "unk_token": oov_token,
            "continuing_subword_prefix": suffix_indicator,
            "max_input_chars_per_word": WordPieceEngine.max_word_length,
            "vocab": {token: index for index, token in enumerate(vocabulary)},
        },
    }
