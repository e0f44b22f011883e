import json

import keras
import pytest

from domain_core.preset_errors import PresetUnsafeError
from domain_core.serialization import (
    config_value,
    flat_arguments,
    from_json,
    has_role,
    registered_class,
    registered_name,
    revive,
    role,
    serializable,
    to_json,
)


@serializable("testing")
class Inner:
    def __init__(self, size, words=()):
        self.size, self.words = size, list(words)

    def get_config(self):
        return {"size": self.size, "words": self.words}

    @classmethod
    def from_config(cls, config):
        return cls(**revive(config))


@serializable("testing")
class Outer:
    def __init__(self, inner, note=None):
        self.inner, self.note = inner, note

    def get_config(self):
        return {"inner": self.inner, "note": self.note}

    @classmethod
    def from_config(cls, config):
        return cls(**revive(config))


def test_nested_objects_come_back():
    data = to_json(Outer(Inner(3, ["a", "b"]), note={"x": [1, None, True]}))
    assert data["class"] == "testing>Outer"
    assert data["config"]["inner"]["config"] == {"size": 3, "words": ["a", "b"]}
    again = from_json(data)
    assert (again.inner.size, again.inner.words) == (3, ["a", "b"])
    assert again.note == {"x": [1, None, True]}


def test_flat_arguments_have_names_with_dots():
    outer = Outer(Inner(3, ["a"]), note={"x": 1})
    expected = {
        "outer": "testing>Outer",
        "outer.inner": "testing>Inner",
        "outer.inner.size": 3,
        "outer.inner.words": ["a"],
        "outer.note": {"x": 1},
        "plain": (1, None),
    }
    for stored in (outer, to_json(outer), keras.saving.serialize_keras_object(outer)):
        assert flat_arguments({"outer": stored, "plain": (1, None)}) == expected


def test_keras_serialization_uses_the_same_config():
    data = keras.saving.serialize_keras_object(Outer(Inner(4)))
    again = keras.saving.deserialize_keras_object(data)
    assert isinstance(again.inner, Inner)
    assert again.inner.size == 4


def test_names():
    assert registered_name(Inner) == "testing>Inner"
    assert registered_class("testing>Inner") is Inner
    assert registered_name(dict) is None


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("kerascv>Nothing", "import keras_cv"),
        ("kerasnlp>Nothing", "import keras_nlp"),
        ("os>system", "registers your class"),
    ],
)
def test_unknown_names_say_what_to_import(name, advice):
    with pytest.raises(ValueError, match=advice):
        from_json({"class": name, "config": {}})


def test_a_name_belongs_to_one_class():
    with pytest.raises(ValueError, match="testing>Inner"):

        @serializable("testing")
        class Inner:  # another class of the same name
            pass


def test_values_without_a_json_form():
    with pytest.raises(ValueError, match="serializable"):
        to_json({"x": object()})


def test_objects_in_a_dict_come_back():
    data = {"by_level": {"3": keras.saving.serialize_keras_object(Inner(4))}}
    assert revive(data)["by_level"]["3"].size == 4


def test_initializers_and_their_like():
    assert config_value(keras.regularizers.L1(0.5))["config"] == {"l1": 0.5}
    assert config_value(keras.constraints.NonNeg())["class_name"] == "NonNeg"
    for value in (
        keras.regularizers.L1(0.5),
        keras.constraints.NonNeg(),
        keras.initializers.TruncatedNormal(stddev=0.3),
    ):
        data = json.loads(json.dumps(to_json({"x": value})))
        again = from_json(data)["x"]
        assert type(again).__name__ == type(value).__name__
        assert again.get_config() == value.get_config()
    kept = keras.initializers.TruncatedNormal(stddev=0.3)
    again = keras.initializers.get(config_value(kept))
    assert again.stddev == 0.3


@pytest.mark.parametrize(
    "policy",
    [
        keras.dtype_policies.get("mixed_bfloat16"),
        keras.dtype_policies.get("int8_from_float32"),
        keras.dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32", 32),
        keras.dtype_policies.Int4DTypePolicy("int4/16", "float32"),
    ],
    ids=lambda policy: policy.name,
)
def test_dtype_policies(policy):
    policies = keras.dtype_policies.DTypePolicyMap("float32", {"a/.*": policy})
    again = from_json(json.loads(json.dumps(to_json(policies))))
    assert again["a/b"] == policy and again["b"].name == "float32"
    assert type(again["a/b"]) is type(policy)
    assert keras.dtype_policies.get(from_json(to_json(policy))) == policy


def test_what_keras_would_make_of_it_is_not_written():
    for value in ({"class_name": "Lambda", "config": {}}, {"registered_name": "x"}):
        with pytest.raises(ValueError, match="registered objects"):
            to_json({"x": value})


@role("holder")
class Base:
    pass


@serializable("testing")
class Derived(Base):
    def get_config(self):
        return {}


def test_roles():
    assert registered_class("testing>Derived", "holder") is Derived
    with pytest.raises(PresetUnsafeError, match="name of a holder here"):
        registered_class("testing>Inner", "holder")
    assert not has_role(Inner, "holder", "a role that nobody has")
