"""Whether the parts of a preset belong together."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from domain_core.preset_errors import PresetCorruptError, PresetUnsafeError
from domain_core.registry import backbones
from domain_core.serialization import has_role

if TYPE_CHECKING:
    from domain_core.backbone import Backbone
    from domain_core.presets.layout import Layout
    from domain_core.tokenizers.tokenizer import Tokenizer


# 2,300 x 2,300 pixels in colour, 64 MiB as floats.
_MAX_IMAGE = 2**24
_LENGTHS = ("sequence_length", "encoder_sequence_length", "decoder_sequence_length")


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


def check_parts(backbone: Any, preprocessor: Any, label: str) -> None:
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


def check_stored_parts(preset: Layout, label: str) -> None:
    """Checks that the preprocessor in a preset is one for its backbone.

    Args:
        preset: a preset with both.
        label: its name, for messages.

    Raises:
        PresetCorruptError: if it is not.
    """
    cls, config = preset.backbone(False)
    stored = preset.preprocessor()
    wanted = getattr(stored, "backbone_cls", None)
    if wanted is not None and not issubclass(cls, wanted):
        raise PresetCorruptError(
            f"Expected a preprocessor for {cls.__name__} in {label!r}, received a "
            f"{type(stored).__name__}, which is for {wanted.__name__}."
        )
    tokenizer = preset.tokenizer(object)
    homes = _homes_of(type(tokenizer))
    if homes and cls not in homes:
        raise PresetCorruptError(
            f"Expected a tokenizer for {cls.__name__} in {label!r}, received a "
            f"{type(tokenizer).__name__}, which is for {homes[0].__name__}."
        )
    length = getattr(stored, "sequence_length", None)
    most = config.get("max_sequence_length")
    if length is not None and most is not None and length > most:
        raise PresetCorruptError(
            f"Expected `sequence_length` of the preprocessor in {label!r} to be at "
            f"most {most}, the positions of the backbone; it is {length}."
        )
    # The backbone is not built for this: its arguments say what it takes.
    shape = config.get("input_shape")
    check_parts(
        SimpleNamespace(**{**config, "input_shape": (None, *(shape or ()))}),
        SimpleNamespace(
            tokenizer=tokenizer,
            image_converter=preset.image_converter() if shape else None,
        ),
        label,
    )


def fitting_lengths(cls: type, config: Mapping[str, Any]) -> dict[str, int]:
    """Returns the lengths of a preprocessor that by default are beyond a backbone.

    Args:
        cls: the preprocessor's class.
        config: arguments of the backbone; `max_sequence_length` is what it takes.

    Returns:
        The number of its positions for each of these arguments.
    """
    positions = config.get("max_sequence_length")
    parameters = inspect.signature(cls).parameters
    usual = {name: parameters[name].default for name in _LENGTHS if name in parameters}
    if positions is None:
        return {}
    return {name: positions for name, length in usual.items() if length > positions}


def _homes_of(tokenizer_cls: type) -> list[type]:
    """Returns the backbones whose family reads foreign files into this tokenizer."""
    return [
        entry.cls
        for entry in backbones()
        for converter in entry.converters
        if getattr(converter, "tokenizer_cls", None) is tokenizer_cls
    ]


def check_converter(converter: Any, label: str) -> None:
    """Checks what an image converter of a preset would make of a single image.

    Args:
        converter: an `ImageConverter`, or anything else, of which nothing is known.
        label: name of the preset, for messages.

    Raises:
        PresetUnsafeError: if it is more than 16,777,216 numbers, here or on the way.
    """
    if not has_role(type(converter), "image_converter"):
        return
    height, width = (n / converter.crop_ratio for n in converter.image_size)
    if height * width * converter.channels > _MAX_IMAGE:
        raise PresetUnsafeError(
            f"Expected the image converter of the preset {label!r} to give images of "
            f"at most {_MAX_IMAGE:,} numbers, received "
            f"image_size={converter.image_size}, channels={converter.channels}, "
            f"crop_ratio={converter.crop_ratio}. If you trust it, make an "
            "`ImageConverter` of that size yourself."
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
