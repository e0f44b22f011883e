"""Backbones and tasks of a user: their arguments, however they are written down."""

import json

import keras
import numpy as np
import pytest

import domain_core
from domain_core.serialization import from_json, to_json
from domain_core.testing import assert_close


@domain_core.register_backbone
class Bag(domain_core.Backbone):
    """As in the docstring of `Backbone`."""

    def __init__(self, vocabulary_size, dim=3, **kwargs):
        table = keras.layers.Embedding(vocabulary_size, dim, dtype=kwargs.get("dtype"))
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        super().__init__({"token_ids": ids}, table(ids), **kwargs)
        self.table = table


@domain_core.serializable()
class Square(Bag):
    """A signature of its own."""

    def __init__(self, size, **kwargs):
        super().__init__(size, size, **kwargs)


@domain_core.serializable()
class Doubled(Bag):
    """A name that means something else further in."""

    def __init__(self, dim, name=None):
        super().__init__(5, 2 * dim, name=name)


@domain_core.serializable()
class Before(domain_core.Backbone):
    """As it was written before arguments were remembered, with a config of its own."""

    def __init__(self, rows, extra=1, **kwargs):
        table = keras.layers.Embedding(rows, 2)
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        super().__init__({"token_ids": ids}, table(ids), **kwargs)
        self.table = table
        self.set_config(rows=rows)
        self._extra = extra

    def get_config(self):
        return {**super().get_config(), "extra": self._extra}


@domain_core.serializable()
class Held(domain_core.Backbone):
    """A layer among its arguments, whose weights have the name of another attribute."""

    def __init__(self, inner, sizes=(1, 2), name=None, trainable=True, dtype=None):
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        super().__init__({"token_ids": ids}, inner({"token_ids": ids}), name=name)
        self.part = inner


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Bag(5, name="bag"), {"vocabulary_size": 5, "dim": 3, "name": "bag"}),
        (lambda: Square(4, dtype="bfloat16"), {"size": 4, "dtype": "bfloat16"}),
        (lambda: Doubled(2), {"dim": 2}),
        (lambda: Before(3, 7, trainable=False), {"rows": 3, "extra": 7}),
    ],
    ids=["plain", "other signature", "other meaning", "before"],
)
def test_a_config_makes_an_equal_backbone(make, expected, tmp_path):
    backbone = make()
    config = backbone.get_config()
    assert {name: config[name] for name in expected} == expected
    again = from_json(to_json(backbone))
    assert type(again) is type(backbone)
    assert again.get_config() == config
    assert again.trainable == backbone.trainable
    backbone.save(tmp_path / "backbone.keras")
    again = keras.saving.load_model(tmp_path / "backbone.keras")
    ids = np.array([[0, 1, 2]], "int32")
    assert_close(
        keras.ops.cast(again({"token_ids": ids}), "float32"),
        keras.ops.cast(backbone({"token_ids": ids}), "float32"),
    )
    keras.models.clone_model(backbone)({"token_ids": ids})


def test_arguments_are_attributes():
    assert (Bag(5).vocabulary_size, Bag(5).dim) == (5, 3)
    square = Square(4)
    assert (square.size, square.dim) == (4, 4)
    # What the base works with; the config has what was said.
    assert Doubled(2).dim == 4


def test_an_attribute_set_later_is_what_counts():
    backbone = Bag(5)
    backbone.dim = 9
    backbone.trainable = False
    assert backbone.get_config()["dim"] == 9
    held = Held(Bag(5))
    held.trainable = False
    assert held.get_config()["trainable"] is False


def test_a_layer_among_the_arguments_is_no_second_attribute():
    held = Held(Bag(5))
    assert list(held.weight_paths()) == ["part.table.embeddings"]
    assert held.get_config()["inner"] is held.part
    assert held.sizes == [1, 2]  # as JSON has it


@domain_core.serializable()
class Labels(domain_core.Task):
    def __init__(self, backbone, count=2, preprocessor=None, name=None):
        head = keras.layers.Dense(count)
        outputs = head(backbone(backbone.input))
        super().__init__(
            backbone, backbone.input, outputs, preprocessor=preprocessor, name=name
        )
        self.head = head
        self.names = None


@domain_core.serializable()
class Named(Labels):
    """Takes what its base takes, and a name for each label, which may change."""

    def __init__(self, *args, names=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.names = names


@domain_core.serializable()
class OldLabels(Labels):
    """With a config of its own, as tasks had to have one."""

    def __init__(self, backbone, scale, name=None):
        super().__init__(backbone, count=3, name=name)
        self._scale = scale

    def get_config(self):
        config = {**self.base_config(), "scale": self._scale}
        del config["preprocessor"]
        return config


def test_tasks():
    bag = Bag(5)
    task = Labels(bag, 4, name="labels")
    assert task.count == 4
    config = json.loads(json.dumps(task.get_config()))
    assert Labels.from_config(config).get_config() == config
    assert config == {
        "backbone": {
            "module": Bag.__module__,
            "class_name": "Bag",
            "config": bag.get_config(),
            "registered_name": "custom>Bag",
        },
        "count": 4,
        "preprocessor": None,
        "name": "labels",
    }
    task.preprocessor = len
    assert task.get_config()["preprocessor"] is len
    old = OldLabels(bag, 0.5, name="old")
    assert old.get_config() == {"backbone": bag, "name": "old", "scale": 0.5}
    again = from_json(to_json(old))
    assert (again._scale, again.count) == (0.5, 3)


def test_what_a_task_keeps_may_change():
    task = Named(Bag(5), count=3, names=["a", "b", "c"])
    task.names = ["x", "y", "z"]
    again = Named.from_config(task.get_config())
    assert (again.names, again.count) == (["x", "y", "z"], 3)


def test_the_backbone_of_a_task_is_the_one_its_preprocessor_feeds():
    class Feeds(domain_core.Preprocessor):
        backbone_cls = Bag

    class Fed(Labels):
        preprocessor_cls = Feeds

    class Further(Fed):
        preprocessor_cls = domain_core.Preprocessor  # feeds any

    class Told(Fed):
        preprocessor_cls = Feeds
        backbone_cls = Square

    assert Labels.backbone_cls is None
    assert Fed.backbone_cls is Further.backbone_cls is Bag
    assert Told.backbone_cls is Square


def test_preprocessors_without_arguments():
    class Plain(domain_core.Preprocessor):
        def __call__(self, x, y=None, sample_weight=None):
            return x

    assert Plain().get_config() == {}
    assert type(Plain.from_config({})) is Plain
