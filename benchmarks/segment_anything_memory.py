"""Memory of one prediction with Segment Anything at 1024 pixels.

    python benchmarks/segment_anything_memory.py
    python benchmarks/segment_anything_memory.py --size small --markdown

The contenders are those of `segment_anything.py`, each in a process of its own that
makes the model and predicts once: a compiled one compiles in it. In megabytes:

  built     resident memory with the model made, before the prediction
  predict   the highest during the prediction
  peak      the highest of the process: libraries, weights and what made these, too

Linux only.
"""

import argparse
import fnmatch
import json
import os
import resource
import subprocess
import sys

import harness
import segment_anything
from augmentation_memory import resident

COLUMNS = ("built", "predict", "peak")


def serve(name: str, options: argparse.Namespace) -> None:
    """Prints the megabytes of one contender."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print too
    contender = next(c for c in segment_anything.CONTENDERS if c.name == name)
    [predict] = contender.build(options).values()
    built = resident("VmRSS")
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak begins anew
    predict()
    found = built, resident("VmHWM"), max(highest, resident("VmHWM"))
    answers.write(json.dumps([round(x / 1e6) for x in found]))
    answers.close()


def main() -> None:
    """Parses the command line, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--contenders",
        default="transformers,ours-torch,ours-jax,ours-tensorflow",
        help="names or patterns; default: %(default)s",
    )
    parser.add_argument("--markdown", action="store_true", help="for RESULTS.md")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    segment_anything.configure(parser)
    parser.set_defaults(images=[1024], gpu=False, measurements="predict *")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options)
        return
    rows = [["contender", *COLUMNS]]
    for contender in segment_anything.CONTENDERS:
        patterns = options.contenders.split(",")
        if not any(fnmatch.fnmatch(contender.name, x) for x in patterns):
            continue
        environment = {**os.environ, **harness.SINGLE_THREAD, **harness.QUIET}
        environment |= {**harness.CPU_ONLY, **contender.environment}
        command = [sys.executable, *sys.argv, "--serve", contender.name]
        answer = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, check=False
        )
        if answer.returncode:
            print(f"{contender.name} left out", file=sys.stderr)
            continue
        rows.append([contender.name, *map(str, json.loads(answer.stdout))])
    table = harness._markdown_table if options.markdown else harness._plain_table
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
