"""Presets whose files ask for what no preset may have: refused at once."""

import concurrent.futures
import json
import time
import tracemalloc

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import domain_core
from domain_core.preset_errors import PresetCorruptError, PresetError, PresetUnsafeError
from domain_core.testing.archives import ZIP, archive

WEIGHTS = "backbone.safetensors"
X = {"x": np.ones((1, 3), "float32")}


class Tower(domain_core.Backbone):
    """Some dense layers: what a user might write, without checks of its own."""

    def __init__(self, width, num_layers, *, name=None, trainable=True, dtype=None):
        blocks = [
            keras.layers.Dense(width, dtype=dtype, name=f"blocks_{i}")
            for i in range(num_layers)
        ]
        inputs = keras.Input((3,), name="x")
        x = inputs
        for block in blocks:
            x = block(x)
        super().__init__({"x": inputs}, x, name=name, trainable=trainable, dtype=dtype)
        self.blocks = blocks
        self.set_config(width=width, num_layers=num_layers)


domain_core.register_backbone(Tower, package="testing")


@pytest.fixture
def preset(tmp_path):
    Tower(4, 2).save_to_preset(tmp_path / "preset")
    return tmp_path / "preset"


def rewrite(preset, name, change):
    """Changes a file and the manifest, as an attacker would."""
    path = preset / name
    if name == WEIGHTS:
        save_file(change(load_file(path)), path)
    else:
        value = json.loads(path.read_text())
        change(value)
        path.write_text(json.dumps(value))
    manifest = json.loads((preset / "manifest.json").read_text())
    manifest["files"][name]["size"] = path.stat().st_size
    (preset / "manifest.json").write_text(json.dumps(manifest))


def assert_refused(preset, error, message, **kwargs):
    before = sorted(preset.parent.rglob("*"))
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(error, match=message) as caught:
            Tower.from_preset(preset, **kwargs)
        assert time.process_time() - started < 5, "it was tried"
        assert tracemalloc.get_traced_memory()[1] < 50e6, "it was allocated"
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 2500
    assert sorted(preset.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"width": 10**12}, PresetUnsafeError, "describes a larger one"),
        ({"width": 10**6}, PresetUnsafeError, "describes a larger one"),
        ({"num_layers": 50_000}, PresetUnsafeError, "describes a larger one"),
        ({"num_layers": 1}, PresetCorruptError, "blocks.1.kernel is not used"),
        ({"num_layers": 3}, PresetCorruptError, "blocks.2.kernel is missing"),
        ({"num_layers": 0}, PresetError, "Expected"),
        ({"num_layers": -1}, PresetError, "Expected"),
        ({"width": 0}, PresetError, "Expected"),
        ({"width": "4"}, PresetError, "Expected"),
        ({"width": 4.5}, PresetError, "Expected"),
        ({"width": None}, PresetError, "Expected"),
        ({"width": [4]}, PresetError, "Expected"),
        ({"dtype": "object"}, PresetError, "object"),
        ({"dtype": {"class": "DTypePolicy", "config": {}}}, PresetUnsafeError, "DType"),
        ({"vocabulary": "/etc/passwd"}, PresetCorruptError, r"know \['vocabulary'\]"),
        ({"module": "os", "class_name": "system"}, PresetCorruptError, "class_name"),
        ({"x" * 10_000: 1}, PresetCorruptError, "know"),
        ({"num_layers": "x" * 10_000}, PresetCorruptError, "to build a model"),
    ],
)
def test_configs(preset, config, error, message):
    rewrite(preset, "backbone.json", lambda value: value["config"].update(config))
    assert_refused(preset, error, message)


def test_a_missing_key(preset):
    rewrite(preset, "backbone.json", lambda value: value["config"].pop("width"))
    assert_refused(preset, PresetCorruptError, r"needs \['width'\]")
    assert Tower.from_preset(preset, width=4)(X).shape == (1, 4)


