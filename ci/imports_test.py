"""What importing the packages costs, and what it must not bring in."""

import os
import subprocess
import sys

import pytest

LEAVES = ["keras_nlp", "keras_cv"]
MOST_SECONDS_ABOVE_KERAS = 0.5

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


def run_python(code, backend):
    """Runs code in a fresh interpreter and returns what it has printed."""
    process = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("leaf", LEAVES)
def test_importing_does_not_ask_for_tensorflow(leaf, backend):
    code = f"{REFUSE_TENSORFLOW}\nimport {leaf}\nprint(''.join(attempts))"
    assert run_python(code, backend).strip() == ""


@pytest.mark.parametrize("code", ["import tensorflow", "from tensorflow import nn"])
def test_asking_for_tensorflow_is_noticed(code):
    code = (
        f"{REFUSE_TENSORFLOW}\n"
        f"try:\n    {code}\nexcept ImportError:\n    print(len(attempts))"
    )
    assert run_python(code, "jax").strip() == "1"


@pytest.mark.parametrize("leaf", LEAVES)
def test_importing_brings_in_nothing_that_is_only_used_sometimes(leaf):
    heavy = {"cv2", "grain", "h5py", "kagglehub", "safetensors", "tokenizers", "torch"}
    code = (
        "import sys, keras; before = set(sys.modules)\n"
        f"import {leaf}\n"
        f"print(*sorted({heavy!r} & (set(sys.modules) - before)))"
    )
    assert run_python(code, "jax").strip() == ""


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("leaf", LEAVES)
def test_importing_is_quick(leaf, backend):
    code = (
        "import keras, time; start = time.perf_counter()\n"
        f"import {leaf}\n"
        "print(time.perf_counter() - start)"
    )
    # The best of three, because a busy machine may stop any one of them.
    best = float("inf")
    for _ in range(3):
        best = min(best, float(run_python(code, backend)))
        if best <= MOST_SECONDS_ABOVE_KERAS:
            break
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
    process = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode != 0
    assert "ImportError" in process.stderr
    assert f"pip uninstall -y {upstream}" in process.stderr
