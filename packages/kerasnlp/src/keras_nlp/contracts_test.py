"""Every registered class has a contract, and survives a fresh process."""

import pytest

import keras_nlp
from domain_core.testing import BackboneContract, TaskContract
from domain_core.testing.enumeration import contracts, without_contract
from domain_core.testing.saved_models import check_all, save_all

# Of a class that stands for several of a peer's, the last.
BACKBONES = [*{c.cls: c for c in contracts(keras_nlp, BackboneContract)}.values()]
TASKS = contracts(keras_nlp, TaskContract)


def test_every_registered_class_has_a_contract():
    assert without_contract(keras_nlp, BACKBONES + TASKS) == []


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save_all(BACKBONES, tmp_path_factory.mktemp("saved"))


@pytest.mark.parametrize("backend", ["torch", "jax", "tensorflow"])
def test_backbones_in_a_fresh_process(saved, backend):
    """Saved on one backend they are the same on each, in all three forms."""
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    checked = check_all("keras_nlp", saved, backend=backend)
    assert sorted(checked) == sorted(c.cls.__name__ for c in BACKBONES)
