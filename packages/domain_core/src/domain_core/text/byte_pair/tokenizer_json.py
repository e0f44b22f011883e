"""Byte-pair tokenizers as `tokenizer.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from domain_core.text.byte_pair.files import check_ids, check_merges
from domain_core.text.byte_pair.patterns import PATTERNS, BytePairPattern
from domain_core.text.tokenizer_json import (
    AddedToken,
    added_tokens_json,
    component_type,
    not_expressible,
    number_tokens,
    read_added_tokens,
    require_flags,
    require_model,
)

_NFC = {"type": "NFC"}
# Ways to write GPT-2's rule.
_GPT2_REGEXES = (
    PATTERNS["gpt2"].regex,
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
)
# Decides on offsets alone.
_NO_MATTER = "trim_offsets"


def byte_pair_from_json(
    data: Mapping[str, Any],
    *,
    named: Sequence[str] = (),
    strip_left: Sequence[str] = (),
    added: Mapping[str, AddedToken] | None = None,
) -> dict[str, Any]:
    """Returns the arguments of a `BytePairTokenizer`.

    Args:
        data: content of the file.
        named: special tokens that the tokenizer's class names.
        strip_left: tokens that it lets swallow the white space before them, if nothing
            else is said.
        added: added tokens, where they are told elsewhere.

    Raises:
        ValueError: if a component has no counterpart; the message names it.
    """
    model = data["model"]
    pattern, normalization, add_prefix_space = _read_pattern(data)
    suffix = pattern.end_of_word
    require_model(
        model,
        "BPE",
        {
            "dropout": (None, 0, 0.0),
            "continuing_subword_prefix": (None, ""),
            "end_of_word_suffix": (suffix,) if suffix else (None, ""),
            "byte_fallback": (None, False),
            "fuse_unk": (None, False),
            "ignore_merges": (None, False, True),
        },
    )
    decoder = data.get("decoder")
    if decoder is not None and component_type(decoder) != "ByteLevel":
        raise not_expressible("decoder", decoder)
    vocabulary = check_ids(model.get("vocab"), "model.vocab")
    merges = check_merges(model.get("merges") or [], "model.merges")
    require_known(merges, vocabulary)
    if added is None:
        added = read_added_tokens(data)
    # What no normalization changes, is found before it and after.
    plain = [
        dataclasses.replace(token, normalized=False)
        if normalization == "none" or not token.content.strip(" \t\n\r")
        else token
        for token in added.values()
    ]
    unk_token = model.get("unk_token")
    if unk_token is not None and not isinstance(unk_token, str):
        raise not_expressible("model.unk_token", unk_token)
    return {
        **added_arguments(plain, vocabulary, named=named, strip_left=strip_left),
        "merges": merges,
        "add_prefix_space": add_prefix_space,
        "pattern": pattern.name,
        "normalization": (
            None if normalization == pattern.normalization else normalization
        ),
        "unk_token": unk_token,
        "ignore_merges": bool(model.get("ignore_merges")),
    }


def added_arguments(
    tokens: Sequence[AddedToken],
    vocabulary: Mapping[str, int],
    *,
    named: Sequence[str],
    strip_left: Sequence[str],
) -> dict[str, Any]:
    """Returns the arguments of a `BytePairTokenizer` that tell its tokens.

    Args:
        tokens: added ones.
        vocabulary: of the model.
        named: special tokens that the tokenizer's class names.
        strip_left: as in `byte_pair_from_json`.

    Raises:
        ValueError: if a token is found in a way, or has an id, that can't be expressed.
    """
    require_flags(tokens, "lstrip")
    known = {token.content for token in tokens}
    eager = [token.content for token in tokens if token.lstrip]
    usual = [token for token in strip_left if token in known]
    others = [token for token in tokens if token.content not in named]
    return {
        "vocabulary": number_tokens(tokens, vocabulary),
        "unsplittable_tokens": [t.content for t in others if t.special],
        "added_tokens": [t.content for t in others if not t.special],
        **({} if set(eager) == set(usual) else {"strip_left": eager}),
    }


def require_known(
    merges: Sequence[tuple[str, str]], vocabulary: Mapping[str, int]
) -> None:
    """Raises ValueError if merges are of, or end in, what is no token."""
    for pair in merges:
        if not {*pair, "".join(pair)} <= vocabulary.keys():
            raise ValueError(
                "Expected merges of tokens of the vocabulary, received "
                f"{' '.join(pair)!r}. Download the file again."
            )


def byte_pair_to_json(
    vocabulary: Mapping[str, int],
    merges: Sequence[tuple[str, str]],
    *,
    pattern: BytePairPattern,
    normalization: str,
    add_prefix_space: bool,
    ignore_merges: bool,
    unk_token: str | None,
    special_tokens: Mapping[str, int],
    added_tokens: Mapping[str, int],
    strip_left: Sequence[str],
) -> dict[str, Any]:
    """Returns the components of a `BytePairTokenizer`.

    Raises:
        ValueError: if something cannot be expressed; the message names it.
    """
    for pair in merges:
        if not {*pair, "".join(pair)} <= vocabulary.keys():
            raise ValueError(
                "A `tokenizer.json` cannot hold merges of tokens that the vocabulary "
                f"lacks, such as {' '.join(pair)!r}. Add them to the vocabulary."
            )
    if add_prefix_space and not pattern.byte_level:
        raise ValueError(
            "A `tokenizer.json` cannot hold add_prefix_space=True with the pattern "
            f"{pattern.name!r}."
        )
    suffix = pattern.end_of_word
    return {
        "added_tokens": added_tokens_json(special_tokens, added_tokens, strip_left),
        "normalizer": _normalizer(pattern, normalization),
        "pre_tokenizer": _pre_tokenizer(pattern, add_prefix_space),
        "post_processor": None,
        "decoder": _byte_level(),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": unk_token,
            "continuing_subword_prefix": "" if suffix else None,
            "end_of_word_suffix": suffix or None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": ignore_merges,
            "vocab": dict(vocabulary),
            "merges": [list(pair) for pair in merges],
        },
    }


def _byte_level(
    add_prefix_space: bool = False, *, use_regex: bool = True
) -> dict[str, Any]:
    return {
        "type": "ByteLevel",
        "add_prefix_space": add_prefix_space,
        _NO_MATTER: True,
        "use_regex": use_regex,
    }


def _pre_tokenizer(pattern: BytePairPattern, add_prefix_space: bool) -> dict[str, Any]:
    if pattern.byte_level:
        return _byte_level(add_prefix_space)
    split = {
        "type": "Split",
        "pattern": {"Regex": pattern.regex},
        "behavior": "Removed" if pattern.lowercase else "Isolated",
        "invert": pattern.lowercase,
    }
    return {
        "type": "Sequence",
        "pretokenizers": [split, _byte_level(use_regex=pattern.lowercase)],
    }


def _normalizer(pattern: BytePairPattern, normalization: str) -> dict[str, Any] | None:
    parts: list[dict[str, Any]] = [_NFC] if normalization == "NFC" else []
    if pattern.lowercase:
        blanks = {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "}
        parts += [blanks, {"type": "Lowercase"}]
    if len(parts) > 1:
        return {"type": "Sequence", "normalizers": parts}
    return parts[0] if parts else None


def _read_pattern(data: Mapping[str, Any]) -> tuple[BytePairPattern, str, bool]:
    """Returns pattern, normalization and whether a space is put before a text."""
    given = _plain(data.get("pre_tokenizer"))
    # A family's own normalization comes first: NeoX only differs from GPT-2 in that.
    choices = [
        (pattern, normalization, prefix)
        for normalized in (True, False)
        for pattern in PATTERNS.values()
        for normalization in ("none", "NFC")
        for prefix in (False, True)
        if (normalization == pattern.normalization) == normalized
    ]
    fitting = [
        choice
        for choice in choices
        if _plain(_pre_tokenizer(choice[0], choice[2])) == given
        and (choice[0].byte_level or not choice[2])
    ]
    if not fitting:
        raise not_expressible("pre_tokenizer", data.get("pre_tokenizer"))
    normalizer = _plain(data.get("normalizer"))
    for pattern, normalization, prefix in fitting:
        if _plain(_normalizer(pattern, normalization)) == normalizer:
            return pattern, normalization, prefix
    raise not_expressible("normalizer", data.get("normalizer"))


def _plain(component: Any) -> Any:
    """Returns a component in one of several forms that say the same."""
    if not isinstance(component, dict):
        return component
    kind = component_type(component)
    for key in ("normalizers", "pretokenizers"):
        parts = component.get(key)
        if kind == "Sequence" and isinstance(parts, list):
            parts = [_plain(part) for part in parts]
            if len(parts) == 1:
                return parts[0]
            if _is_gpt2_split(parts):
                return _plain(_byte_level())
            return {"type": kind, key: parts}
    if kind == "ByteLevel":
        given = {k: v for k, v in component.items() if k != _NO_MATTER}
        return {"use_regex": True, **given}
    return component


def _is_gpt2_split(parts: list[Any]) -> bool:
    """Whether GPT-2's rule is spelled out, not left to the component that knows it."""
    expected = [
        [
            {
                "type": "Split",
                "pattern": {"Regex": regex},
                "behavior": "Isolated",
                "invert": False,
            },
            _plain(_byte_level(use_regex=False)),
        ]
        for regex in _GPT2_REGEXES
    ]
    return parts in expected
