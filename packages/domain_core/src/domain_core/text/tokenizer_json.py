"""Hugging Face's `tokenizer.json`: what all kinds of tokenizers have in common.

Such a file is a program put together from components. It is never run: each component
must equal one that a tokenizer here stands for, or reading it is an error.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Iterable, Mapping
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
_ID = (int, type(None))


@dataclasses.dataclass(frozen=True)
class AddedToken:
    """A token that is found in texts as a whole.

    Attributes:
        content: its text.
        id: its id; None where that is not told.
        special: whether it stands for no text.
        lstrip: whether it swallows the white space before it.
        rstrip: whether it swallows the white space after it.
        single_word: whether it is only found between the ends of words.
        normalized: whether it is found in text as it is normalized.
    """

    content: str
    id: int | None = None
    special: bool = False
    lstrip: bool = False
    rstrip: bool = False
    single_word: bool = False
    normalized: bool = False

    @classmethod
    def read(cls, entry: Any, name: str = "added_tokens", **told: Any) -> AddedToken:
        """Returns what an entry says: a string, or an object with flags.

        Args:
            entry: of some file.
            name: where it stands, for messages.
            **told: attributes that are told elsewhere.

        Raises:
            ValueError: if it is neither, or a value of another type.
        """
        if isinstance(entry, str):
            entry = {"content": entry}
        values = {**entry, **told} if isinstance(entry, dict) else {}
        content, index = values.get("content"), values.get("id")
        if not isinstance(content, str) or not content or type(index) not in _ID:
            raise ValueError(
                f"Expected {name!r} with 'content' and 'id', received {entry!r:.200}. "
                "Download the file again."
            )
        flags = {flag: values.get(flag) or False for flag in (*_FLAGS, "special")}
        if any(type(value) is not bool for value in flags.values()):
            raise ValueError(
                f"Expected flags of {name!r} to be true or false, received "
                f"{entry!r:.200}. Download the file again."
            )
        return cls(content, index, **flags)

    def to_json(self) -> dict[str, Any]:
        """Returns the entry that `read` reads."""
        flags = {flag: getattr(self, flag) for flag in _FLAGS}
        return {"content": self.content, **flags, "special": self.special}


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
        if not any(model.get(key) is v or model.get(key) == v for v in values):
            raise not_expressible(f"model.{key}", model.get(key))


def not_expressible(name: str, component: Any) -> ValueError:
    """Returns the error for a component that no tokenizer here stands for."""
    return ValueError(
        f"The component {name!r} of the tokenizer has no counterpart here: "
        f"{component!r:.300}. Run such a tokenizer with the package `tokenizers`."
    )


def read_added_tokens(data: Mapping[str, Any]) -> dict[str, AddedToken]:
    """Returns the tokens of a `tokenizer.json` that are found whole, by content.

    Raises:
        ValueError: if one has no content or id, or is there twice.
    """
    entries = data.get("added_tokens") or []
    if not isinstance(entries, list):
        raise not_expressible("added_tokens", entries)
    tokens: dict[str, AddedToken] = {}
    for entry in entries:
        token = AddedToken.read(entry)
        if token.id is None or token.content in tokens:
            raise ValueError(
                "Expected added tokens, each once, with 'content' and 'id', received "
                f"{entry!r:.200}. Download the file again."
            )
        tokens[token.content] = token
    return tokens


def require_flags(tokens: Iterable[AddedToken], *expressible: str) -> None:
    """Raises ValueError if a token is found in a way that has no counterpart here.

    Args:
        tokens: added tokens.
        *expressible: flags that have one, or do not matter.
    """
    for token in tokens:
        if any(getattr(token, flag) for flag in _FLAGS if flag not in expressible):
            raise not_expressible("added_tokens", token.to_json())


def number_tokens(
    tokens: Iterable[AddedToken], vocabulary: Mapping[str, int]
) -> dict[str, int]:
    """Returns the ids of the vocabulary and of the tokens added to it.

    What the vocabulary lacks is numbered from its size on, as `tokenizers` does it:
    first what has an id, in its order, then the others as they come.

    Raises:
        ValueError: if an id of a file says otherwise.
    """
    ids = dict(vocabulary)
    new: list[AddedToken] = []
    for token in tokens:
        if token.content not in vocabulary:
            new.append(token)
        elif token.id not in (None, vocabulary[token.content]):
            raise ValueError(
                f"Expected one id for the added token {token.content!r}, received "
                f"{token.id} and {vocabulary[token.content]}."
            )
    new.sort(key=lambda token: (token.id is None, token.id))
    taken = set(vocabulary.values())
    for token in new:
        index = len(ids)
        if token.id not in (None, index) or index in taken:
            raise ValueError(
                f"Expected the added token {token.content!r} to have the next id, "
                f"{index}, received {token.id}: ids of a tokenizer have no gaps. "
                "Number it anew, or download the file again."
            )
        ids[token.content] = index
    return ids


def added_tokens_json(
    special: Mapping[str, int],
    plain: Mapping[str, int],
    strip_left: Collection[str] = (),
    normalized: Collection[str] = (),
    strip_right: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Returns what `read_added_tokens` reads, in the order of ids."""
    tokens = [
        AddedToken(
            token,
            index,
            special=token in special,
            lstrip=token in strip_left,
            rstrip=token in strip_right,
            normalized=token in normalized,
        )
        for token, index in {**plain, **special}.items()
    ]
    tokens.sort(key=lambda token: token.id or 0)
    return [{"id": token.id, **token.to_json()} for token in tokens]


def boolean(name: str, value: Any) -> bool:
    """Returns a value that must be true, false or missing.

    Raises:
        ValueError: if it is something else.
    """
    if not isinstance(value, bool | None):
        raise ValueError(
            f"Expected {name!r} of the tokenizer to be true or false, received "
            f"{value!r:.80}. Download the file again."
        )
    return bool(value)
