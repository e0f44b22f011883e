"""Whether the parts of a preset belong together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from domain_core.preset_errors import PresetCorruptError

if TYPE_CHECKING:
    from domain_core.backbone import Backbone
    from domain_core.preprocessor import Preprocessor
    from domain_core.tokenizers.tokenizer import Tokenizer


def check_tokenizer_fits(
    tokenizer: Tokenizer,
    backbone: Backbone,
    what: str = "the tokenizer",
    error: type[ValueError] = ValueError,
) -> None:
    """Checks that every token has an embedding.

    An id beyond the embedding gives NaN on some backends, and no error.

    Args:
        tokenizer: a `Tokenizer`.
        backbone: a `Backbone`, with a `vocabulary_size` if it embeds tokens.
        what: names the tokenizer in the message.
        error: what is raised.

    Raises:
        ValueError: or `error`, if a token has none.
    """
    rows = getattr(backbone, "vocabulary_size", None)
    largest = tokenizer.largest_id()
    if rows is not None and largest >= rows:
        raise error(
            f"Expected {what} to be of at most {rows} tokens, with ids below {rows}, "
            "the rows of the backbone's embedding (`vocabulary_size`); it gives "
            f"{largest}. Use the vocabulary that the model was trained with."
        )


def check_parts(
    backbone: Backbone, preprocessor: Preprocessor | None, label: str
) -> None:
    """Checks that a preprocessor gives what a backbone takes.

    Args:
        backbone: a `Backbone`.
        preprocessor: a `Preprocessor`, or anything else, of which nothing is known.
        label: name of the preset, for messages.

    Raises:
        PresetCorruptError: if a token has no embedding, or images have other channels
            or another fixed size than the backbone's input.
    """
    tokenizer = getattr(preprocessor, "tokenizer", None)
    if tokenizer is not None:
        what = f"the tokenizer of the preset {label!r}"
        check_tokenizer_fits(tokenizer, backbone, what, PresetCorruptError)
    converter = getattr(preprocessor, "image_converter", None)
    if converter is not None:
        given = (*converter.image_size, converter.channels)
        taken = tuple(backbone.input_shape[1:])
        if any(b not in (None, a) for a, b in zip(given, taken, strict=True)):
            raise PresetCorruptError(
                f"Expected the image converter of the preset {label!r} to give images "
                f"of shape {taken}, which the backbone takes; it gives {given}. Pass "
                "a `preprocessor` whose converter gives that shape."
            )


def check_token_ids(backbone: Backbone, config: Mapping[str, Any], label: str) -> None:
    """Checks that the special tokens of a generation config are tokens of a backbone.

    Args:
        backbone: a `Backbone`.
        config: its generation config.
        label: name of the preset, for messages.

    Raises:
        PresetCorruptError: if what is named like a token's id is none, or has no
            embedding.
    """
    rows = getattr(backbone, "vocabulary_size", None)
    for key, value in config.items():
        if rows is None or value is None or not key.endswith("_token_id"):
            continue
        for token_id in value if isinstance(value, list) else [value]:
            if type(token_id) is not int or not 0 <= token_id < rows:
                raise PresetCorruptError(
                    f"Expected {key!r:.100} in 'generation_config.json' of the preset "
                    f"{label!r} to be ids of tokens, from 0 to {rows - 1}, received "
                    f"{value!r:.100}. Correct the file, or remove the key."
                )
