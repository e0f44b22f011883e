"""Memory of image augmentation: what one call of each layer adds at its peak.

    python benchmarks/augmentation_memory.py
    python benchmarks/augmentation_memory.py --size 512 --markdown

The contenders are those of `augmentation.py`, each in a process of its own. Every layer
is called twice; before the third call free memory is given back to the system, and the
figure is how far the resident memory of the process rises above that during the call,
its result included, in units of the batch in float32. The inputs are there before.
TensorFlow keeps memory for later calls, so its figures, jitted ones above all, are too
low. Linux only.
"""

import argparse
import ctypes
import fnmatch
import gc
import json
import os
import pathlib
import re
import subprocess
import sys

import augmentation
import harness


def resident(field: str) -> int:
    """Returns a line of the kernel's account of this process, in bytes."""
    status = pathlib.Path("/proc/self/status").read_text()
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def peak_of(function: augmentation.Run) -> int:
    """Returns how many bytes a call adds at its peak."""
    for _ in range(2):
        function()
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = resident("VmRSS")
    result = function()
    peak = resident("VmHWM") - before
    del result
    return peak


def serve(name: str, options: argparse.Namespace) -> None:
    """Prints the peaks of one contender."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print too
    contender = next(c for c in augmentation.CONTENDERS if c.name == name)
    runs = contender.build(options)
    answers.write(json.dumps({name: peak_of(run) for name, run in runs.items()}))
    answers.close()


def main() -> None:
    """Parses the command line, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--contenders", default="*", help="a pattern; default: all")
    parser.add_argument("--markdown", action="store_true", help="for RESULTS.md")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    augmentation.configure(parser)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options)
        return
    peaks: dict[str, dict[str, int]] = {}
    for contender in augmentation.CONTENDERS:
        python = sys.executable
        if contender.python:
            python = os.environ.get(contender.python, "")
        if not python or not fnmatch.fnmatch(contender.name, options.contenders):
            continue
        environment = {**os.environ, **harness.SINGLE_THREAD, **harness.QUIET}
        environment |= {**harness.CPU_ONLY, **contender.environment}
        # Large arrays go back to the system as soon as they are free.
        environment["MALLOC_MMAP_THRESHOLD_"] = "65536"
        command = [python, *sys.argv, "--serve", contender.name]
        answer = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, check=False
        )
        if answer.returncode:
            print(f"{contender.name} left out", file=sys.stderr)
            continue
        peaks[contender.name] = json.loads(answer.stdout)
    layers = dict.fromkeys(layer for found in peaks.values() for layer in found)
    batch = augmentation.BATCH * options.size**2 * 3 * 4
    rows = [["contender", *layers]]
    for name, found in peaks.items():
        cells = [f"{found[x] / batch:.1f}" if x in found else "" for x in layers]
        rows.append([name, *cells])
    table = harness._markdown_table if options.markdown else harness._plain_table
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
