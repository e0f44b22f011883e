"""Interleaved measurement of several contenders, each in a process of its own.

Why processes: Keras reads `KERAS_BACKEND` once per process, and a library that is
merely imported (its thread pools, its allocator) changes what its neighbours measure.
Why interleaved: on a shared machine the clock rate, the caches and the neighbours
drift within minutes. Every contender is built and warmed up first; then each runs one
repetition in turn, round after round, so that drift falls on all of them alike.

A benchmark script declares `Contender`s and hands them to `main`:

    CONTENDERS = [Contender("torch", build=build_torch)]
    if __name__ == "__main__":
        harness.main(__doc__, CONTENDERS)

`build(options)` runs in the contender's process and returns a dict from the name of a
measurement to a function without arguments. The function must not return before the
result exists (wait for asynchronous backends). `harness.main` starts the processes as
`python script.py --serve NAME`, talks to them over pipes, one JSON object per line,
and prints the table.

Pinned to one core with single-threaded libraries, CPU time of the process (all of its
threads) repeats to a few per cent even while other programs run; wall time does not.
"""

import argparse
import contextlib
import dataclasses
import fnmatch
import gc
import importlib.metadata
import itertools
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

Measurements = dict[str, Callable[[], object]]

SINGLE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "TOKENIZERS_PARALLELISM": "false",
}
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "PYTHONWARNINGS": "ignore",
}
# Without a GPU hidden from them, the libraries would not measure the pinned core.
CPU_ONLY = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}


@dataclasses.dataclass(frozen=True)
class Contender:
    """One row of the table.

    Args:
        name: unique, as typed after `--contenders`.
        build: called in the contender's own process with the parsed command line.
        environment: variables set before Python starts, `KERAS_BACKEND` above all.
        packages: distributions whose versions the report lists.
        baselines: its peers, to print ratios to beside the common baseline.
        python: name of an environment variable that holds its Python, if it needs one
            of its own; it is left out where that is not set.
    """

    name: str
    build: Callable[[argparse.Namespace], Measurements]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    packages: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    python: str = ""


@dataclasses.dataclass(frozen=True)
class Sample:
    """Seconds of one repetition, per call."""

    cpu: float
    wall: float


@dataclasses.dataclass(frozen=True)
class Per:
    """Of what a call makes many.

    Args:
        one: what it is, such as "token".
        count: returns how many a measurement of a name makes; None for no such thing.
    """

    one: str
    count: Callable[[str], int | None]


# --- in the contender's process -------------------------------------------------------


def serve(contender: Contender, options: argparse.Namespace) -> None:
    """Builds and warms the contender, then answers one request per line."""
    if options.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    # Libraries print to stdout: answers go out by a copy of it, prints to stderr.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")

    try:
        started = time.perf_counter()
        measurements = {
            name: function
            for name, function in contender.build(options).items()
            if fnmatch.fnmatch(name, options.measurements)
        }
        build_seconds = time.perf_counter() - started
        first_call = {}
        for name, function in measurements.items():
            started = time.perf_counter()
            function()
            first_call[name] = time.perf_counter() - started
            for _ in range(options.warmup):
                function()
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {error}"})
        raise
    versions = {}
    for package in contender.packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    answer({"build": build_seconds, "first_call": first_call, "versions": versions})

    for line in sys.stdin:
        request = json.loads(line)
        function, calls = measurements[request["run"]], request["calls"]
        function()  # the others emptied the caches since our last turn
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(calls):
            function()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        answer({"cpu": cpu / calls, "wall": wall / calls})


# --- in the process that the person started -------------------------------------------


