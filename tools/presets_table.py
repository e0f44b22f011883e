"""Prints the presets of a library as a table in Markdown.

python tools/presets_table.py keras_nlp
"""

import argparse
import importlib
from collections.abc import Iterable, Iterator

from domain_core import registry

HEADER = ("preset", "backbone", "parameters", "licence", "origin", "weights")


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", choices=["keras_cv", "keras_nlp"])
    importlib.import_module(parser.parse_args().package)
    print("\n".join(table()))


def table() -> Iterator[str]:
    """Yields the lines of the table, a row for each preset of what is imported."""
    yield _row(HEADER)
    yield _row(["---"] * len(HEADER))
    for entry in registry.backbones():
        for name, preset in entry.presets.items():
            yield _row(
                [
                    f"`{name}`",
                    f"`{entry.cls.__name__}`",
                    f"{preset.parameters:,}",
                    preset.licence,
                    preset.origin,
                    f"`{preset.handle}`" if preset.handle else "none",
                ]
            )


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
