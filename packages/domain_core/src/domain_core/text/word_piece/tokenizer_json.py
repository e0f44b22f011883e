"""BERT's WordPiece tokenizer as `tokenizer.json`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from domain_core.text.byte_pair.files import check_ids
from domain_core.text.tokenizer_json import (
    AddedToken,
    added_tokens_json,
    boolean,
    component_type,
    not_expressible,
    number_tokens,
    read_added_tokens,
    require_flags,
    require_model,
)
from domain_core.text.word_piece.engine import WordPieceEngine

_PRE_TOKENIZER = {"type": "BertPreTokenizer"}


def word_piece_from_json(
    data: Mapping[str, Any],
    *,
    named: Sequence[str] = (),
    added: Mapping[str, AddedToken] | None = None,
) -> dict[str, Any]:
    """Returns the arguments of a `BertTokenizer`.

    Args:
        data: content of the file.
        named: special tokens that the tokenizer's class names.
        added: added tokens, where they are told elsewhere.

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
    if not is_bert or normalizer.get("clean_text") is not True:
        raise not_expressible("normalizer", normalizer)
    if data.get("pre_tokenizer") != _PRE_TOKENIZER:
        raise not_expressible("pre_tokenizer", data.get("pre_tokenizer"))
    decoder = data.get("decoder")
    if decoder is not None and component_type(decoder) != "WordPiece":
        raise not_expressible("decoder", decoder)
    ids = check_ids(model.get("vocab"), "model.vocab")
    if list(ids.values()) != list(range(len(ids))):
        raise ValueError(
            f"Expected ids from 0 to {len(ids) - 1} without gaps in 'model.vocab', "
            f"received ids up to {max(ids.values())}."
        )
    strip = normalizer.get("strip_accents")
    oov_token = _text("model.unk_token", model.get("unk_token", "[UNK]"))
    if added is None:
        added = read_added_tokens(data)
    return {
        "vocabulary": list(ids),
        "lowercase": boolean("lowercase", normalizer.get("lowercase")),
        "strip_accents": strip if strip is None else boolean("strip_accents", strip),
        "oov_token": oov_token,
        "suffix_indicator": _text(
            "model.continuing_subword_prefix",
            model.get("continuing_subword_prefix", "##"),
        ),
        "split_on_cjk": boolean(
            "handle_chinese_chars", normalizer.get("handle_chinese_chars")
        ),
        **added_arguments([*added.values()], ids, named=(*named, oov_token)),
    }


def added_arguments(
    tokens: Sequence[AddedToken], vocabulary: Mapping[str, int], *, named: Sequence[str]
) -> dict[str, Any]:
    """Returns the arguments of a `BertTokenizer` that tell its added tokens.

    Args:
        tokens: added ones.
        vocabulary: of the model.
        named: special tokens that are told otherwise.

    Raises:
        ValueError: if a token is found in a way, or has an id, that can't be expressed.
    """
    # White space is no part of any token.
    require_flags(tokens, "lstrip", "rstrip", "normalized")
    ids = number_tokens(tokens, vocabulary)
    others = [token for token in tokens if token.content not in named]
    others.sort(key=lambda token: ids[token.content])
    new = {token.content for token in others} - vocabulary.keys()
    known = {*vocabulary, *new}
    missing = [token.content for token in tokens if token.content not in known]
    if missing:
        raise ValueError(
            f"Expected a vocabulary with the special tokens {missing}, which are added "
            "to it. Add them to the vocabulary."
        )
    special = [token.content for token in others if token.special]
    # A special token means what it says by a tokenizer's policy, but if it is new.
    whole = [t.content for t in others if not t.special or t.content in new]
    normalized = [token.content for token in tokens if token.normalized]
    found = {
        "special_tokens": special,
        "added_tokens": whole,
        "normalized_tokens": normalized,
    }
    return {name: names for name, names in found.items() if names}


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise not_expressible(name, value)
    return value


def word_piece_to_json(
    vocabulary: Sequence[str],
    *,
    lowercase: bool,
    strip_accents: bool | None,
    split_on_cjk: bool,
    suffix_indicator: str,
    oov_token: str,
    special_tokens: Mapping[str, int],
    added_tokens: Mapping[str, int],
    normalized_tokens: Collection[str],
) -> dict[str, Any]:
    """Returns the components of a `BertTokenizer`."""
    return {
        "added_tokens": added_tokens_json(
            special_tokens, added_tokens, normalized=normalized_tokens
        ),
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