class Worker:
    """A contender's process, seen from outside."""

    def __init__(self, contender: Contender, command: Sequence[str], gpu: bool):
        self.contender = contender
        self.samples: dict[str, list[Sample]] = {}
        environment = {**os.environ, **QUIET}
        environment |= {} if gpu else {**SINGLE_THREAD, **CPU_ONLY}
        environment |= contender.environment
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def wait_until_ready(self) -> None:
        message = self._read()
        self.first_call: dict[str, float] = message["first_call"]
        self.versions: dict[str, str] = message["versions"]
        self.samples = {name: [] for name in self.first_call}

    def measure(self, measurement: str, calls: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(
            json.dumps({"run": measurement, "calls": calls}) + "\n"
        )
        self._process.stdin.flush()
        message = self._read()
        self.samples[measurement].append(Sample(message["cpu"], message["wall"]))

    def stop(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.contender.name} ended without an answer")
        message: dict[str, Any] = json.loads(line)
        if "error" in message:
            raise RuntimeError(message["error"])
        return message


def run(
    contenders: Iterable[Contender], options: argparse.Namespace, arguments: list[str]
) -> list[Worker]:
    """Starts, warms and measures; a contender that breaks is reported and left out."""
    workers = []
    started: Iterable[Worker] = _start(contenders, options, arguments)
    if options.at_once:
        started = list(started)
    for worker in started:
        name = worker.contender.name
        print(f"building {name} ...", end=" ", file=sys.stderr, flush=True)
        began = time.perf_counter()
        try:
            worker.wait_until_ready()
        except RuntimeError as error:
            worker.stop()
            print(f"left out: {error}", file=sys.stderr)
            continue
        print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
        workers.append(worker)
    try:
        measurements = dict.fromkeys(name for w in workers for name in w.samples)
        for repetition in range(options.reps):
            for measurement, worker in itertools.product(measurements, workers):
                if measurement not in worker.samples:
                    continue
                try:
                    worker.measure(measurement, options.calls)
                except (RuntimeError, OSError) as error:
                    name = worker.contender.name
                    print(f"\n{name} left out: {error}", file=sys.stderr)
                    worker.stop()
                    worker.samples = {}
            print(f"\rround {repetition + 1}/{options.reps}", end="", file=sys.stderr)
        print(file=sys.stderr)
    finally:
        for worker in workers:
            worker.stop()
    return [worker for worker in workers if worker.samples]


def _start(
    contenders: Iterable[Contender], options: argparse.Namespace, arguments: list[str]
) -> Iterator[Worker]:
    """Starts one process after the other, whenever the next one is asked for."""
    for contender in contenders:
        python = sys.executable
        if contender.python:
            python = os.environ.get(contender.python, "")
            if not python:
                print(
                    f"{contender.name} left out: {contender.python} is not set",
                    file=sys.stderr,
                )
                continue
        command = [python, sys.argv[0], *arguments, "--serve", contender.name]
        if options.core is not None and not options.gpu:
            command += ["--core", str(options.core)]
        yield Worker(contender, command, options.gpu)


def pool(workers: Sequence[Worker], others: Sequence[Worker]) -> None:
    """Adds the samples of another session to those of the same contenders."""
    by_name = {worker.contender.name: worker for worker in workers}
    for other in others:
        if other.contender.name in by_name:
            for name, samples in other.samples.items():
                by_name[other.contender.name].samples[name] += samples


# --- the report -----------------------------------------------------------------------


def report(
    workers: Sequence[Worker],
    baseline: str,
    markdown: bool,
    clock: str = "cpu",
    per: Per | None = None,
) -> str:
    """One table per measurement: milliseconds and ratios of the minima.

    Args:
        workers: that measured.
        baseline: the contender that ratios refer to.
        markdown: whether to write tables of Markdown.
        clock: what ratios are of, "cpu" or "wall".
        per: see `main`.
    """
    lines = []
    for measurement in dict.fromkeys(name for w in workers for name in w.samples):
        rows = _rows(workers, measurement, baseline, clock, per)
        lines += [f"### {measurement}" if markdown else measurement, ""]
        lines += _markdown_table(rows) if markdown else _plain_table(rows)
        lines.append("")
    return "\n".join(lines)


def _rows(
    workers: Sequence[Worker],
    measurement: str,
    baseline: str,
    clock: str,
    per: Per | None,
) -> list[list[str]]:
    count = per.count(measurement) if per else None
    measured = [worker for worker in workers if worker.samples.get(measurement)]
    lowest = {
        worker.contender.name: min(
            getattr(s, clock) for s in worker.samples[measurement]
        )
        for worker in measured
    }
    rows = [
        [
            "contender",
            *([f"ms per {per.one}"] if per and count else []),
            f"{'CPU' if clock == 'cpu' else clock} min ms",
            "CPU median ms",
            "wall median ms",
            *([f"ratio to {baseline}"] if baseline in lowest else []),
            "ratio to its peer",
            "first call s",
        ]
    ]
    for worker in measured:
        contender, samples = worker.contender, worker.samples[measurement]
        ratios = {
            name: f"{lowest[contender.name] / lowest[name]:.2f}"
            for name in (baseline, *contender.baselines)
            if name in lowest
        }
        peers = [f"{ratios[p]} ({p})" for p in contender.baselines if p in ratios]
        rows.append(
            [
                contender.name,
                *([f"{lowest[contender.name] * 1e3 / count:.3f}"] if count else []),
                f"{lowest[contender.name] * 1e3:.1f}",
                f"{statistics.median(s.cpu for s in samples) * 1e3:.1f}",
                f"{statistics.median(s.wall for s in samples) * 1e3:.1f}",
                *([ratios[baseline]] if baseline in lowest else []),
                ", ".join(peers),
                f"{worker.first_call[measurement]:.1f}",
            ]
        )
    return rows


def describe_environment(workers: Sequence[Worker], options: argparse.Namespace) -> str:
    """Machine, versions and settings: what a reader needs to judge the figures."""
    versions: dict[str, str] = {}
    for worker in workers:
        versions |= worker.versions
    commit = _commit()
    cores = os.cpu_count()
    pinned = "not pinned, single-threaded"
    if options.gpu:
        pinned = "on a GPU"
    elif options.core is not None:
        pinned = f"pinned to core {options.core}, single-threaded"
    lines = [
        f"- {time.strftime('%Y-%m-%d')}, {_processor()}, {cores} cores, "
        f"{platform.system()}, Python {platform.python_version()}"
    ]
    if versions:
        lines.append("- " + ", ".join(f"{name} {v}" for name, v in versions.items()))
    lines += [
        f"- this repository at {commit}",
        f"- one process per contender, {pinned}; {options.sessions} session(s) of "
        f"{options.reps} interleaved rounds of {options.calls} calls; ratios are of "
        f"the minima of {'wall' if options.gpu else 'CPU'} time",
    ]
    return "\n".join(lines)


def main(
    description: str,
    contenders: Sequence[Contender],
    configure: Callable[[argparse.ArgumentParser], None] | None = None,
    per: Per | None = None,
) -> None:
    """Parses the command line, measures, prints.

    Args:
        description: the script's docstring, shown by `--help`.
        contenders: in the order of the table.
        configure: optional, called with the parser to add the script's own options.
        per: of what a call makes many, to print milliseconds of one.
    """
    names = [contender.name for contender in contenders]
    parser = argparse.ArgumentParser(
        description=description,
        epilog="contenders: " + ", ".join(names),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--contenders",
        default="*",
        help="comma separated names or patterns to run, such as 'ours-*,transformers'; "
        "default: all. One that can't be built is reported and left out.",
    )
    parser.add_argument(
        "--measurements",
        default="*",
        help="pattern of the measurements to take, such as '*fit'; default: all",
    )
    parser.add_argument(
        "--baseline",
        default=names[0],
        help="the contender that ratios refer to; default: %(default)s",
    )
    parser.add_argument(
        "--reps", type=int, default=10, help="rounds; default: %(default)s"
    )
    parser.add_argument(
        "--sessions",
        type=int,
        default=1,
        help="times to start all over with fresh processes and pool the samples: where "
        "memory happens to lie makes one process up to 5%% faster than the next; "
        "default: %(default)s",
    )
    parser.add_argument(
        "--calls",
        type=int,
        default=2,
        help="timed calls in a row per round, after one untimed; default: %(default)s",
    )
    parser.add_argument(
        "--warmup",
        type=int,
        default=2,
        help="calls after the first, before anything is timed; default: %(default)s",
    )
    parser.add_argument(
        "--core",
        type=int,
        default=_last_core(),
        help="the core to pin every contender to; default: the last one (%(default)s)",
    )
    parser.add_argument(
        "--gpu",
        action="store_true",
        help="leave GPUs and threads to the contenders, and compare wall time",
    )
    parser.add_argument(
        "--at-once",
        action="store_true",
        help="build all contenders at the same time, where time on a machine is short: "
        "first calls then wait for each other",
    )
    parser.add_argument(
        "--markdown", action="store_true", help="tables to paste into RESULTS.md"
    )
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    if configure is not None:
        configure(parser)
    options = parser.parse_args()
    if options.serve:
        serve(contenders[names.index(options.serve)], options)
        return
    patterns = [pattern.strip() for pattern in options.contenders.split(",")]
    chosen = [
        c for c in contenders if any(fnmatch.fnmatch(c.name, p) for p in patterns)
    ]
    if not chosen:
        parser.error(f"no contender matches {options.contenders!r}; there are {names}")
    workers = run(chosen, options, sys.argv[1:])
    for _ in range(options.sessions - 1):
        pool(workers, run(chosen, options, sys.argv[1:]))
    if not workers:
        sys.exit("no contender could be measured")
    print(describe_environment(workers, options), end="\n\n")
    clock = "wall" if options.gpu else "cpu"
    print(report(workers, options.baseline, options.markdown, clock, per))


def _last_core() -> int | None:
    if not hasattr(os, "sched_getaffinity"):
        return None  # macOS and Windows: single-threaded, but not pinned
    return max(os.sched_getaffinity(0))


def _commit() -> str:
    """Abbreviated commit of the working tree, marked if files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    here = pathlib.Path(__file__).parent
    try:
        return subprocess.check_output(command, cwd=here, text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return "an unknown commit"


def _processor() -> str:
    information = pathlib.Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    rule = "| --- |" + " ---: |" * (len(rows[0]) - 1)
    return [lines[0], rule, *lines[1:]]


def _plain_table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
