"""Checks that a release is consistent: tag, version file, changelog, requirements.

    python ci/check_release.py kerasnlp-v0.1.0

A release of `kerasnlp` 0.1.0 is the tag `kerasnlp-v0.1.0`. Its `_version.py` says
0.1.0, the first entry of its changelog is `## 0.1.0 (2026-11-22)`, and the core in this
checkout is one that the leaves allow.
"""

import argparse
import datetime
import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "domain-core": ("domain_core", "domain_core"),
    "kerascv": ("kerascv", "keras_cv"),
    "kerasnlp": ("kerasnlp", "keras_nlp"),
}
TAG = re.compile(r"(?P<package>[a-z-]+)-v(?P<version>\d+\.\d+\.\d+((a|b|rc)\d+)?)")
ENTRY = re.compile(r"^## (?P<version>\S+) \((?P<date>[^)]*)\)$", re.MULTILINE)


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tag")
    found = problems(parser.parse_args().tag)
    print("\n".join(found) or "tag, version and changelog agree")
    return 1 if found else 0


def problems(tag: str, root: Path = ROOT) -> list[str]:
    """Returns what is wrong with releasing the checkout under this tag."""
    match = TAG.fullmatch(tag)
    if not match or match["package"] not in FOLDERS:
        expected = ", ".join(f"{package}-v1.2.3" for package in FOLDERS)
        return [f"tag: expected one like {expected}; got {tag}"]
    package, version = match["package"], match["version"]
    found = []
    if (written := version_of(package, root)) != version:
        found.append(f"version: the tag says {version}, _version.py {written}")
    changelog = root / "packages" / FOLDERS[package][0] / "CHANGELOG.md"
    entry = ENTRY.search(changelog.read_text(encoding="utf-8"))
    if entry is None:
        found.append("changelog: no entry like `## 1.2.3 (2026-12-31)`")
    elif entry["version"] != version:
        found.append(f"changelog: the first entry is {entry['version']}, not {version}")
    elif not _is_date(entry["date"]):
        found.append(f"changelog: expected the date of release, got {entry['date']}")
    core = version_of("domain-core", root)
    for leaf in ("kerascv", "kerasnlp"):
        requirement = core_requirement(leaf, root)
        if not requirement.specifier.contains(core, prereleases=True):
            found.append(f"requirements: {leaf} asks for {requirement}, here is {core}")
    return found


def version_of(package: str, root: Path = ROOT) -> str:
    """Returns the version that a package's `_version.py` states."""
    folder, module = FOLDERS[package]
    file = root / "packages" / folder / "src" / module / "_version.py"
    match = re.fullmatch(r'__version__ = "(.+)"\s*', file.read_text(encoding="utf-8"))
    if match is None:
        raise ValueError(f'{file}: expected one line, `__version__ = "1.2.3"`.')
    return match[1]


def core_requirement(leaf: str, root: Path = ROOT) -> Requirement:
    """Returns what a leaf's pyproject.toml asks of the core."""
    file = root / "packages" / FOLDERS[leaf][0] / "pyproject.toml"
    dependencies = tomllib.loads(file.read_text())["project"]["dependencies"]
    [core] = [line for line in dependencies if line.startswith("domain-core")]
    return Requirement(core)


def _is_date(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
