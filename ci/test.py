"""Runs everything that has to hold, stage by stage: `hatch run test`.

All stages run, also after one has failed. A table at the end says what each of them
took, and the last line counts the tests; a failed stage that is no test counts as one.

Examples:
    python ci/test.py                                    everything but large tests
    python ci/test.py --large                            the tests that take minutes
    python ci/test.py --stage lint --stage types         two stages
    python ci/test.py --stage tests --backend torch      the tests on one backend
    python ci/test.py --stage tests --only packer        tests with "packer" in the name
    python ci/test.py --since origin/main                tests of the packages that a
                                                         branch has changed
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import affected

ROOT = Path(__file__).resolve().parent.parent
BACKENDS = ("jax", "tensorflow", "torch")
CORES = (
    len(os.sched_getaffinity(0))
    if hasattr(os, "sched_getaffinity")
    else os.cpu_count() or 1
)
# A worker holds a backend and a few models, 1 to 2 GB: more than four seldom fit.
WORKERS = max(1, min(4, CORES))
NO_TESTS_COLLECTED = 5
PYTEST = (sys.executable, "-m", "pytest", "--quiet", "--durations=15")


@dataclass
class Counts:
    """How the tests of one or more stages ended."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass
class Result:
    """What a stage came to."""

    ok: bool
    counts: Counts | None = None
    note: str = ""


@dataclass
class Stage:
    """One line of the table at the end."""

    name: str
    group: str
    run: Callable[[], Result]
    seconds: float = 0.0
    result: Result = field(default_factory=lambda: Result(ok=False))


def main() -> int:
    """Runs the stages asked for and returns the exit status."""
    options = parse_options()
    stages = [
        stage
        for stage in all_stages(options)
        if stage.group in (options.stage or [stage.group])
    ]
    for number, stage in enumerate(stages, 1):
        print(f"\n=== {number}/{len(stages)} {stage.name} ===", flush=True)
        start = time.perf_counter()
        stage.result = stage.run()
        stage.seconds = time.perf_counter() - start
    return report(stages)


def parse_options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large", action="store_true", help="only tests marked large")
    parser.add_argument(
        "--stage",
        action="append",
        choices=[
            "format",
            "lint",
            "contracts",
            "types",
            "repository",
            "tests",
            "docstrings",
            "wheels",
        ],
        help="run only this stage; may be given again",
    )
    parser.add_argument(
        "--backend",
        action="append",
        choices=BACKENDS,
        help="run the stage `tests` only on this backend; may be given again",
    )
    parser.add_argument("--only", metavar="EXPRESSION", help="as `-k` of pytest")
    parser.add_argument(
        "--since",
        metavar="COMMIT",
        help="run the stages `tests` and `docstrings` only for the packages that have "
        "changed since the branch left this commit",
    )
    return parser.parse_args()


def all_stages(options: argparse.Namespace) -> list[Stage]:
    """Returns the stages in the order in which they run, the quick ones first."""
    tests = [
        Stage(
            f"tests {backend}",
            "tests",
            lambda backend=backend: run_tests(backend, options),
        )
        for backend in options.backend or BACKENDS
    ]
    if options.large:
        return tests
    return [
        Stage("format", "format", lambda: run("ruff", "format", "--check", ".")),
        Stage("lint", "lint", lambda: run("ruff", "check", ".")),
        Stage("contracts", "contracts", lambda: run("lint-imports", "--no-logo")),
        Stage("types", "types", lambda: run("mypy")),
        Stage("repository", "repository", lambda: run_repository(options)),
        *tests,
        Stage("docstrings", "docstrings", lambda: run_docstrings(options)),
        Stage("wheels", "wheels", lambda: run(sys.executable, "ci/smoke_wheels.py")),
    ]


def run(*command: str) -> Result:
    """Runs a tool in the root of the repository; its output goes to the terminal."""
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    process = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PATH": tools}, check=False
    )
    return Result(ok=process.returncode == 0)


def run_repository(options: argparse.Namespace) -> Result:
    """Tests the rules of the repository and its scripts, once and not per backend."""
    selection = ["-k", options.only] if options.only else []
    return pytest("jax", "ci", *selection, workers=WORKERS)


