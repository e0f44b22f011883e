"""`info`: what one preset is."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Mapping
from typing import Any

from domain_core.cli.answer import Answer, add_command, count_text, pairs, size_text
from domain_core.cli.presets import preset_data, task_name
from domain_core.preset_errors import PresetNotFoundError
from domain_core.presets.open_preset import layout_of, open_folder
from domain_core.registry import find_preset
from domain_core.serialization import registered_class, to_json

_LAYOUTS = {
    "NativeLayout": "native",
    "KerasLayout": "keras (KerasNLP, KerasCV, KerasHub)",
    "TransformersLayout": "transformers (Hugging Face)",
}


_NO_TASK = "no task: its head is up to you"


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "info",
        _run,
        help="Show what a preset is, and how to load it.",
        description=(
            "For a name nothing is downloaded; for a handle only its config files are."
        ),
        examples=["bert_base_en", "./my_model", "hf://google-bert/bert-base-uncased"],
    )
    parser.add_argument("preset", metavar="PRESET", help="a name, handle or directory")


def _run(arguments: argparse.Namespace) -> Answer:
    name = arguments.preset
    try:
        entry, preset = find_preset(name)
    except PresetNotFoundError as error:
        return _info_of_files(name, error)
    cls = entry.cls if preset.task is None else registered_class(preset.task)
    data = {"preset": name, **preset_data(name, preset), "load": _load(cls, name)}
    facts = {
        "backbone": entry.cls.__name__,
        "trained for": task_name(preset) or _NO_TASK,
        "parameters": f"{count_text(preset.parameters)} ({preset.parameters:,})",
        "weights": preset.handle or "none published",
        "licence": preset.licence,
        "origin": preset.origin,
        "paper": preset.paper,
    }
    if preset.unverified:
        facts["unverified"] = ", ".join(preset.unverified)
    text = _text(
        name, preset.description, facts, preset.config, preset.task_config, data["load"]
    )
    return Answer(text, to_json(data))


def _info_of_files(name: str, unknown: PresetNotFoundError) -> Answer:
    """Describes files; `unknown` is the error if there are none by that name."""
    try:
        folder = open_folder(name)
    except PresetNotFoundError as error:
        # Of a word that is neither, only the names are worth telling.
        raise error if "/" in name else unknown from None
    layout = layout_of(folder)
    cls, config = layout.backbone(False)
    task = layout.task()
    sizes = folder.sizes()
    task_config = {} if task is None else dict(task[1])
    data: dict[str, Any] = {
        "preset": name,
        "layout": _LAYOUTS[type(layout).__name__].split()[0],
        "backbone": cls.__name__,
        "task": None if task is None else task[0].__name__,
        "weights": layout.has_weights(),
        "config": config,
        "task_config": task_config,
        "files": dict(sizes),
        "load": _load(cls if task is None else task[0], name),
    }
    facts = {
        "layout": _LAYOUTS[type(layout).__name__],
        "backbone": cls.__name__,
        "trained for": _NO_TASK if task is None else task[0].__name__,
        "weights": "yes" if layout.has_weights() else "none",
        "files": f"{len(sizes)}, {size_text(sum(sizes.values()))}",
    }
    return Answer(
        _text(name, "", facts, config, task_config, data["load"]), to_json(data)
    )


def _text(
    name: str,
    description: str,
    facts: dict[str, str],
    config: Mapping[str, Any],
    head: Mapping[str, Any],
    load: str,
) -> str:
    config, head = (
        {k: v for k, v in values.items() if k not in ("name", "trainable")}
        for values in (config, head)
    )
    parts = [
        "\n".join(filter(None, [name, description])),
        pairs(facts, "  "),
        "config\n" + pairs(config, "  "),
        *(["head\n" + pairs(head, "  ")] if head else []),
        "load it with\n" + textwrap.indent(load, "  "),
    ]
    return "\n\n".join(parts)


def _load(cls: type, name: str) -> str:
    """Returns the code that loads a preset."""
    package = cls.__module__.partition(".")[0]
    models = getattr(sys.modules.get(package), "models", None)
    if getattr(models, cls.__name__, None) is cls:
        call = f"{package}.models.{cls.__name__}"
        return f'import {package}\n\nmodel = {call}.from_preset("{name}")'
    return (
        f"from {cls.__module__} import {cls.__name__}\n\n"
        f'model = {cls.__name__}.from_preset("{name}")'
    )
