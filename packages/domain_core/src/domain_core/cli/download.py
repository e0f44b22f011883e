"""`download`: a preset for a computer without internet."""

from __future__ import annotations

import argparse
from typing import Any

from domain_core.cli.answer import Answer, add_command, size_text


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "download",
        _run,
        help="Bring all files of a preset into a directory.",
        description=(
            "The directory is a preset itself: pass its path to `from_preset`, here\n"
            "or on a computer without internet. It is complete, or not there at all:\n"
            "a download that was cut goes on where it stopped when you run this again."
        ),
        examples=[
            "bert_base_en ./bert_base_en",
            "kaggle://keras/bert/keras/bert_base_en/3 ./bert_base_en",
        ],
    )
    parser.add_argument("preset", metavar="PRESET", help="a name, handle or directory")
    parser.add_argument("directory", metavar="DIR", help="directory to make")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace what is there"
    )


def _run(arguments: argparse.Namespace) -> Answer:
    from domain_core.presets.download import download
    from domain_core.presets.folder import LocalFolder

    path = download(
        arguments.preset, arguments.directory, overwrite=arguments.overwrite
    )
    files = dict(LocalFolder(path).sizes())
    return Answer(
        f"{arguments.preset}: {len(files)} files, {size_text(sum(files.values()))}, "
        f"now in {path}",
        {"preset": arguments.preset, "directory": str(path), "files": files},
    )