def run_tests(backend: str, options: argparse.Namespace) -> Result:
    """Runs the tests beside the code on one backend."""
    if importlib.util.find_spec(backend) is None:
        note = f"{backend} has no wheel for this platform: not run"
        print(note)
        return Result(ok=True, note=note)
    sources = package_sources(options)
    if not sources:
        return Result(ok=True, note=f"no package has changed since {options.since}")
    selection = ["-m", "large" if options.large else "not large"]
    if options.large:
        sources = [*sources, "examples"]
        selection += ["-o", "faulthandler_timeout=1800"]  # an example may take minutes
    if options.only:
        selection += ["-k", options.only]
    # A large test takes the whole machine.
    workers = 1 if options.large else WORKERS
    return pytest(backend, *sources, *selection, workers=workers)


def run_docstrings(options: argparse.Namespace) -> Result:
    """Runs the examples in the docstrings."""
    sources = package_sources(options)
    if not sources:
        return Result(ok=True, note=f"no package has changed since {options.since}")
    # Without the test files: they would be collected as tests too.
    return pytest(
        "jax",
        *sources,
        "--doctest-modules",
        "--ignore-glob=*_test.py",
        workers=1,
    )


def package_sources(options: argparse.Namespace) -> list[str]:
    """Returns the source folders of the packages to test, relative to the root."""
    packages = affected.PACKAGES
    if options.since:
        packages = affected.packages_changed_since(options.since)
    return [f"packages/{package}/src" for package in packages]


def pytest(backend: str, *arguments: str, workers: int) -> Result:
    """Runs pytest in a process of its own and counts how the tests ended."""
    with tempfile.TemporaryDirectory() as folder:
        report_file = Path(folder) / "report.xml"
        command = [*PYTEST, f"--junitxml={report_file}", *arguments]
        if workers > 1:
            # By file, so that a fixture of a module is built once.
            command += ["-n", str(workers), "--dist", "loadfile"]
        process = subprocess.run(
            command, cwd=ROOT, env=environment(backend, workers), check=False
        )
        counts = read_counts(report_file)
    if process.returncode == NO_TESTS_COLLECTED:
        return Result(ok=True, counts=counts, note="no tests selected")
    if process.returncode and not counts.failed:
        counts.failed = 1  # pytest itself broke, or a worker died.
    return Result(ok=process.returncode == 0, counts=counts)


def environment(backend: str, workers: int) -> dict[str, str]:
    """Returns the environment for tests: a backend, and the cores divided up."""
    threads = str(max(1, CORES // workers))
    return os.environ | {
        "KERAS_BACKEND": backend,
        "HF_HUB_OFFLINE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TOKENIZERS_PARALLELISM": "false",
        # torch, NumPy; TensorFlow; XLA on a CPU.
        "OMP_NUM_THREADS": threads,
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "NPROC": threads,
    }


def read_counts(report_file: Path) -> Counts:
    """Reads the counts from the report in JUnit's format that pytest has written."""
    if not report_file.is_file():
        return Counts()
    counts = Counts()
    for suite in ElementTree.parse(report_file).getroot().iter("testsuite"):
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        passed = int(suite.get("tests", 0)) - failed - skipped
        counts += Counts(passed, failed, skipped)
    return counts


def report(stages: list[Stage]) -> int:
    """Prints the table and, as the last line, how many tests passed and failed."""
    total = Counts()
    print(f"\n=== summary ===\n{'stage':<18}{'seconds':>8}  result")
    for stage in stages:
        result = stage.result
        text = "ok" if result.ok else "FAILED"
        if result.counts is not None:
            total += result.counts
            text += f", {result.counts}"
        elif not result.ok:
            total.failed += 1  # The last line must not look as if all were well.
        if result.note:
            text += f" ({result.note})"
        print(f"{stage.name:<18}{stage.seconds:>8.1f}  {text}")
    seconds = sum(stage.seconds for stage in stages)
    failed = [stage.name for stage in stages if not stage.result.ok]
    print(f"{'all':<18}{seconds:>8.1f}  {'FAILED: ' if failed else 'ok'}", end="")
    print(", ".join(failed))
    print(total)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
