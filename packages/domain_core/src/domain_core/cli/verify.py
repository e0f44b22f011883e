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
        help="Check that no file of a preset has changed.",
        description=(
            "The SHA-256 of each must be that in `manifest.json`, which\n"
            "`save_to_preset` writes, and no other file may be there. A download that\n"
            "has no manifest is compared with what arrived then.\n\n"
            "With --key the signature must be that of the key: only so you know who\n"
            "made the preset. With --repair damaged files of a download are fetched\n"
            "again; a directory of your own is never changed."
        ),
        examples=[
            "./my_model",
            "./my_model --key maker.pub",
            "bert_base_en --repair",
        ],
    )
    parser.add_argument("preset", metavar="PRESET", help="a name, handle or directory")
    parser.add_argument(
        "--repair", action="store_true", help="fetch damaged files of a download again"
    )
    parser.add_argument(
        "--key", metavar="FILE", help="public key (PEM) that must have signed it"
    )


def _run(arguments: argparse.Namespace) -> Answer:
    from domain_core.presets.verifying import repair, verify

    fetched: list[str] = []
    if arguments.repair:
        digests, fetched = repair(arguments.preset, key=arguments.key)
    else:
        digests = verify(arguments.preset, key=arguments.key)
    again = f"; fetched again: {', '.join(fetched)}" if fetched else ""
    signed = "" if arguments.key is None else f", signed by {arguments.key}"
    return Answer(
        f"{arguments.preset}: {len(digests)} files, all as saved{signed}{again}",
        {
            "preset": arguments.preset,
            "sha256": digests,
            "signed_by": arguments.key,
            "fetched_again": fetched,
        },
    )
