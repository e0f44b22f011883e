"""Hugging Face's `tokenizer.json`: what all kinds of tokenizers have in common.

Such a file is a program put together from components. It is never run: each component
must equal one that a tokenizer here stands for, or reading it is an error.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from domain_core.strict_json import read_object, write_object

# What these do to a text's ends is the preprocessors' business.
_POST_PROCESSORS = (
    "ByteLevel",
    "TemplateProcessing",
    "BertProcessing",
    "RobertaProcessing",
    "Sequence",
)
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized")


@dataclasses.dataclass(frozen=True)
class AddedTokens:
    """Tokens that are matched in texts as a whole.

    Attributes:
        ids: id of each.
        special: those that stand for no text, in order.
        plain: the others.
    """

    ids: dict[str, int]
    special: list[str]
    plain: list[str]


def read_tokenizer_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns the content of a `tokenizer.json`.

    Raises:
        ValueError: if it is none, or adds to a text what no tokenizer here adds.
    """
    data = read_object(path, "a tokenizer (`tokenizer.json`)")
    if not isinstance(data.get("model"), dict):
        raise ValueError(
            f"Expected a tokenizer with a 'model' in {str(path)!r}, received the keys "
            f"{sorted(data)[:8]}. Check the path."
        )
    post = data.get("post_processor")
    if post is not None and component_type(post) not in _POST_PROCESSORS:
        raise not_expressible("post_processor", post)
    return data


def write_tokenizer_json(
    path: str | os.PathLike[str], components: Mapping[str, Any]
) -> None:
    """Writes a `tokenizer.json`."""
    head = {"version": "1.0", "truncation": None, "padding": None}
    write_object(path, {**head, **components})


def component_type(component: Any) -> str:
    """Returns the type of a component, "" if it has none."""
    kind = component.get("type") if isinstance(component, dict) else None
    return kind if isinstance(kind, str) else ""


def require_model(
    model: Mapping[str, Any], kind: str, fixed: Mapping[str, Collection[Any]]
) -> None:
    """Raises ValueError unless a model has a type and allowed values.

    Args:
        model: the component.
        kind: its type; older files leave it out.
        fixed: values that can be expressed, by key; None is a missing one.
    """
    if model.get("type", kind) != kind:
        raise ValueError(
            f"Expected a tokenizer with a {kind} model, received one of type "
            f"{model['type']!r:.40}. Read it with the tokenizer of that kind."
        )
    for key, values in fixed.items():
        if model.get(key) not in values:
            raise not_expressible(f"model.{key}", model.get(key))


def not_expressible(name: str, component: Any) -> ValueError:
    """Returns the error for a component that no tokenizer here stands for."""
    return ValueError(
        f"The component {name!r} of the tokenizer has no counterpart here: "
        f"{component!r:.300}. Run such a tokenizer with the package `tokenizers`."
    )


def read_added_tokens(
    data: Mapping[str, Any],
    vocabulary: Mapping[str, int],
    *,
    strip_left: Sequence[str] = (),
    normalized: str = "",
) -> AddedTokens:
    """Reads the tokens that are matched whole.

    Args:
        data: content of the file.
        vocabulary: of the model.
        strip_left: those that the tokenizer lets swallow the white space before them.
        normalized: characters that normalization leaves alone: tokens of these may be
            matched in normalized text.

    Raises:
        ValueError: if one is to be matched in another way than tokenizers here match
            tokens, or contradicts the vocabulary.
    """
    tokens = AddedTokens({}, [], [])
    for entry in data.get("added_tokens") or []:
        content = entry.get("content") if isinstance(entry, dict) else None
        index = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(content, str) or not content or type(index) is not int:
            raise ValueError(
                "Expected added tokens with 'content' and 'id', received "
                f"{entry!r:.200}. Download the file again."
            )
        flags = {flag: bool(entry.get(flag)) for flag in _FLAGS}
        if set(content) <= set(normalized):
            flags["normalized"] = False
        if flags != {**dict.fromkeys(_FLAGS, False), "lstrip": content in strip_left}:
            raise not_expressible("added_tokens", entry)
        if vocabulary.get(content, index) != index or content in tokens.ids:
            raise ValueError(
                f"Expected one id for the added token {content!r}, received {index} "
                f"and {vocabulary.get(content, tokens.ids.get(content))}."
            )
        tokens.ids[content] = index
        (tokens.special if entry.get("special") else tokens.plain).append(content)
    return tokens


def added_tokens_json(
    special: Mapping[str, int],
    plain: Mapping[str, int],
    strip_left: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Returns what `read_added_tokens` reads, in the order of ids."""
    entries = [
        {
            "id": index,
            "content": token,
            "single_word": False,
            "lstrip": token in strip_left,
            "rstrip": False,
            "normalized": False,
            "special": token in special,
        }
        for token, index in {**plain, **special}.items()
    ]
    return sorted(entries, key=lambda entry: entry["id"])
