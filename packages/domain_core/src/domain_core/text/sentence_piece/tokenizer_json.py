"""Tokenizers of `tokenizer.json` as SentencePiece models, unigram and byte-pair."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from domain_core.text.byte_pair.files import check_ids, check_merges
from domain_core.text.sentence_piece.model import (
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    Piece,
    byte_pair_model,
    unigram_model,
)
from domain_core.text.tokenizer_json import (
    added_tokens_json,
    component_type,
    not_expressible,
    require_model,
)

# White space is put in order by SentencePiece itself.
_STRIP = {"type": "Strip", "strip_left": False, "strip_right": True}
_BLANKS = [
    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": content}
    for content in (" ", "▁")
]
_SPLIT = {"type": "WhitespaceSplit"}
_MOST_PIECES = 2**21


def sentence_piece_from_json(
    data: Mapping[str, Any], *, named: Collection[str]
) -> tuple[bytes, dict[str, int]]:
    """Returns a SentencePiece model, and the ids of its tokens.

    Args:
        data: content of the file.
        named: special tokens that the tokenizer's class names.

    Raises:
        ValueError: if a component has no counterpart; the message names it.
    """
    if data["model"].get("type") == "BPE":
        return _byte_pairs(data, named)
    return _unigram(data, named)


def byte_pairs_to_json(
    pieces: Sequence[Piece],
    *,
    adds_prefix: bool,
    start: str | None,
    special_tokens: Mapping[str, int],
    added_tokens: Mapping[str, int],
    strip_left: Collection[str] = (),
    strip_right: Collection[str] = (),
    normalized: Collection[str] = (),
) -> dict[str, Any]:
    """Returns the components of a byte-pair model; inverse of reading them.

    Args:
        pieces: of the model, in the order of their ids.
        adds_prefix: whether a space is put before a text.
        start: token that a text begins with, or None.
        special_tokens: ids of tokens that stand for no text.
        added_tokens: ids of further tokens that are found whole.
        strip_left: those of both that swallow the white space before them.
        strip_right: and after them.
        normalized: those that are found in normalized text.
    """
    ids = {piece.text: place for place, piece in enumerate(pieces)}
    merged = [piece for piece in pieces if piece.type == NORMAL and len(piece.text) > 1]
    merged.sort(key=lambda piece: -piece.score)
    splits = (
        sorted(
            (ids[left], ids[right], left, right)
            for place in range(1, len(text))
            if (left := text[:place]) in ids and (right := text[place:]) in ids
        )
        for text in (piece.text for piece in merged)
    )
    unknown = next(piece.text for piece in pieces if piece.type == UNKNOWN)
    before = [] if start is None else [{"SpecialToken": {"id": start, "type_id": 0}}]
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    replace_back = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    return {
        "added_tokens": added_tokens_json(
            special_tokens, added_tokens, strip_left, normalized, strip_right
        ),
        "normalizer": {
            "type": "Sequence",
            "normalizers": [_PREPEND] * adds_prefix + [_UNDERSCORES],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [*before, first],
            "pair": [*before, first, second],
            "special_tokens": {
                token: {"id": token, "ids": [ids[token]], "tokens": [token]}
                for token in ([] if start is None else [start])
            },
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                *(replace_back, {"type": "ByteFallback"}, {"type": "Fuse"}),
                *([strip] if adds_prefix else []),
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": unknown,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": ids,
            "merges": [[left, right] for row in splits for *_, left, right in row],
        },
    }


def _unigram(
    data: Mapping[str, Any], named: Collection[str]
) -> tuple[bytes, dict[str, int]]:
    model = data["model"]
    require_model(model, "Unigram", {"byte_fallback": (None, False)})
    _check_words(data.get("pre_tokenizer"))
    decoder = data.get("decoder")
    if decoder is not None and component_type(decoder) != "Metaspace":
        raise not_expressible("decoder", decoder)
    entries, unknown = model.get("vocab"), model.get("unk_id")
    if not isinstance(entries, list) or not 0 < len(entries) <= _MOST_PIECES:
        raise not_expressible("model.vocab", entries)
    if type(unknown) is not int or not 0 <= unknown < len(entries):
        raise not_expressible("model.unk_id", unknown)
    pieces: dict[str, Piece] = {}
    for place, entry in enumerate(entries):
        text, score = entry if isinstance(entry, list) and len(entry) == 2 else ("", 0)
        if (
            not isinstance(text, str)
            or not text
            or text in pieces
            or type(score) not in (int, float)
        ):
            raise ValueError(
                "Expected pairs of a token, each once, and its score in 'model.vocab', "
                f"received {entry!r:.80} as number {place}. Download the file again."
            )
        kind = CONTROL if text in named else NORMAL
        pieces[text] = Piece(text, score, UNKNOWN if place == unknown else kind)
    charsmap = _charsmap(data.get("normalizer"))
    ids = {text: place for place, text in enumerate(pieces)}
    return unigram_model(pieces.values(), charsmap), ids


def _byte_pairs(
    data: Mapping[str, Any], named: Collection[str]
) -> tuple[bytes, dict[str, int]]:
    model = data["model"]
    require_model(
        model,
        "BPE",
        {
            "dropout": (None, 0, 0.0),
            "continuing_subword_prefix": (None, ""),
            "end_of_word_suffix": (None, ""),
            "byte_fallback": (True,),
            "ignore_merges": (None, False),
        },
    )
    ids = check_ids(model.get("vocab"), "model.vocab")
    merges = check_merges(model.get("merges") or [], "model.merges")
    unknown = model.get("unk_token") or "<unk>"
    texts = sorted(ids, key=ids.__getitem__)
    if [ids[text] for text in texts] != list(range(len(ids))) or unknown not in ids:
        raise not_expressible("model.vocab", texts[:5])
    ranks: dict[str, int] = {}
    for rank, (left, right) in enumerate(merges):
        ranks.setdefault(left + right, rank)
    kinds = {unknown: UNKNOWN, **{f"<0x{byte:02X}>": BYTE for byte in range(256)}}
    # What was added to a vocabulary is no piece of a text, unless pieces merge to it.
    added = {entry.get("content") for entry in data.get("added_tokens") or []}
    control = added - ranks.keys()
    pieces = [
        Piece(
            text,
            -float(ranks.get(text, len(merges))),
            kinds.get(text, CONTROL if text in {*named, *control} else NORMAL),
        )
        for text in texts
    ]
    normal = {piece.text for piece in pieces if piece.type == NORMAL}
    _check_all_merge(normal, set(merges))
    return byte_pair_model(pieces, adds_prefix=_adds_prefix(data)), ids


def _check_all_merge(
    pieces: Collection[str], merges: Collection[tuple[str, str]]
) -> None:
    """Raises ValueError if two neighbours that make a piece do not merge.

    SentencePiece lets all such merge, in the order of the pieces they make.
    """
    for text in pieces:
        for place in range(1, len(text)):
            pair = text[:place], text[place:]
            if pair[0] in pieces and pair[1] in pieces and pair not in merges:
                raise not_expressible("model.merges", f"{' '.join(pair)} is missing")


_UNDERSCORES = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
_PREPEND = {"type": "Prepend", "prepend": "▁"}
# Nothing is left to split.
_NO_SPLIT = {
    "type": "Split",
    "pattern": {"String": " "},
    "behavior": "MergedWithPrevious",
    "invert": False,
}


def _adds_prefix(data: Mapping[str, Any]) -> bool:
    """Returns whether a space is put before a text.

    Raises:
        ValueError: if something else is done to it.
    """
    normalizer: Any = data.get("normalizer")
    space: Any = data.get("pre_tokenizer")
    parts = [] if normalizer is None else [normalizer]
    if component_type(normalizer) == "Sequence":
        parts = normalizer["normalizers"]
    if space is None or space == _NO_SPLIT:
        if parts in ([_UNDERSCORES], [_PREPEND, _UNDERSCORES]):
            return len(parts) == 2
        raise not_expressible("normalizer", normalizer)
    if (
        component_type(space) != "Metaspace"
        or space.get("replacement") != "▁"
        or space.get("split", True) is not False
    ):
        raise not_expressible("pre_tokenizer", space)
    if parts:
        raise not_expressible("normalizer", normalizer)
    scheme = space.get("prepend_scheme", "always")
    return scheme in ("always", "first")


def _check_words(component: Any) -> None:
    """Raises ValueError unless a text is cut as SentencePiece cuts it."""
    parts = [component]
    if component_type(component) == "Sequence":
        parts = component.get("pretokenizers")
    if isinstance(parts, list) and len(parts) == 2 and parts[0] == _SPLIT:
        parts = parts[1:]
    space: Any = parts[0] if isinstance(parts, list) and len(parts) == 1 else None
    # `add_prefix_space` is how `prepend_scheme` was written once.
    if (
        component_type(space) != "Metaspace"
        or space.get("replacement") != "▁"
        or space.get("prepend_scheme", "always") != "always"
        or space.get("add_prefix_space", True) is not True
        or space.get("split", True) is not True
    ):
        raise not_expressible("pre_tokenizer", component)


def _charsmap(component: Any) -> bytes:
    """Returns the table of characters that a text is normalized by."""
    parts = [component]
    if component_type(component) == "Sequence":
        parts = component.get("normalizers")
    if not isinstance(parts, list):
        raise not_expressible("normalizer", component)
    first: Any = parts[0] if parts else None
    rest = parts[1:]
    if component_type(first) != "Precompiled":
        raise not_expressible("normalizer", component)
    if not all(part == _STRIP or part in _BLANKS for part in rest):
        raise not_expressible("normalizer", component)
    text = first.get("precompiled_charsmap")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise not_expressible("normalizer", component) from None
