import tracemalloc

import pytest

from domain_core.testing.kaggle_case import kaggle_home as kaggle_home
from domain_core.testing.kaggle_case import kaggle_server as kaggle_server


@pytest.fixture(autouse=True)
def little_memory():
    """Whatever a server says, no test takes much: its files have a megabyte or so."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()  # 0 where a test measured itself
    tracemalloc.stop()
    assert peak < 64 * 2**20
