import inspect
import pickle

import h5py
import keras
import numpy as np
import pytest

from domain_core.remembered_arguments import RemembersArguments
from domain_core.weights.weight_paths import weight_paths


class Plain(RemembersArguments):
    def __init__(self, first, second=2, *, third="c"):
        assert self.arguments["first"] == first  # before the first line
        self.second = second


class Wider(Plain):
    def __init__(self, fourth, **kwargs):
        super().__init__(fourth + 1, **kwargs)


class Scale(RemembersArguments, keras.layers.Layer):
    def __init__(self, factor, initializer="zeros", **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.initializer = keras.initializers.get(initializer)

    def call(self, x):
        return x * self.factor


def test_defaults_and_positions_are_remembered():
    assert Plain(1).get_config() == {"first": 1, "second": 2, "third": "c"}
    assert Plain(1, 5, third="d").arguments == {"first": 1, "second": 5, "third": "d"}


def test_the_outermost_constructor_counts():
    assert Wider(4, second=3).arguments == {"fourth": 4, "second": 3, "third": "c"}


def test_defaults_that_kwargs_would_have_reached():
    config = {"fourth": 4, "second": 2, "third": "c"}
    assert Wider(4).get_config() == config
    assert Wider.from_config(config).get_config() == config

    class Widest(Wider):
        def __init__(self, *, third="d", **kwargs):
            super().__init__(5, **kwargs)

    # `first`, `fourth` and `third` are not for its callers to pass on.
    assert Widest().get_config() == {"second": 2, "third": "d"}
    assert Widest(second=3).get_config() == {"second": 3, "third": "d"}


def test_an_attribute_set_later_is_read_late():
    plain = Plain(1)
    plain.second = 7
    assert plain.get_config()["second"] == 7
    assert Plain.from_config(plain.get_config()).second == 7


def test_a_method_is_no_argument():
    class Sized(RemembersArguments):
        def __init__(self, size=None):
            self._size = size

        def size(self):
            return self._size or 3

    assert Sized().get_config() == {"size": None}
    assert Sized(4).get_config() == {"size": 4}


def test_large_arguments_are_forgotten():
    class Large(RemembersArguments):
        def __init__(self, words, note):
            self.forget("words")
            self.note = note
            self._words = frozenset(words)

        def get_config(self):
            return {**super().get_config(), "words": sorted(self._words)}

    class Outer(Large):
        def __init__(self, words):
            super().__init__(words, "n")

    large = Outer(iter(["b", "a", "b"]))
    assert large.arguments == {"words": None}
    assert large.get_config() == {"words": ["a", "b"]}


def test_what_a_layer_has_of_keras():
    layer = Scale(2.0, "ones", name="scale", dtype="float16")
    layer.trainable = False
    assert layer.get_config() == {
        "factor": 2.0,
        "initializer": {"class_name": "Ones", "config": {}},
        "name": "scale",
        "trainable": False,
        "dtype": "float16",
    }
    again = Scale.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(again(np.ones(2))), 2)


def test_layers_among_them_are_saved_under_their_attributes(tmp_path):
    class Outer(RemembersArguments, keras.layers.Layer):
        def __init__(self, inner, **kwargs):
            super().__init__(**kwargs)
            self.part = inner

        def call(self, x):
            return self.part(x)

    model = keras.Sequential([keras.Input((2,)), Outer(keras.layers.Dense(3))])
    assert list(weight_paths(model.layers[0])) == ["part.kernel", "part.bias"]
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as file:
        assert list(file["layers/outer"]) == ["part", "vars"]


def test_a_subclass_may_use_a_name_of_its_base_for_something_else():
    class Twice(Scale):
        def __init__(self, factor):
            super().__init__(2 * factor)

    assert Twice(1.5).factor == 3.0
    assert Twice(1.5).get_config()["factor"] == 1.5


def test_each_constructor_sees_its_own():
    seen = []

    class Base(RemembersArguments):
        def __init__(self, a, b=1):
            seen.append(dict(self.arguments))

    class Middle(Base):
        def __init__(self, a):
            super().__init__(**self.arguments, b=2)
            seen.append(dict(self.arguments))

    class Outer(Middle):
        def __init__(self, c):
            super().__init__(c)

    assert Outer(5).arguments == {"c": 5}
    assert seen == [{"a": 5, "b": 2}, {"a": 5}]


def test_a_failed_base_constructor_is_forgotten():
    class Retry(Plain):
        def __init__(self, first):
            with pytest.raises(TypeError):
                super().__init__()
            super().__init__(first)

    assert Retry(1).get_config() == {"first": 1}


def test_the_signature_stays():
    assert list(inspect.signature(Plain).parameters) == ["first", "second", "third"]
    assert inspect.signature(Wider) != inspect.signature(Plain)


def test_wrong_arguments_are_the_usual_error():
    with pytest.raises(TypeError, match="first"):
        Plain()
    with pytest.raises(TypeError, match="fifth"):
        Plain(1, fifth=5)


def test_a_get_config_of_ones_own():
    class Own(Plain):
        def __init__(self, extra, **kwargs):
            super().__init__(1, **kwargs)
            self.extra = extra

        def get_config(self):
            return {**super().get_config(), "extra": self.extra * 2}

    assert Own(3, second=9).get_config() == {"extra": 6, "second": 9, "third": "c"}


def test_positions_that_are_passed_on_get_their_names():
    class Through(Plain):
        def __init__(self, *args, extra=0, **kwargs):
            super().__init__(*args, **kwargs)

    class Further(Through):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)

    config = {"extra": 5, "first": 1, "second": 4, "third": "c"}
    assert Through(1, 4, extra=5).get_config() == config
    assert Further(1, 4, extra=5).get_config() == config
    assert Through.from_config(config).get_config() == config


def test_without_a_constructor_there_are_no_arguments():
    class Bare(RemembersArguments):
        pass

    assert Bare().get_config() == {}


def test_objects_pickle():
    copy = pickle.loads(pickle.dumps(Plain(1)))
    assert copy.arguments == {"first": 1, "second": 2, "third": "c"}
