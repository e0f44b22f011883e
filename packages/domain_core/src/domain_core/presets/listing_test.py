import pytest

import domain_core
from domain_core import list_presets, registry
from domain_core.presets import listing


class TinyNetBackbone(domain_core.Backbone):
    pass


class TinyNetV2Backbone(domain_core.Backbone):
    pass


class WordBackbone(domain_core.Backbone):
    pass


class Namer(domain_core.Task):
    pass


class TinyNetNamer(Namer):
    pass


def preset(handle=None, task=None):
    return domain_core.Preset(
        "A test.", {}, handle, 0, "MIT", "none", "here", task=task
    )


ALL = ["tiny_a", "tiny_a_namer", "tiny_b", "word_a"]


@pytest.fixture(autouse=True)
def families(monkeypatch):
    monkeypatch.setattr(registry, "_BACKBONES", {})
    monkeypatch.setattr(registry, "_TASKS", {})
    tiny = {
        "tiny_a": preset("kaggle://us/tiny/keras/a/1"),
        "tiny_a_namer": preset("kaggle://us/tiny/keras/b/1", "images>TinyNetNamer"),
    }
    for cls, presets, package in [
        (TinyNetBackbone, tiny, "images"),
        (TinyNetV2Backbone, {"tiny_b": preset()}, "images"),
        (WordBackbone, {"word_a": preset()}, "words"),
    ]:
        domain_core.register_backbone(cls, presets=presets, package=package)
    domain_core.register_task(Namer, accepts=lambda backbone: None, package="images")
    domain_core.register_task(TinyNetNamer, backbone=TinyNetBackbone, package="images")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ALL),
        ({"family": "TinyNetBackbone"}, ["tiny_a", "tiny_a_namer"]),
        ({"family": "tiny_net_backbone"}, ["tiny_a", "tiny_a_namer"]),
        ({"family": "tinynet"}, ["tiny_a", "tiny_a_namer"]),
        ({"family": "tiny_net_v2"}, ["tiny_b"]),
        ({"family": WordBackbone}, ["word_a"]),
        ({"family": domain_core.Backbone}, ALL),
        ({"family": "*_a*"}, ["tiny_a", "tiny_a_namer", "word_a"]),
        ({"family": "*NETV2*"}, ["tiny_b"]),
        ({"family": "*nobody*"}, []),
        ({"with_weights": True}, ["tiny_a", "tiny_a_namer"]),
        ({"with_weights": False}, ["tiny_b", "word_a"]),
        ({"task": "TinyNetNamer"}, ["tiny_a", "tiny_a_namer"]),
        ({"task": "tiny_net_namer", "family": "*_namer"}, ["tiny_a_namer"]),
        # A task over any backbone cannot take those of another package.
        ({"task": Namer}, ["tiny_a", "tiny_a_namer", "tiny_b"]),
        ({"task": "namer", "with_weights": False}, ["tiny_b"]),
        ({"task": domain_core.Task}, ["tiny_a", "tiny_a_namer", "tiny_b"]),
    ],
    ids=str,
)
def test_choices(options, expected):
    found = list_presets(**options)
    assert list(found) == expected
    assert all(isinstance(value, domain_core.Preset) for value in found.values())


@pytest.mark.parametrize("what", ["family", "task"])
def test_unknown_names(monkeypatch, what):
    monkeypatch.setattr(listing, "import_advice", lambda: "`import it` first.")
    near = {"family": ("word", "worf"), "task": ("Namer", "Namr")}[what]
    with pytest.raises(ValueError, match=rf"'{near[1]}'\. Known: .*{near[0]}.*first"):
        list_presets(**{what: near[1]})


def test_nothing_is_imported_yet(monkeypatch):
    monkeypatch.setattr(registry, "_BACKBONES", {})
    monkeypatch.setattr(listing, "import_advice", lambda: "`import it` first.")
    with pytest.warns(UserWarning, match="`import it` first"):
        assert list_presets() == {}
