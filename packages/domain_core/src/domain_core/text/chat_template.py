"""Chat templates, which make one text of the turns of a conversation.

They are programs in the language Jinja, by whoever made a checkpoint. Nothing here runs
them: a tokenizer carries its template, and presets keep it in every layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The longest that are published have a fifth of this. Escaped in JSON a text may be six
# times as long, and a JSON file of a preset has a mebibyte at most.
MAX_BYTES = 2**17


def as_chat_template(value: Any) -> str | dict[str, str] | None:
    """Returns a chat template, or several by name, as a tokenizer keeps them.

    Args:
        value: a string; several by name, of which one is "default"; or None.

    Raises:
        ValueError: if it is none of these, or longer than 128 KiB in all.
    """
    if value is None:
        return None
    texts = [*value, *value.values()] if isinstance(value, Mapping) else [value]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError(
            "Expected `chat_template` to be a string, or strings by their names, "
            f"received {value!r:.200}."
        )
    try:
        size = sum(len(text.encode()) for text in texts)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"Expected `chat_template` to be valid Unicode ({error.reason})."
        ) from None
    if size > MAX_BYTES:
        raise ValueError(
            f"Expected `chat_template` to have at most {MAX_BYTES} bytes, received "
            f"{size}. No template of a language model is that long."
        )
    if isinstance(value, Mapping):
        return value["default"] if [*value] == ["default"] else dict(value)
    return value


def chat_template_config(value: Any) -> dict[str, Any]:
    """Returns the argument `chat_template` for a config, which most do not have."""
    return {} if value is None else {"chat_template": as_chat_template(value)}
