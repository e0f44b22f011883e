"""What presets keep for whoever uses the model, whatever the layout: data, never run.

```
generation_config.json                   of the backbone: how to generate with it
chat_template.jinja                      of the tokenizer
additional_chat_templates/NAME.jinja     where it has several; the first is "default"
```

The names are Hugging Face's, whose older checkpoints have the templates inside
`tokenizer_config.json`. KerasHub looks at none of these files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.folder import Folder
from domain_core.presets.json_files import read_json
from domain_core.text.chat_template import MAX_BYTES, as_chat_template

if TYPE_CHECKING:
    from domain_core.backbone import Backbone

GENERATION = "generation_config.json"
_TEMPLATE = "chat_template.jinja"
_MORE = "additional_chat_templates"
_DEFAULT = "default"
_NAME = re.compile(r"[A-Za-z0-9][\w-]{0,99}", re.ASCII)


def read_generation_config(folder: Folder) -> dict[str, Any] | None:
    """Returns what `Backbone.set_generation_config` takes, or None without a file."""
    return read_json(folder, GENERATION) if GENERATION in folder else None


def write_generation_config(directory: Path, backbone: Backbone) -> None:
    """Writes the generation config of a backbone that has one."""
    if backbone.generation_config_text is not None:
        text = backbone.generation_config_text + "\n"
        (directory / GENERATION).write_bytes(text.encode())


def read_chat_template(
    folder: Folder, options: Mapping[str, Any] | None = None
) -> str | dict[str, str] | None:
    """Returns the chat template of a preset.

    Args:
        folder: the preset.
        options: content of `tokenizer_config.json`, which counts where there is no
            file.

    Raises:
        PresetCorruptError: if a template is no text, or longer than 128 KiB.
    """
    value = (options or {}).get("chat_template")
    if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
        # What is no list of names and texts is an error below.
        named = {entry.get("name"): entry.get("template") for entry in value}
        value = named if len(named) == len(value) else value
    files = {
        name.removeprefix(f"{_MORE}/").removesuffix(".jinja"): name
        for name in sorted(folder.sizes())
        if name.startswith(f"{_MORE}/") and name.endswith(".jinja")
    }
    if _TEMPLATE in folder:
        value = _read(folder, _TEMPLATE)
    if files:
        default = {} if not isinstance(value, str) else {_DEFAULT: value}
        value = default | {name: _read(folder, file) for name, file in files.items()}
    try:
        return as_chat_template(value)
    except ValueError as error:
        raise PresetCorruptError(
            f"{error} It is that of the preset {folder.label!r}. Download it again."
        ) from error


def write_chat_template(directory: Path, template: Any) -> None:
    """Writes a chat template, or several.

    Args:
        directory: where to write.
        template: a string, strings by name, or None for no file.

    Raises:
        ValueError: if a name can't be that of a file.
    """
    checked = as_chat_template(template)
    named = {_DEFAULT: checked} if isinstance(checked, str) else dict(checked or {})
    for name, text in named.items():
        path = directory / _TEMPLATE
        if name != _DEFAULT:
            if not _NAME.fullmatch(name):
                raise ValueError(
                    "Expected names of chat templates of letters, digits, '_' and "
                    f"'-', received {name!r:.200}."
                )
            path = directory / _MORE / f"{name}.jinja"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())


def _read(folder: Folder, name: str) -> str:
    path = folder.require(name)
    if path.stat().st_size > MAX_BYTES:
        raise PresetCorruptError(
            f"Expected {name!r:.200} of the preset {folder.label!r} to have at most "
            f"{MAX_BYTES} bytes, received {path.stat().st_size}."
        )
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise PresetCorruptError(
            f"Expected UTF-8 text in {name!r:.200} of the preset {folder.label!r} "
            f"({error.reason} at byte {error.start}). Download it again."
        ) from error
