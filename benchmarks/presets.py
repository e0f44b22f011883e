"""Loading a preset of one gibibyte: time of the weights, and memory at its peak.

Two things are measured, each contender in a process of its own:

- weights: the model is built, the file lies in the cache of the operating system. Ours
  writes every weight with all checks on; the floor is `safetensors.numpy.load_file` of
  the same file in the same process. The two alternate; the ratio is of their minima.
- memory: a fresh process loads the model as a user does. Printed is the peak of its
  resident memory beyond what it had after it loaded a tiny model of the same kind, over
  the bytes of the weights. Ours loads from all three layouts, KerasHub and
  `transformers` from their own.

    hatch run python benchmarks/presets.py
    hatch run python benchmarks/presets.py --contenders 'ours-keras-*' --reps 0
"""

import argparse
import fnmatch
import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import harness

MIB = 2**20
LARGE = {
    "vocabulary_size": 30522,
    "num_heads": 16,
    "hidden_dim": 1024,
    "intermediate_dim": 4096,
}
TINY = dict.fromkeys([*LARGE, "num_layers"], 2)
BACKENDS = ("jax", "tensorflow", "torch")


def write_presets(folder: pathlib.Path, **sizes: int) -> None:
    """Writes the same model, with random weights, in three layouts."""
    import keras_hub

    import keras_nlp

    backbone = keras_nlp.models.BertBackbone(**sizes)
    backbone.save_to_preset(folder / "ours")
    backbone.export_to_transformers(folder / "transformers")
    theirs = keras_hub.models.BertBackbone(**sizes)
    theirs.save_to_preset(str(folder / "keras-hub"))


def load_ours(folder: pathlib.Path, name: str = "ours") -> Any:
    """Loads a preset of `write_presets` with this library."""
    import keras_nlp

    return keras_nlp.models.BertBackbone.from_preset(folder / name)


def load_keras_hub(folder: pathlib.Path) -> Any:
    """Loads a preset of `write_presets` with KerasHub."""
    import keras_hub

    return keras_hub.models.BertBackbone.from_preset(str(folder / "keras-hub"))


def load_transformers(folder: pathlib.Path) -> Any:
    """Loads a preset of `write_presets` with `transformers`, and reads each weight.

    Without that its weights are a file mapped into memory, of which nothing is there.
    """
    import transformers

    model = transformers.BertModel.from_pretrained(folder / "transformers")
    for parameter in model.parameters():
        parameter.sum()
    return model


def ours_from(name: str) -> Any:
    """Returns a loader with this library, of the files in a folder of this name."""
    return functools.partial(load_ours, name=name)


LOADERS = {
    **{f"ours-{name}": (load_ours, name) for name in BACKENDS},
    **{f"ours-keras-{name}": (ours_from("keras-hub"), name) for name in BACKENDS},
    **{
        f"ours-transformers-{name}": (ours_from("transformers"), name)
        for name in BACKENDS
    },
    **{f"keras-hub-{name}": (load_keras_hub, name) for name in BACKENDS},
    "transformers": (load_transformers, "torch"),
}


def measure_memory(contender: str, folder: pathlib.Path) -> dict[str, float]:
    """Returns mebibytes at the peak and at the end, and seconds.

    A tiny preset is loaded first, so that imports and pools do not count.
    """
    load = LOADERS[contender][0]
    load(folder / "tiny")
    before = resident()
    stop = threading.Event()
    peak = before

    def watch() -> None:
        nonlocal peak
        while not stop.wait(0.002):
            peak = max(peak, resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    model = load(folder / "large")
    seconds = time.perf_counter() - started
    stop.set()
    watcher.join()
    after = resident()
    del model
    return {
        "peak_mib": (peak - before) / MIB,
        "kept_mib": (after - before) / MIB,
        "seconds": seconds,
    }


def resident() -> int:
    """Returns the bytes of this process that are in memory."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure_weights(folder: pathlib.Path, reps: int) -> dict[str, float]:
    """Returns the fastest seconds of ours and of the floor."""
    from safetensors.numpy import load_file

    import keras_nlp
    from domain_core.presets import open_preset
    from domain_core.weights.initialization import without_initialization

    layout = open_preset(folder / "ours")
    cls, config = layout.backbone(True)
    assert issubclass(cls, keras_nlp.models.BertBackbone)
    with without_initialization():
        backbone = cls(**config)
    runs = {
        "ours": functools.partial(layout.assign_backbone, backbone),
        "floor": lambda: load_file(folder / "ours" / "backbone.safetensors"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(reps):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return {name: min(values) for name, values in seconds.items()}


def in_process(arguments: list[str], backend: str) -> dict[str, float]:
    """Runs this script as a child and returns what it found."""
    environment = {
        **os.environ,
        **harness.QUIET,
        **harness.CPU_ONLY,
        "KERAS_BACKEND": backend,
    }
    child = subprocess.run(
        [sys.executable, __file__, *arguments],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return json.loads(child.stdout.splitlines()[-1])


def main() -> None:
    """Prints two tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layers", type=int, default=19, help="19 give one gibibyte")
    parser.add_argument("--reps", type=int, default=5, help="0: no first table")
    parser.add_argument("--contenders", default="*", help="pattern, second table")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        folder = pathlib.Path(options.write)
        write_presets(folder / "large", **LARGE, num_layers=options.layers)
        write_presets(folder / "tiny", **TINY)
        print("{}")
    elif options.child:
        contender, path = options.child
        folder = pathlib.Path(path)
        weights = contender == "weights"
        if weights:
            found = measure_weights(folder / "large", options.reps)
        else:
            found = measure_memory(contender, folder)
        print(json.dumps(found))
    else:
        with tempfile.TemporaryDirectory() as path:
            report(path, options)


def report(path: str, options: argparse.Namespace) -> None:
    """Measures everything on presets in the directory `path`."""
    in_process(["--write", path, "--layers", str(options.layers)], "torch")
    file = pathlib.Path(path, "large", "ours", "backbone.safetensors")
    size = file.stat().st_size / MIB
    print(f"Weights: {size:.0f} MiB in float32, the largest tensor 119 MiB.\n")
    print("| backend | ours s | `load_file` s | ratio |\n| --- | ---: | ---: | ---: |")
    for backend in BACKENDS if options.reps else ():
        arguments = ["--child", "weights", path, "--reps", str(options.reps)]
        found = in_process(arguments, backend)
        ratio = found["ours"] / found["floor"]
        print(
            f"| {backend} | {found['ours']:.2f} | {found['floor']:.2f} | {ratio:.2f} |"
        )
    print("\n| contender | peak MiB | of the weights | kept MiB | seconds |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for contender in fnmatch.filter(LOADERS, options.contenders):
        backend = LOADERS[contender][1]
        found = in_process(["--child", contender, path], backend)
        print(
            f"| {contender} | {found['peak_mib']:.0f} | {found['peak_mib'] / size:.2f} "
            f"| {found['kept_mib']:.0f} | {found['seconds']:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
