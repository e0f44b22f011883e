"""Every registered class has a contract, and survives a fresh process."""

import keras
import pytest

import keras_nlp
from domain_core.testing import BackboneContract, TaskContract
from domain_core.testing.enumeration import contracts, without_contract
from domain_core.testing.saved_models import check_all, save_all

BACKBONES = contracts(keras_nlp, BackboneContract)
TASKS = contracts(keras_nlp, TaskContract)


def test_every_registered_class_has_a_contract():
    assert without_contract(keras_nlp, BACKBONES + TASKS) == []


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save_all(BACKBONES, tmp_path_factory.mktemp("saved"))


def test_backbones_in_a_fresh_process(saved):
    checked = check_all("keras_nlp", saved)
    assert sorted(checked) == sorted(c.cls.__name__ for c in BACKBONES)


@pytest.mark.skipif(keras.config.backend() != "jax", reason="once is enough")
@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_presets_on_the_other_backends(saved, backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    assert check_all("keras_nlp", saved, backend=backend)
