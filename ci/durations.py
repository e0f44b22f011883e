"""What tests took, per package and per folder, beside the budgets of `budgets.toml`.

Seconds are those of the processor, of the test and the programs it started, because
they depend least on what else a machine does. Budgets are those of the machine that
`YARDSTICK` was measured on; `machine_speed` says how another compares.
"""

import time
import tomllib
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
# Seconds that `_work` takes on a quiet machine like the one budgets were measured on.
YARDSTICK = 0.155
# What a folder without an entry may take.
WITHOUT_ENTRY = 5.0
# Above this a budget is broken: what else a machine does is not all left out.
TOLERANCE = 1.5


@dataclass(frozen=True)
class Test:
    """One test on one backend.

    Attributes:
        backend: of the process that ran it.
        folder: below `src` of a package, else below the repository.
        name: with its file.
        seconds: of the processor.
        outcome: "passed", "failed" or "skipped".
    """

    backend: str
    folder: str
    name: str
    seconds: float
    outcome: str


def read_tests(report: Path, backend: str) -> Iterator[Test]:
    """Yields the tests of a report in JUnit's format, as `conftest.py` has them."""
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        properties = {
            entry.get("name"): entry.get("value") for entry in case.iter("property")
        }
        seconds = float(properties.get("cpu") or case.get("time") or 0)
        kinds = {child.tag for child in case}
        outcome = "skipped" if "skipped" in kinds else "passed"
        if kinds & {"failure", "error"}:
            outcome = "failed"
        # `file` is where a test is written, which may be a contract in another folder.
        parts = case.get("classname", "").split(".")
        depth = next((i for i, p in enumerate(parts) if p.endswith("_test")), None)
        file = case.get("file") or ""
        if depth is not None:
            file = "/".join(parts[: depth + 1]) + ".py"
        name = f"{Path(file).name}::{case.get('name')}"
        yield Test(backend, folder_of(file), name, seconds, outcome)


def folder_of(file: str) -> str:
    """Returns the folder of a file as budgets name it: `keras_nlp/models/bert`."""
    _, _, below = file.rpartition("/src/")
    return (below or file).rpartition("/")[0]


def budgets() -> dict[str, float]:
    """Returns the seconds that the tests of each folder may take."""
    text = (ROOT / "ci" / "budgets.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["seconds"])


def machine_speed() -> float:
    """Returns how many times longer this machine takes than the one of the budgets."""
    return max(1.0, min(_work() for _ in range(3)) / YARDSTICK)


def report(tests: Iterable[Test], allowed: dict[str, float], speed: float) -> list[str]:
    """Prints what tests took, and returns the folders that took more than they may.

    Args:
        tests: all that ran.
        allowed: seconds by folder; or by file, for tests that then count there alone.
        speed: see `machine_speed`.
    """
    tests = list(tests)
    backends = sorted({test.backend for test in tests})
    spent: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    packages: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for test in tests:
        file = f"{test.folder}/{test.name.partition('::')[0]}"
        place = file if file in allowed else test.folder
        spent[place][test.backend] += test.seconds
        packages[test.folder.partition("/")[0]][test.backend] += test.seconds
    width = max((len(place) for place in spent), default=0) + 1
    heads = "".join(f"{backend:>12}" for backend in backends)
    print("\n=== seconds of the processor ===")
    print(f"{'folder':<{width}}{heads}{'all':>8}  budget")
    print(f"this machine takes {speed:.2f} times the seconds of the budgets")
    over = []
    for folder, parts in sorted(spent.items(), key=lambda entry: -_sum(entry)):
        budget = allowed.get(folder, WITHOUT_ENTRY)
        total = sum(parts.values())
        is_over = total > budget * speed * TOLERANCE
        if is_over:
            over.append(folder)
        if is_over or total >= 1:
            mark = "  OVER" if is_over else ""
            print(f"{_row(folder, width, parts, backends)}{budget:>8g}{mark}")
    print()
    for package, parts in sorted(packages.items(), key=lambda entry: -_sum(entry)):
        print(_row(package, width, parts, backends))
    print("\nslowest tests")
    for test in sorted(tests, key=lambda test: -test.seconds)[:15]:
        print(f"{test.seconds:>8.1f}  {test.backend:<12}{test.folder}/{test.name}")
    return over


def _row(name: str, width: int, parts: dict[str, float], backends: list[str]) -> str:
    cells = "".join(f"{parts[backend]:>12.1f}" for backend in backends)
    return f"{name:<{width}}{cells}{sum(parts.values()):>8.1f}"


def _sum(entry: tuple[str, dict[str, float]]) -> float:
    return sum(entry[1].values())


def _work() -> float:
    """Does what tests do, in small, and returns the processor's seconds."""
    start = time.process_time()
    total = 0
    for number in range(6_000_000):
        total += number % 7
    matrix = np.ones((64, 64), "float32")
    for _ in range(3000):
        matrix = matrix @ matrix / 64
    return time.process_time() - start
