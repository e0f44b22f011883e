"""The keras layout of a user's own family: read, written, and crafted to do harm."""

import json
import tracemalloc

import h5py
import keras
import numpy as np
import pytest

import domain_core
from domain_core.preset_errors import PresetCorruptError, PresetUnsafeError
from domain_core.presets.config_map import Argument, ConfigMap
from domain_core.presets.keras.converter import (
    DTYPE,
    KerasClass,
    KerasConverter,
    upstream_name,
)
from domain_core.testing import assert_close
from domain_core.weights.weight_map import WeightMap


class Sack(domain_core.Backbone):
    """Embeds token ids."""

    def __init__(self, ids, width, scale=1.0, *, name=None, trainable=True, dtype=None):
        # layers
        table = keras.layers.Embedding(ids, width, dtype=dtype, name="table")
        # functional model
        inputs = keras.Input((None,), dtype="int32", name="token_ids")
        super().__init__(
            {"token_ids": inputs},
            table(inputs),
            name=name,
            trainable=trainable,
            dtype=dtype,
        )
        # config
        self.table = table
        self.set_config(ids=ids, width=width, scale=scale)


SACK = KerasClass(
    Sack,
    ("Sack", "OldSack"),
    ConfigMap(
        "width",
        "trainable",
        renamed={"vocabulary_size": Argument("ids"), "dtype": DTYPE},
        theirs={"bias": None},
        ours={"scale": 1.0},
    ),
)
domain_core.register_backbone(
    Sack,
    package="testing",
    converters=(
        KerasConverter(
            package="keras_hub",
            backbone=SACK,
            weights=lambda config: WeightMap(
                {"layers/embedding_0/vars/0": "table.embeddings"}
            ),
        ),
    ),
)
IDS = {"token_ids": np.array([[0, 4, 2]], "int32")}
POLICY = {"module": "keras", "class_name": "DTypePolicy", "registered_name": None}


@pytest.fixture
def saved(tmp_path):
    sack = Sack(5, 3)
    sack.save_to_preset(tmp_path / "sack", layout="keras")
    return sack, tmp_path / "sack"


def change(folder, file="config.json", **values):
    """Changes keys of a file; a key with a dot is in the config."""
    data = json.loads((folder / file).read_text())
    for key, value in values.items():
        place = data["config"] if key in data["config"] or key[0] != "_" else data
        place[key.lstrip("_")] = value
    (folder / file).write_text(json.dumps(data))


def test_round_trip(saved):
    sack, folder = saved
    assert sorted(p.name for p in folder.iterdir()) == [
        "config.json",
        "metadata.json",
        "model.weights.h5",
    ]
    again = domain_core.Backbone.from_preset(folder)
    assert type(again) is Sack
    assert again.get_config() | {"name": ""} == sack.get_config() | {"name": ""}
    assert_close(again(IDS), sack(IDS), rtol=0, atol=0)
    assert Sack.from_preset(folder, dtype="bfloat16").compute_dtype == "bfloat16"


@pytest.mark.backends
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "mixed_bfloat16"])
def test_dtypes(tmp_path, dtype):
    sack = Sack(5, 3, dtype=dtype)
    sack.save_to_preset(tmp_path / "sack", layout="keras")
    again = Sack.from_preset(tmp_path / "sack")
    assert again.dtype_policy.name == dtype
    variable = again.table.embeddings
    assert variable.dtype == sack.table.embeddings.dtype
    left, right = (keras.ops.cast(m.table.embeddings, "float32") for m in (again, sack))
    assert_close(left, right, rtol=0, atol=0)


@pytest.mark.parametrize(
    "name",
    ["keras_nlp>Sack", "keras_hub>OldSack", "keras_nlp.models>Sack"],
)
def test_names_of_one_class(saved, name):
    change(saved[1], _registered_name=name)
    assert type(Sack.from_preset(saved[1])) is Sack


def test_arguments_that_have_no_place_there(tmp_path):
    with pytest.raises(ValueError, match=r"2\.0 of 'scale' can't .* KerasHub's Sack"):
        Sack(5, 3, 2.0).save_to_preset(tmp_path / "a", layout="keras")
    sack = Sack(5, 3)
    with pytest.warns(UserWarning, match="InputLayer"):
        sack.quantize("int8")
    with pytest.raises(ValueError, match="of 'dtype' can't"):
        sack.save_to_preset(tmp_path / "a", layout="keras")
    assert not (tmp_path / "a").exists()


def test_classes_that_have_no_counterpart(tmp_path):
    class Other(domain_core.Backbone):
        def __init__(self):
            x = keras.Input((2,), name="x")
            super().__init__({"x": x}, x)
            self.set_config()

    with pytest.raises(ValueError, match="Other is of none"):
        Other().save_to_preset(tmp_path / "a", layout="keras")