@pytest.mark.parametrize(
    "name",
    [
        "testing>Absent",
        "keras>Lambda",
        "builtins>eval",
        "os.system",
        "function",
        "__lambda__",
        "keras.layers>TFSMLayer",
        "keras.layers>TorchModuleWrapper",
        "keras_hub>BertBackbone",
        "../../evil",
        "",
        3,
        None,
        ["a"],
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_classes(preset, name, nested):
    harmless = {"class": name, "config": {"code": "print(1)"}}

    def change(value):
        if nested:
            value["config"]["width"] = {"deeper": [harmless]}
        else:
            value.update(harmless)

    rewrite(preset, "backbone.json", change)
    error = PresetUnsafeError if isinstance(name, str) else PresetError
    assert_refused(preset, error, "Expected")


def test_a_large_model_inside_a_config(preset):
    tower = {
        "class": "testing>Tower",
        "config": {"width": 10**6, "num_layers": 9},
    }
    rewrite(preset, "backbone.json", lambda value: value["config"].update(width=tower))
    assert_refused(preset, PresetUnsafeError, "describes a larger one")


def of_keras(name, config, module="keras.layers"):
    return {
        "module": module,
        "class_name": name,
        "config": config,
        "registered_name": None,
    }


# What Keras' deserializer would follow: code, modules to import, any class of Keras.
GADGETS = [
    of_keras("Lambda", {"function": {"class_name": "__lambda__", "config": {}}}),
    of_keras("TorchModuleWrapper", {"module": "x"}),
    of_keras("TFSMLayer", {"filepath": "/tmp/x"}),
    of_keras("BertBackbone", {}, "keras_hub.models"),
    of_keras("Dense", {"units": 3}),
    of_keras("TruncatedNormal", {}, "keras.initializers"),
    {"class_name": "function", "config": "system", "module": "os"},
    {"class_name": "__lambda__", "config": {"value": "x"}},
    {"class_name": "Zeros", "config": {}},
    {"class_name": "Zeros"},
    {"registered_name": "testing>Tower", "config": {"width": 4, "num_layers": 1}},
]


@pytest.mark.parametrize("gadget", GADGETS, ids=lambda g: str(g.get("class_name")))
def test_objects_in_the_form_of_keras(preset, gadget, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a preset reached Keras' deserializer")

    def attack():
        # What a user asks Keras for, for a file of his own; it holds for a thread.
        keras.config.enable_unsafe_deserialization()
        for key in ("dtype", "width"):
            for value in (gadget, [gadget], {"deeper": [gadget]}):
                change = {key: value}
                rewrite(
                    preset, "backbone.json", lambda v, c=change: v["config"].update(c)
                )
                assert_refused(preset, PresetUnsafeError, "in Keras' form")

    monkeypatch.setattr(keras.saving, "deserialize_keras_object", never)
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        thread.submit(attack).result()


def test_more_keys_than_class_and_config(preset):
    rewrite(preset, "backbone.json", lambda v: v.update(module="os"))
    assert_refused(preset, PresetCorruptError, "received the key 'module'")


def test_a_value_with_more_keys(preset):
    value = {"class": "testing>Tower", "config": {}, "build_config": {}}
    rewrite(preset, "backbone.json", lambda v: v["config"].update(width=value))
    assert_refused(preset, PresetCorruptError, "nothing else")


@pytest.mark.parametrize(
    "path", ["(a+)+$", "(?s:.*)*x", "*" * 9, ".*.*.*.*.*", "a|b", "", "x" * 600]
)
def test_policy_maps_are_no_way_to_run_slow_expressions(preset, path):
    policies = {
        "class": "keras>DTypePolicyMap",
        "config": {"default_policy": "float32", "policy_map": {path: "bfloat16"}},
    }
    rewrite(preset, "backbone.json", lambda v: v["config"].update(dtype=policies))
    assert_refused(preset, PresetUnsafeError, "paths of layers")


@pytest.mark.parametrize("with_file", [True, False])
def test_large_models_whose_weights_are_not_loaded(preset, with_file):
    if not with_file:
        (preset / WEIGHTS).unlink()
        manifest = json.loads((preset / "manifest.json").read_text())
        del manifest["files"][WEIGHTS]
        (preset / "manifest.json").write_text(json.dumps(manifest))
    assert Tower.from_preset(preset, load_weights=False).width == 4
    for width in (10**12, 3000):
        large = {"width": width}
        rewrite(preset, "backbone.json", lambda v, c=large: v["config"].update(c))
        assert_refused(
            preset, PresetUnsafeError, "pass `max_parameters=`", load_weights=False
        )
    tower = Tower.from_preset(preset, load_weights=False, max_parameters=10**7)
    assert tower.count_params() == 3000 * 3001 + 3000 * 4
    with pytest.raises(PresetUnsafeError, match="at most 5 parameters"):
        Tower.from_preset(preset, load_weights=False, max_parameters=5)


def test_a_model_may_be_as_large_as_the_weights_that_are_not_loaded(tmp_path):
    Tower(3000, 2).save_to_preset(tmp_path / "preset")
    tower = Tower.from_preset(tmp_path / "preset", load_weights=False)
    assert tower.width == 3000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: {**w, "blocks.9.kernel": np.ones(3)}, "blocks.9.kernel is not used"),
        (lambda w: {k: w[k] for k in w if k != "blocks.1.bias"}, "1.bias is missing"),
        (lambda w: {k: v.reshape(1, *v.shape) for k, v in w.items()}, "has shape"),
        (lambda w: {k: v.astype("int32") for k, v in w.items()}, "has dtype int32"),
        (
            lambda w: {k: v * np.nan for k, v in w.items()},
            "bias holds numbers that are",
        ),
        (lambda w: {k: v + np.inf for k, v in w.items()}, "not finite"),
        (lambda w: {}, "blocks.0.kernel is missing"),
    ],
)
def test_weights(preset, change, message):
    rewrite(preset, WEIGHTS, change)
    assert_refused(preset, PresetError, message)


