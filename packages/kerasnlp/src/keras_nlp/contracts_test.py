"""Every registered class has a contract, and survives a fresh process."""

import keras
import numpy as np
import pytest

import keras_nlp
from domain_core.testing import BackboneContract, TaskContract, run_python, to_numpy
from domain_core.testing.enumeration import contracts, without_contract

BACKBONES = contracts(keras_nlp, BackboneContract)
TASKS = contracts(keras_nlp, TaskContract)


def test_every_registered_class_has_a_contract():
    assert without_contract(keras_nlp, BACKBONES + TASKS) == []


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """One folder with each backbone: as a preset, `.keras` file and weights file."""
    folder = tmp_path_factory.mktemp("saved")
    for contract in BACKBONES:
        backbone = contract.cls(**contract.arguments)
        place = folder / contract.cls.__name__
        backbone.save_to_preset(place / "preset")
        backbone.save(place / "model.keras")
        backbone.save_weights(place / "model.weights.h5")
        np.savez(place / "inputs.npz", **contract.inputs())
        np.savez(place / "outputs.npz", **to_numpy(backbone(contract.inputs())))
    return folder


def test_backbones_in_a_fresh_process(saved):
    printed = run_python(
        """
        import sys, pathlib
        import keras, keras_nlp, numpy as np
        for place in sorted(pathlib.Path(sys.argv[1]).iterdir()):
            inputs = dict(np.load(place / "inputs.npz"))
            expected = dict(np.load(place / "outputs.npz"))
            cls = getattr(keras_nlp.models, place.name)
            preset = cls.from_preset(place / "preset")
            weights = cls.from_config(preset.get_config())
            weights.load_weights(place / "model.weights.h5")
            whole = keras.saving.load_model(place / "model.keras")
            for model in (preset, weights, whole):
                assert type(model) is cls
                for name, value in model(inputs).items():
                    value = keras.ops.convert_to_numpy(value)
                    np.testing.assert_allclose(value, expected[name], rtol=1e-6,
                                               atol=1e-6, err_msg=f"{place} {name}")
            print(place.name)
        """,
        str(saved),
    )
    assert sorted(printed.split()) == sorted(c.cls.__name__ for c in BACKBONES)


@pytest.mark.skipif(keras.config.backend() != "jax", reason="once is enough")
@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_presets_on_the_other_backends(saved, backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    run_python(
        """
        import sys, pathlib
        import keras, keras_nlp, numpy as np
        for place in sorted(pathlib.Path(sys.argv[1]).iterdir()):
            model = keras_nlp.models.Backbone.from_preset(place / "preset")
            received = model(dict(np.load(place / "inputs.npz")))
            for name, expected in np.load(place / "outputs.npz").items():
                value = keras.ops.convert_to_numpy(received[name])
                np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5)
        """,
        str(saved),
        KERAS_BACKEND=backend,
    )
