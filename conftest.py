"""What all tests share: which backend runs them, in which order, from which seeds."""

import gc
import importlib
import os
import random
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent
# What no mark says otherwise runs here: it compiles nothing.
ONE_BACKEND = "torch"
os.environ.setdefault("KERAS_BACKEND", ONE_BACKEND)

# JAX compiles the same small models in every process. All workers, and the programs
# the tests start, share one cache on disk; set before anything imports jax.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def pytest_addoption(parser):
    parser.addoption(
        "--everywhere",
        action="store_true",
        help="run each test on every backend, also those without the mark `backends`",
    )


def pytest_ignore_collect(collection_path, config):
    """Leaves out files that have no test for this backend: importing takes time."""
    is_test = collection_path.name.endswith("_test.py")
    if not is_test or _runs_all(config) or config.getoption("doctestmodules"):
        return None
    text = collection_path.read_text(encoding="utf-8")
    # Contracts bring marked tests along.
    return None if "backends" in text or "Contract" in text else True


def pytest_collection_modifyitems(config, items):
    backend = os.environ["KERAS_BACKEND"]
    mine, others = [], []
    for item in items:
        mark = item.get_closest_marker("backends")
        names = mark.args if mark else ()
        unmarked = mark is None and not _runs_all(config)
        (others if unmarked or (names and backend not in names) else mine).append(item)
    if others:
        config.hook.pytest_deselected(items=others)
    # The longest first, so that no worker is left with them at the end.
    items[:] = sorted(mine, key=lambda item: -_seconds_of_folder(item.path.parent))


def _runs_all(config):
    return os.environ["KERAS_BACKEND"] == ONE_BACKEND or config.getoption(
        "--everywhere"
    )


def _seconds_of_folder(folder):
    try:
        path = folder.relative_to(ROOT).as_posix()
    except ValueError:
        return 0
    return BUDGETS.get(path.partition("/src/")[2] or path, 0)


BUDGETS = tomllib.loads((ROOT / "ci" / "budgets.toml").read_text())["seconds"]


def pytest_collection_finish():
    # Keras collects garbage for each layer it quantizes: what is here stays.
    gc.collect()
    gc.freeze()


_STARTED = pytest.StashKey[float]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    item.stash[_STARTED] = _cpu_seconds()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    try:
        return (yield)
    finally:
        # For `ci/test.py`, which adds them up per folder.
        seconds = _cpu_seconds() - item.stash[_STARTED]
        item.user_properties.append(("cpu", f"{seconds:.3f}"))


def _cpu_seconds():
    """Returns what this process has used, and programs it started that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


@pytest.fixture(autouse=True)
def seeded():
    """Starts each test from the same random state.

    `keras.utils.set_random_seed` imports TensorFlow where it is installed; Keras draws
    the seeds of its initializers and layers from `random`.
    """
    random.seed(0)
    np.random.seed(0)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(0)
    if (tensorflow := sys.modules.get("tensorflow")) is not None:
        tensorflow.random.set_seed(0)


@pytest.fixture(autouse=True)
def names_for_docstrings(request, doctest_namespace):
    """Lets an example use `np`, `keras` and its own package without importing them."""
    if isinstance(request.node, pytest.DoctestItem):
        package = request.node.name.partition(".")[0]
        for name in ("keras", package):
            doctest_namespace[name] = importlib.import_module(name)
        doctest_namespace["np"] = np