def test_an_unknown_layout(tmp_path):
    with pytest.raises(ValueError, match=r"\['keras', 'native'\], received 'onnx'"):
        Sack(5, 3).save_to_preset(tmp_path / "a", layout="onnx")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"depth": 3}, "received 'depth'"),
        ({"bias": 1}, "'bias' can't be expressed in 'config.json'"),
        ({"dtype": "object"}, "'dtype' can't be expressed"),
        ({"dtype": {**POLICY, "config": {}}}, "'dtype' can't be expressed"),
        ({"dtype": {**POLICY, "class_name": "DTypePolicyMap"}}, "no plain dtype"),
        ({"_extra": 1}, "received the key 'extra'"),
        ({"_config": [1]}, "to be a dict"),
    ],
)
def test_configs_that_do_not_fit(saved, values, message):
    change(saved[1], **values)
    with pytest.raises(ValueError, match=message):
        Sack.from_preset(saved[1])


def test_a_missing_key(saved):
    data = json.loads((saved[1] / "config.json").read_text())
    del data["config"]["vocabulary_size"]
    (saved[1] / "config.json").write_text(json.dumps(data))
    with pytest.raises(PresetCorruptError, match=r"'vocabulary_size' in 'config.json'"):
        Sack.from_preset(saved[1])


GADGETS = [
    {"class_name": "function", "config": "os.system", "registered_name": "function"},
    {"class_name": "__lambda__", "config": {"value": "4wEA"}},
    {"class_name": "Lambda", "module": "keras.layers", "registered_name": None},
    {"class_name": "TFSMLayer", "module": "keras.layers", "config": {"filepath": "/"}},
    {"class_name": "TorchModuleWrapper", "registered_name": "TorchModuleWrapper"},
    {"class_name": "Sack", "registered_name": "testing>Sack", "config": {}},
    {"class_name": "Embedding", "registered_name": "keras_hub>Embedding"},
]


@pytest.mark.parametrize("gadget", GADGETS, ids=lambda g: g["class_name"])
def test_foreign_classes_are_refused_anywhere(saved, gadget):
    for value in (gadget, [{"deep": [gadget]}]):
        change(saved[1], width=value)
        with pytest.raises(PresetUnsafeError, match="Do not use this preset"):
            Sack.from_preset(saved[1])


@pytest.mark.parametrize(
    "name",
    ["testing>Sack", "builtins>eval", "keras_nlp>../x", "", None, 3, ["keras_hub>x"]],
)
def test_foreign_classes_at_the_top(saved, name):
    assert upstream_name(name) is None
    change(saved[1], _registered_name=name)
    with pytest.raises(PresetUnsafeError, match="a class of KerasNLP, KerasCV"):
        Sack.from_preset(saved[1])


def test_a_family_that_is_not_here(saved):
    change(saved[1], _registered_name="keras_hub>BagOfWordsBackbone")
    with pytest.raises(ValueError, match=r"'Sack'.*received 'keras_hub>BagOfWords"):
        Sack.from_preset(saved[1])


@pytest.mark.parametrize(
    ("change_file", "message"),
    [
        (lambda f: f.create_dataset("layers/dense/vars/0", data=[1.0]), "is not used"),
        (lambda f: f.__delitem__("layers/embedding"), "table.embeddings is missing"),
        (lambda f: f["layers/embedding/vars/0"].__setitem__((0, 0), np.nan), "finite"),
    ],
)
def test_weights_that_do_not_fit(saved, change_file, message):
    with h5py.File(saved[1] / "model.weights.h5", "a") as file:
        change_file(file)
    with pytest.raises(PresetCorruptError, match=message):
        Sack.from_preset(saved[1])


@pytest.mark.parametrize("data", [[[1.0] * 3] * 4, np.ones((5, 3), "int32")])
def test_weights_of_another_shape_or_type(saved, data):
    with h5py.File(saved[1] / "model.weights.h5", "a") as file:
        del file["layers/embedding/vars/0"]
        file["layers/embedding/vars/0"] = data
    with pytest.raises(PresetCorruptError, match="layers/embedding_0/vars/0"):
        Sack.from_preset(saved[1])


def test_a_config_for_more_than_the_file_holds(saved):
    change(saved[1], vocabulary_size=2 * 10**9)
    tracemalloc.start()
    try:
        with pytest.raises(PresetUnsafeError):
            Sack.from_preset(saved[1])
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", ["model.h5", "model.keras", "pytorch_model.bin", "model.pt", "a/x.pkl"]
)
def test_formats_that_can_run_code(saved, name):
    folder = saved[1]
    (folder / "model.weights.h5").unlink()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"\x80\x04\x95")
    for file in ("config.json", "metadata.json"):
        with pytest.raises(PresetUnsafeError, match=r"received \['.*can run code"):
            Sack.from_preset(folder)
        (folder / file).unlink()


def test_a_hostile_link(saved, tmp_path):
    path = saved[1] / "model.weights.h5"
    path.rename(tmp_path / "elsewhere.h5")
    path.symlink_to(tmp_path / "elsewhere.h5")
    with pytest.raises(PresetUnsafeError, match="a link to a file elsewhere"):
        Sack.from_preset(saved[1])
