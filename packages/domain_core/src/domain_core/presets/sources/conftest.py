from pathlib import Path

import keras
import pytest

from domain_core.testing.kaggle_case import kaggle_home as kaggle_home
from domain_core.testing.kaggle_case import kaggle_server as kaggle_server


def pytest_collection_modifyitems(items):
    if keras.config.backend() == "torch":
        return
    skip = pytest.mark.skip(reason="downloads know no backend: the run on torch does")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(skip)
