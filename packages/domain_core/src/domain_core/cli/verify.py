"""`verify`: whether a preset is what was saved."""

from __future__ import annotations

import argparse
from typing import Any

from domain_core.cli.answer import Answer, add_command


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "verify",
        _run,
        help="Compare every file of a preset with its manifest.",
        description=(
            "The SHA-256 of each must be that in `manifest.json`, which\n"
            "`save_to_preset` writes, and no other file may be there. With --key the\n"
            "signature must be that of the key: only so you know who made the preset."
        ),
        examples=["./my_model", "./my_model --key maker.pub"],
    )
    parser.add_argument("preset", metavar="DIR", help="a directory, name or handle")
    parser.add_argument(
        "--key", metavar="FILE", help="public key (PEM) that must have signed it"
    )


def _run(arguments: argparse.Namespace) -> Answer:
    from domain_core.presets.verifying import verify

    digests = verify(arguments.preset, key=arguments.key)
    signed = "" if arguments.key is None else f", signed by {arguments.key}"
    return Answer(
        f"{arguments.preset}: {len(digests)} files as in the manifest{signed}",
        {
            "preset": arguments.preset,
            "sha256": digests,
            "signed_by": arguments.key,
        },
    )
