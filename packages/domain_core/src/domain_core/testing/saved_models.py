"""Every backbone of a package, saved here and loaded in a fresh process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from domain_core.testing.fresh_process import run_python
from domain_core.testing.values import assert_close, to_numpy

_SINGLE = "array"  # stands for inputs or outputs that are no dict


def save_all(contracts: list[Any], folder: Path) -> Path:
    """Saves the backbone of each contract as a preset, `.keras` and weights file.

    Args:
        contracts: subclasses of `BackboneContract`.
        folder: where to; each backbone gets a folder named after its class.

    Returns:
        `folder`.
    """
    for contract in contracts:
        backbone = contract.cls(**contract.arguments)
        place = folder / contract.cls.__name__
        backbone.save_to_preset(place / "preset")
        backbone.save(place / "model.keras")
        backbone.save_weights(place / "model.weights.h5")
        inputs = contract.inputs()
        _write(place / "inputs.npz", inputs)
        _write(place / "outputs.npz", to_numpy(backbone(inputs)))
    return folder


def check_all(package: str, folder: Path, *, backend: str) -> list[str]:
    """Loads what `save_all` wrote in a fresh process and compares the outputs.

    Args:
        package: import name of the package whose `models` has the classes.
        folder: what `save_all` returned.
        backend: of the process.

    Returns:
        The names of the classes that were checked.
    """
    program = (
        "import sys\nfrom domain_core.testing import saved_models\n"
        "saved_models.check_here(*sys.argv[1:])\n"
    )
    printed = run_python(program, package, str(folder), KERAS_BACKEND=backend)
    return printed.split()


def check_here(package: str, folder: str) -> None:
    """What the fresh process of `check_all` runs."""
    __import__(package)
    for place in sorted(Path(folder).iterdir()):
        cls = getattr(sys.modules[package].models, place.name)
        models = [cls.from_preset(place / "preset")]
        models.append(cls.from_config(models[0].get_config()))
        models[1].load_weights(place / "model.weights.h5")
        models.append(keras.saving.load_model(place / "model.keras"))
        for weights in zip(*(model.weights for model in models), strict=True):
            for other in weights[1:]:
                assert_close(other, weights[0], rtol=0, atol=0)
        assert {type(model) for model in models} == {cls}
        received = models[0].predict_on_batch(_read(place / "inputs.npz"))
        assert_close(received, _read(place / "outputs.npz"))
        sys.stdout.write(f"{place.name}\n")


def _write(path: Path, values: Any) -> None:
    np.savez(path, **(values if isinstance(values, dict) else {_SINGLE: values}))


def _read(path: Path) -> Any:
    values = dict(np.load(path))
    return values[_SINGLE] if list(values) == [_SINGLE] else values
