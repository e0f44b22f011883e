"""What a command answers, for people and for programs."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Answer:
    """The answer of a command.

    Args:
        text: for people.
        data: the same as plain JSON data, for `--json`.
        code: exit status.
    """

    text: str
    data: Any
    code: int = 0


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], Answer],
    *,
    help: str,
    examples: Sequence[str],
    description: str = "",
) -> argparse.ArgumentParser:
    """Adds a command and returns its parser, which still wants its arguments.

    Args:
        commands: what `add_subparsers` returned.
        name: of the command.
        run: what it does.
        help: one line.
        examples: command lines without `python -m domain_core`.
        description: what one line does not say.
    """
    lines = [f"  python -m domain_core {name} {example}" for example in examples]
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=f"{help}\n\n{description}".rstrip(),
        epilog="examples:\n" + "\n".join(line.rstrip() for line in lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=run, parser=parser)
    return parser


def table(rows: Sequence[Sequence[str]]) -> str:
    """Returns rows with their columns aligned, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numeric = [
        all(cell[:1].isdigit() for cell in column[1:])
        for column in zip(*rows, strict=True)
    ]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def pairs(values: Mapping[str, Any], indent: str = "") -> str:
    """Returns one line per name and value, values aligned."""
    width = max(map(len, values), default=0) + 2
    return "\n".join(f"{indent}{k.ljust(width)}{v}".rstrip() for k, v in values.items())


def count_text(number: float) -> str:
    """Returns a large number in few digits: 109.5M."""
    for unit, factor in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= factor:
            return f"{number / factor:.1f}{unit}"
    return str(number)


def size_text(size: int) -> str:
    """Returns a number of bytes in few digits: 438.0 MB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"
