"""`presets`: which there are."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from domain_core._installation import packages_with_presets
from domain_core.cli.answer import Answer, add_command, count_text, table
from domain_core.preset import Preset
from domain_core.presets.listing import list_presets
from domain_core.registry import find_preset


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "presets",
        _run,
        help="List the presets of all installed packages.",
        examples=[
            "",
            "--family bert --with-weights",
            "--family '*res*' --task ImageClassifier",
            "--json",
        ],
    )
    parser.add_argument(
        "--family",
        metavar="NAME",
        help="a backbone, such as bert, or a pattern for names, such as '*50*'",
    )
    parser.add_argument(
        "--task", metavar="NAME", help="a task that is to load it: TextClassifier"
    )
    parser.add_argument(
        "--with-weights",
        action="store_true",
        help="leave out architectures without published weights",
    )


def _run(arguments: argparse.Namespace) -> Answer:
    found = list_presets(
        arguments.family, arguments.task, True if arguments.with_weights else None
    )
    if not found:
        packages = ", ".join(packages_with_presets()) or "none"
        text = f"No preset is like this. Packages looked through: {packages}."
        return Answer(text, {})
    rows = [("NAME", "PARAMETERS", "BACKBONE", "WEIGHTS", "TRAINED FOR")]
    for name, preset in found.items():
        rows.append(
            (
                name,
                count_text(preset.parameters),
                find_preset(name)[0].cls.__name__,
                "yes" if preset.handle else "none",
                task_name(preset),
            )
        )
    return Answer(table(rows), {n: preset_data(n, p) for n, p in found.items()})


def task_name(preset: Preset) -> str:
    """Returns the class of the trained head of a preset, or ""."""
    return (preset.task or "").rpartition(">")[2]


def preset_data(name: str, preset: Preset) -> dict[str, Any]:
    """Returns a declared preset as JSON data."""
    return {
        "backbone": find_preset(name)[0].cls.__name__,
        **dataclasses.asdict(preset),
    }
