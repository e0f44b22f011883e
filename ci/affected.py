"""Prints the packages that a change touches, one per line.

    python ci/affected.py origin/main

The core is under everything, so a change of it affects all packages, and so does one of
the settings and scripts that all are tested with. Prose affects none.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("domain_core", "kerascv", "kerasnlp")
AFFECT_NOTHING = ("docs/", "examples/", "benchmarks/", "LICENSE", "mkdocs.yml")


def main() -> None:
    """Prints the packages that differ between a commit and the working tree."""
    print("\n".join(packages_changed_since(sys.argv[1])))


def packages_changed_since(commit: str) -> list[str]:
    """Returns the packages affected by all changes since the branch left a commit."""
    command = ["git", "diff", "--name-only", "--merge-base", commit]
    output = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return affected(output.splitlines())


def affected(paths: list[str]) -> list[str]:
    """Returns the packages affected by changes of these files."""
    found = set()
    for path in paths:
        if path.endswith(".md") or path.startswith(AFFECT_NOTHING):
            continue
        folder, _, rest = path.partition("/")
        package = rest.partition("/")[0]
        if folder != "packages" or package == "domain_core":
            return list(PACKAGES)
        found.add(package)
    return sorted(found & set(PACKAGES))


if __name__ == "__main__":
    main()
