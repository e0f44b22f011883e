"""What all tests share: which backend runs them, seeds, JAX's cache of programs."""

import importlib
import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest

# JAX compiles the same small models in every process. All workers, and the programs
# the tests start, share one cache on disk; set before anything imports jax.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parent / ".cache" / "jax")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

# What no mark says otherwise runs here: it compiles nothing.
_ONE_BACKEND = "torch"


def pytest_addoption(parser):
    parser.addoption(
        "--everywhere",
        action="store_true",
        help="run each test on every backend, also those without the mark `backends`",
    )


def pytest_collection_modifyitems(config, items):
    backend = os.environ.get("KERAS_BACKEND", _ONE_BACKEND)
    everywhere = config.getoption("--everywhere")
    mine = [item for item in items if backend in _backends(item, backend, everywhere)]
    if len(mine) < len(items):
        kept = set(map(id, mine))
        others = [item for item in items if id(item) not in kept]
        config.hook.pytest_deselected(items=others)
        items[:] = mine


def _backends(item, backend, everywhere):
    """Returns the backends that a test runs on."""
    mark = item.get_closest_marker("backends")
    if mark is not None:
        return mark.args or (backend,)
    return (backend,) if everywhere else (_ONE_BACKEND,)


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
