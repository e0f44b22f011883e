"""Runs everything that has to hold, stage by stage: `hatch run test`.

All stages run, also after one has failed. At the end a table says what each folder's
tests took beside its budget (`ci/budgets.toml`), another what each stage took, and the
last line counts the tests; a failed stage that is no test counts as one.

Examples:
    python ci/test.py                                    what a change has to pass
    python ci/test.py --large                            every test on every backend,
                                                         and those that take minutes
    python ci/test.py --since origin/main                tests that what a branch has
                                                         changed can affect
    python ci/test.py --stage lint --stage types         two stages
    python ci/test.py --stage tests --backend torch      the tests on one backend
    python ci/test.py --stage tests --only packer        tests with "packer" in the name
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import affected
import durations

ROOT = Path(__file__).resolve().parent.parent
# The first runs all tests, the others those that are marked for them.
BACKENDS = ("torch", "jax", "tensorflow")
SOURCES = [f"packages/{name}/src" for name in ("domain_core", "kerascv", "kerasnlp")]
CORES = (
    len(os.sched_getaffinity(0))
    if hasattr(os, "sched_getaffinity")
    else os.cpu_count() or 1
)
# A worker holds a backend and a few models, 1 to 2 GB: more than four seldom fit.
WORKERS = max(1, min(4, CORES))
NO_TESTS_COLLECTED = 5
PYTEST = (sys.executable, "-m", "pytest", "--quiet", "-o", "junit_family=xunit1")


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
    tests: list[durations.Test] | None = None
    note: str = ""

    @property
    def counts(self) -> Counts | None:
        """How its tests ended; None of a stage that is no test."""
        if self.tests is None:
            return None
        ends = [test.outcome for test in self.tests]
        counts = Counts(*map(ends.count, ("passed", "failed", "skipped")))
        if not self.ok and not counts.failed:
            counts.failed = 1  # pytest itself broke, or a worker died.
        return counts


@dataclass
class Stage:
    """One line of the table at the end."""

    name: str
    group: str
    run: Callable[[], Result] | None = None
    seconds: float = 0.0
    result: Result = field(default_factory=lambda: Result(ok=False))


def main() -> int:
    """Runs the stages asked for and returns the exit status."""
    options = parse_options()
    speed = durations.machine_speed()
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
    return report(stages, speed, options)


def parse_options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--large",
        action="store_true",
        help="run every test on every backend, and those marked large",
    )
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
        help="run in the stage `tests` only what can be affected by all that has "
        "changed since the branch left this commit",
    )
    return parser.parse_args()


def all_stages(options: argparse.Namespace) -> list[Stage]:
    """Returns the stages in the order in which they run, the quick ones first."""
    backends = options.backend or BACKENDS
    tests = [
        Stage(f"tests {b}", "tests", partial(run_tests, b, options)) for b in backends
    ]
    wheels = [sys.executable, "ci/smoke_wheels.py"]
    if options.large:
        return [
            *tests,
            *(
                Stage(f"large {b}", "tests", partial(run_large, b, options))
                for b in backends
            ),
            Stage("wheels", "wheels", partial(run, *wheels, "--install")),
        ]
    return [
        Stage("format", "format", partial(run, "ruff", "format", "--check", ".")),
        Stage("lint", "lint", partial(run, "ruff", "check", ".")),
        Stage("contracts", "contracts", partial(run, "lint-imports", "--no-logo")),
        Stage("types", "types", partial(run, "mypy")),
        Stage("repository", "repository", partial(run_repository, options)),
        *tests,
        Stage("docstrings", "docstrings", partial(run_docstrings, options)),
        Stage("wheels", "wheels", partial(run, *wheels)),
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
    return pytest(BACKENDS[0], "ci", *chosen(options), workers=WORKERS)


def run_tests(backend: str, options: argparse.Namespace) -> Result:
    """Runs the tests beside the code that this backend has to run."""
    if note := missing(backend):
        return Result(ok=True, note=note)
    files = SOURCES
    if options.since:
        files = affected.tests_changed_since(options.since)
        if not files:
            return Result(ok=True, note="the change affects no test")
    selection = ["-m", "not large", *chosen(options)]
    if options.large:
        selection.append("--everywhere")
    return pytest(backend, *files, *selection, workers=WORKERS)


def run_large(backend: str, options: argparse.Namespace) -> Result:
    """Runs the tests that take minutes, one at a time: each takes all cores."""
    if note := missing(backend):
        return Result(ok=True, note=note)
    selection = ["-m", "large", "--everywhere", *chosen(options)]
    selection += ["-o", "faulthandler_timeout=1800"]  # an example may take minutes
    files = (*SOURCES, "examples")
    return pytest(backend, *files, *selection, workers=1, computes=True)


def run_docstrings(options: argparse.Namespace) -> Result:
    """Runs the examples in the docstrings."""
    # Without the test files: they would be collected as tests too.
    selection = ["--doctest-modules", "--ignore-glob=*_test.py"]
    return pytest(BACKENDS[0], *SOURCES, *selection, workers=1)


def missing(backend: str) -> str:
    """Returns, and prints, why a backend is not there, or nothing."""
    if importlib.util.find_spec(backend) is not None:
        return ""
    note = f"{backend} has no wheel for this platform: not run"
    print(note)
    return note


def chosen(options: argparse.Namespace) -> list[str]:
    """Returns what pytest is told about the tests to choose."""
    return ["-k", options.only] if options.only else []


def pytest(
    backend: str, *arguments: str, workers: int, computes: bool = False
) -> Result:
    """Runs pytest in a process of its own and reads how the tests ended."""
    with tempfile.TemporaryDirectory() as folder:
        report_file = Path(folder) / "report.xml"
        command = [*PYTEST, f"--junitxml={report_file}", *arguments]
        if workers > 1:
            # By file, so that a fixture of a module is built once; in our own order.
            command += ["-n", str(workers), "--dist", "loadfile"]
            command += ["--no-loadscope-reorder"]
        variables = environment(backend, workers, computes)
        process = subprocess.run(command, cwd=ROOT, env=variables, check=False)
        tests = []
        if report_file.is_file():
            tests = list(durations.read_tests(report_file, backend))
    if process.returncode == NO_TESTS_COLLECTED:
        return Result(ok=True, tests=tests, note="no tests selected")
    return Result(ok=process.returncode == 0, tests=tests)


def environment(backend: str, workers: int, computes: bool) -> dict[str, str]:
    """Returns the environment for tests: a backend, and the cores divided up.

    Unless they are tests that compute for minutes, XLA leaves out its last passes over
    the machine code: they change no operation, and take a third of the time.
    """
    threads = str(max(1, CORES // workers))
    flags = os.environ.get("XLA_FLAGS", "")
    if not computes:
        flags = f"--xla_backend_optimization_level=0 {flags}"
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
        "XLA_FLAGS": flags.strip(),
    }


def report(stages: list[Stage], speed: float, options: argparse.Namespace) -> int:
    """Prints the tables and, as the last line, how many tests passed and failed."""
    tests = [test for stage in stages for test in stage.result.tests or ()]
    if tests:
        over = durations.report(tests, durations.budgets(), speed)
        # What runs everywhere takes what it takes.
        if over and not options.large:
            note = f"over the budget of ci/budgets.toml: {', '.join(over)}"
            stages.append(Stage("budgets", "budgets", result=Result(False, note=note)))
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
