"""Reads the command line, runs the command, prints its answer or one line of error."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import TextIO

from domain_core._installation import packages_with_presets
from domain_core._version import __version__
from domain_core.cli import convert, doctor, download, info, presets, verify
from domain_core.cli.answer import Answer
from domain_core.preset_errors import PresetError

BAD_PRESET, USAGE = 1, 2
_EPILOG = """\
A PRESET is one of
  a name        bert_base_en
  a handle      kaggle://keras/bert/keras/bert_base_en/3
                hf://google-bert/bert-base-uncased
                https://...
  a directory   ./my_model

first steps:
  python -m domain_core presets --family bert       which presets there are
  python -m domain_core info bert_base_en           what one of them is
  python -m domain_core download bert_base_en DIR   for a computer without internet
  python -m domain_core COMMAND --help              more on a command, with examples

exit status:
  0  done
  1  the preset is missing, damaged or out of reach
  2  wrong usage, or what cannot be done

environment:
  KERAS_BACKEND=jax|tensorflow|torch
  DOMAIN_CORE_OFFLINE=1        send no request
  DOMAIN_CORE_TIMEOUT=seconds  give up later, or earlier
  DOMAIN_CORE_DEBUG=1          show where an error arose
  KAGGLE_API_TOKEN, HF_TOKEN   log in, where a preset is not for everybody
  KAGGLEHUB_CACHE, HF_HOME, DOMAIN_CORE_CACHE
                               where downloads are kept (`doctor` shows it)
"""


def main(arguments: Sequence[str], output: TextIO | None = None) -> int:
    """Runs a command line.

    Args:
        arguments: without the program's name.
        output: where the answer goes; None for `sys.stdout`. Everything else that is
            printed goes to `sys.stderr`.

    Returns:
        The exit status.
    """
    output = output or sys.stdout
    parser = make_parser()
    if not arguments:
        parser.print_help(sys.stderr)
        return USAGE
    try:
        with contextlib.redirect_stdout(output):  # for `--help`
            parsed, unknown = parser.parse_known_args(arguments)
            if unknown:  # with the usage of the command, not of the whole
                parsed.parser.error(f"unknown arguments: {' '.join(unknown)}")
    except SystemExit as exit:
        return int(exit.code or 0)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            import_packages()
            answer: Answer = parsed.run(parsed)
    except Exception as error:
        return _explain(error)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    text = answer.text
    if parsed.json:
        text = json.dumps(answer.data, indent=2, ensure_ascii=False)
    with contextlib.suppress(BrokenPipeError):  # `| head` has seen enough
        output.write(text + "\n")
        output.flush()
    return answer.code


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="python -m domain_core",
        description="Finds, fetches, checks and converts presets of Keras models.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (presets, info, download, verify, convert, doctor):
        command.add_to(commands)
    return parser


def import_packages() -> dict[str, Exception]:
    """Imports the installed packages that declare presets.

    Returns:
        What went wrong, by the name of the package.
    """
    failed = {}
    for name in packages_with_presets():
        try:
            importlib.import_module(name)
        except Exception as error:
            failed[name] = error
            sys.stderr.write(f"warning: `import {name}` failed: {_one_line(error)}\n")
    return failed


def _explain(error: Exception) -> int:
    """Prints an error as one line, and returns the exit status for it."""
    if os.environ.get("DOMAIN_CORE_DEBUG", "") not in ("", "0"):
        traceback.print_exc()
    expected = isinstance(error, ValueError | OSError | ImportError)
    name = "" if expected else f"{type(error).__name__}: "
    hint = "" if expected else " (DOMAIN_CORE_DEBUG=1 shows where)"
    sys.stderr.write(f"error: {name}{_one_line(error)}{hint}\n")
    is_usage = isinstance(error, ValueError) and not isinstance(error, PresetError)
    return USAGE if is_usage else BAD_PRESET


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
