"""What importing the packages costs, and what it must not bring in."""

import functools
import json
import os
import subprocess
import sys
import tempfile

import pytest

LEAVES = ["keras_nlp", "keras_cv"]
MOST_SECONDS_ABOVE_KERAS = 0.5
USED_SOMETIMES = ["cv2", "grain", "h5py", "kagglehub", "safetensors", "tokenizers"]

# Records the import as well as refusing it: code that tries TensorFlow and goes on
# without it has asked for it all the same. Looking whether it is there is allowed:
# torch does so.
REFUSE_TENSORFLOW = """
import importlib.abc, importlib.machinery, sys, traceback
attempts = []
class Refuse(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow":
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        attempts.append("".join(traceback.format_stack()))
        raise ModuleNotFoundError(f"No module named {spec.name!r}", name=spec.name)
    def exec_module(self, module):
        pass
sys.meta_path.insert(0, Refuse())
"""

MEASURE = """
import json, time
import keras
before = set(sys.modules)
start = time.process_time()  # not what other tests take meanwhile
import LEAF
seconds = time.process_time() - start
new = sorted(set(sys.modules) - before)
print(json.dumps({"seconds": seconds, "new": new, "attempts": attempts}))
"""


# Users import what pip has compiled, even if this machine keeps no compiled files.
COMPILED = tempfile.TemporaryDirectory(prefix="compiled")


def run_python(code, backend):
    """Runs code in a fresh interpreter."""
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": COMPILED.name}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"KERAS_BACKEND": backend} | compiled,
        capture_output=True,
        text=True,
        check=False,
    )


def measure(leaf, backend):
    """Imports keras, then a leaf, and returns what the latter has done."""
    code = REFUSE_TENSORFLOW + MEASURE.replace("LEAF", leaf)
    process = run_python(code, backend)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


first_measurement = functools.cache(measure)


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("leaf", LEAVES)
def test_importing_does_not_ask_for_tensorflow(leaf, backend):
    assert not first_measurement(leaf, backend)["attempts"]


@pytest.mark.parametrize("code", ["import tensorflow", "from tensorflow import nn"])
def test_asking_for_tensorflow_is_noticed(code):
    code = f"try:\n    {code}\nexcept ImportError:\n    print(len(attempts))"
    assert run_python(f"{REFUSE_TENSORFLOW}\n{code}", "jax").stdout.strip() == "1"


@pytest.mark.parametrize("leaf", LEAVES)
def test_importing_brings_in_nothing_that_is_only_used_sometimes(leaf):
    assert not set(USED_SOMETIMES) & set(first_measurement(leaf, "jax")["new"])


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("leaf", LEAVES)
def test_importing_is_quick(leaf, backend):
    # The best of three, because a busy machine may stop any one of them.
    best = first_measurement(leaf, backend)["seconds"]
    for _ in range(2):
        if best > MOST_SECONDS_ABOVE_KERAS:
            best = min(best, measure(leaf, backend)["seconds"])
    assert best <= MOST_SECONDS_ABOVE_KERAS


@pytest.mark.parametrize(
    ("leaf", "upstream"), [("keras_nlp", "keras-nlp"), ("keras_cv", "keras-cv")]
)
def test_upstream_beside_ours_is_refused_with_the_way_out(leaf, upstream, tmp_path):
    information = tmp_path / f"{upstream.replace('-', '_')}-0.15.1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {upstream}\nVersion: 0.15.1\n"
    )
    code = f"import sys; sys.path.append({str(tmp_path)!r}); import {leaf}"
    process = run_python(code, "jax")
    assert process.returncode != 0
    assert "ImportError" in process.stderr
    assert f"pip uninstall -y {upstream}" in process.stderr