def test_at_most_ten_problems_are_listed(tmp_path):
    Tower(4, 20).save_to_preset(tmp_path / "preset")
    rewrite(
        tmp_path / "preset", WEIGHTS, lambda w: {k: v * np.nan for k, v in w.items()}
    )
    with pytest.raises(PresetCorruptError, match="and 30 more") as error:
        Tower.from_preset(tmp_path / "preset")
    assert str(error.value).count("not finite") == 10


def test_a_single_number_that_is_not_finite(tmp_path):
    tower = Tower(700, 2)
    tower.save_to_preset(tmp_path / "preset")

    def change(weights):
        weights["blocks.1.kernel"][-1, -1] = -np.inf
        return weights

    rewrite(tmp_path / "preset", WEIGHTS, change)
    assert_refused(tmp_path / "preset", PresetCorruptError, "1.kernel holds numbers")


def test_a_manifest_that_lies(preset):
    manifest = json.loads((preset / "manifest.json").read_text())
    for files in (
        None,
        [],
        {"a": 3},
        {WEIGHTS: {"size": "1"}},
        {"../../x": {"size": 1}},
    ):
        text = json.dumps({**manifest, "files": files})
        (preset / "manifest.json").write_text(text)
        assert_refused(preset, PresetCorruptError, "Expected")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "domain-core presets"}, "no preset"),
        ({"format": None}, "no preset"),
        ({"format_version": 2}, "format version 1 at most, received 2 .*pip install"),
        ({"format_version": "1"}, "'format_version'"),
        ({"format_version": True}, "'format_version'"),
        ({"format_version": None}, "'format_version'"),
        ({"format_version": 0}, "format version"),
        ({"format_version": -1}, "format version"),
    ],
    ids=str,
)
def test_formats(preset, change, message):
    manifest = json.loads((preset / "manifest.json").read_text())
    (preset / "manifest.json").write_text(json.dumps({**manifest, **change}))
    assert_refused(preset, PresetCorruptError, message)


def test_a_class_of_another_library(preset):
    rewrite(preset, "backbone.json", lambda v: v.update({"class": "kerascv>Absent"}))
    assert_refused(preset, PresetUnsafeError, r"first `import keras_cv`")


@pytest.mark.parametrize("length", range(10))
def test_weights_cut_anywhere(preset, length):
    path = preset / WEIGHTS
    whole = path.read_bytes()
    cut = whole[: len(whole) * length // 10]
    path.write_bytes(cut)
    assert_refused(preset, PresetCorruptError, "bytes, received")
    manifest = json.loads((preset / "manifest.json").read_text())
    manifest["files"][WEIGHTS]["size"] = len(cut)
    (preset / "manifest.json").write_text(json.dumps(manifest))
    assert_refused(preset, PresetCorruptError, "Expected a safetensors file")


@pytest.mark.parametrize("name", ["preset.tar.gz", "preset.zip", "model.safetensors"])
def test_archives_are_not_unpacked(tmp_path, name):
    content = ZIP if name.endswith("zip") else archive("w:gz")
    (tmp_path / "preset").mkdir()
    (tmp_path / "preset" / name).write_bytes(content)
    assert_refused(tmp_path / "preset", PresetCorruptError, "holds .*Check the path")
    for preset in (tmp_path / "preset" / name, str(tmp_path / "preset" / name)):
        with pytest.raises(PresetError, match="that is a file"):
            Tower.from_preset(preset)
    assert [path.name for path in tmp_path.rglob("*")] == ["preset", name]


def test_an_archive_in_place_of_each_file(preset):
    for name in ("backbone.json", WEIGHTS, "manifest.json"):
        before = {file: file.read_bytes() for file in preset.iterdir()}
        (preset / name).write_bytes(archive("w:gz"))
        if name != "manifest.json":
            manifest = json.loads((preset / "manifest.json").read_text())
            manifest["files"][name]["size"] = (preset / name).stat().st_size
            (preset / "manifest.json").write_text(json.dumps(manifest))
        assert_refused(preset, PresetCorruptError, f"Expected .*{name}")
        for file, content in before.items():
            file.write_bytes(content)


@pytest.mark.backends
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_bfloat16"])
def test_dtypes(preset, dtype):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        stored = Tower.from_preset(preset)
        asked = Tower.from_preset(preset, dtype=dtype)
    finally:
        keras.config.set_dtype_policy("float32")
    assert {w.dtype for w in stored.weights} == {"float32"}, "what the preset says"
    assert stored.compute_dtype == "float32"
    expected = "float32" if "mixed" in dtype else dtype
    assert {w.dtype for w in asked.weights} == {expected}
    assert asked.compute_dtype == dtype.removeprefix("mixed_")
    assert np.isfinite(keras.ops.convert_to_numpy(asked(X))).all()
    asked.save_to_preset(preset, overwrite=True)
    again = Tower.from_preset(preset)
    assert again.compute_dtype == asked.compute_dtype
    for old, new in zip(asked.weights, again.weights, strict=True):
        old, new = (keras.ops.convert_to_numpy(w).astype("float32") for w in (old, new))
        np.testing.assert_array_equal(old, new)


def test_sharded(tmp_path):
    tower = Tower(40, 3)
    tower.save_to_preset(tmp_path / "preset", max_shard_size=7.5e-6)
    names = sorted(p.name for p in (tmp_path / "preset").glob("*.safetensors*"))
    assert names[0] == "backbone-00001-of-00002.safetensors"
    assert names[-1] == "backbone.safetensors.index.json"
    again = Tower.from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(
        *(keras.ops.convert_to_numpy(model(X)) for model in (tower, again))
    )
    tower.save_to_preset(tmp_path / "preset", overwrite=True)
    assert not list((tmp_path / "preset").glob("*index*")), "nothing of the old save"
