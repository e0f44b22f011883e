import pytest

import domain_core
from domain_core import registry
from domain_core.presets.transformers.converter import Converter


def preset(**options):
    return domain_core.Preset(
        "A test.", {}, None, 0, "Apache-2.0", "none", "here", **options
    )


class One(domain_core.Backbone):
    pass


class Two(domain_core.Backbone):
    pass


class OneTask(domain_core.Task):
    pass


class OneTaskOfOne(OneTask):
    pass


class OtherTask(domain_core.Task):
    pass


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch):
    monkeypatch.setattr(registry, "_BACKBONES", {})
    monkeypatch.setattr(registry, "_TASKS", {})
    monkeypatch.setattr(registry, "_EXTENSIONS", {})


def test_presets_are_found_and_the_nearest_are_named():
    registry.register_backbone(One, presets={"one_base_en": preset()})
    assert registry.find_preset("one_base_en")[0].cls is One
    with pytest.raises(ValueError, match="Nearest names: one_base_en"):
        registry.find_preset("one_bse_en")
    assert list(One.presets) == ["one_base_en"] == list(domain_core.Backbone.presets)
    assert not Two.presets


def test_a_claim_made_twice_names_both():
    converter = Converter("transformers", "one", config=None, weights=None)
    registry.register_backbone(One, presets={"base": preset()}, converters=(converter,))
    with pytest.raises(ValueError, match=r"One and Two both claim \['base'\]"):
        registry.register_backbone(Two, presets={"base": preset()})
    with pytest.raises(ValueError, match="transformers model type 'one'"):
        registry.register_backbone(Two, converters=(converter,))
    assert registry.find_converter("transformers", "one") == (
        next(registry.backbones()),
        converter,
    )
    with pytest.raises(ValueError, match="Supported: one"):
        registry.find_converter("transformers", "two")


def test_a_class_registered_again_replaces_itself():
    registry.register_backbone(One, presets={"base": preset()})
    registry.register_backbone(One, presets={"large": preset()})
    assert list(One.presets) == ["large"]


def test_tasks():
    registry.register_task(OneTask, accepts=lambda backbone: None)
    registry.register_task(OneTaskOfOne, backbone=One)
    assert registry.task_for(OneTask, One) is OneTaskOfOne
    assert registry.task_for(OneTask, Two) is OneTask
    assert registry.task_for(OneTaskOfOne, One) is OneTaskOfOne
    # What is not registered itself stands for the task that takes any backbone.
    assert registry.task_for(domain_core.Task, One) is OneTaskOfOne
    assert registry.task_for(domain_core.Task, Two) is OneTask
    registry.register_task(OtherTask, accepts=lambda backbone: None)
    with pytest.raises(ValueError, match="found OneTask, OtherTask"):
        registry.task_for(domain_core.Task, Two)
    with pytest.raises(ValueError, match="either `backbone` or `accepts`"):
        registry.register_task(OneTask)


def test_a_preset_with_a_head_belongs_to_its_task():
    registry.register_task(OneTask, accepts=lambda backbone: None)
    registry.register_task(OneTaskOfOne, backbone=One)
    registry.register_backbone(
        One, presets={"body": preset(), "head": preset(task="custom>OneTaskOfOne")}
    )
    assert sorted(OneTaskOfOne.presets) == ["body", "head"]
    assert sorted(OneTask.presets) == ["body"]


def test_a_subclass_of_its_task_loads_it_too():
    registry.register_task(OneTask, accepts=lambda backbone: None)
    registry.register_task(OneTaskOfOne, accepts=lambda backbone: None)
    registry.register_backbone(One, presets={"head": preset(task="custom>OneTask")})
    assert list(OneTaskOfOne.presets) == ["head"]


@pytest.mark.parametrize("extended_first", [True, False])
def test_a_task_declares_what_is_made_around_a_backbone(extended_first):
    whole = Converter("transformers", "whole", config=None, weights=None)
    alone = Converter("transformers", "alone", config=None, weights=None)
    calls = [
        lambda: registry.extend_family(
            "custom>One",
            OneTask,
            presets={"whole": preset(task="custom>OneTask")},
            converters=(whole,),
        ),
        lambda: registry.register_backbone(
            One, presets={"alone": preset()}, converters=(alone,)
        ),
    ]
    for call in calls if extended_first else reversed(calls):
        call()
    registry.register_task(OneTask, accepts=lambda backbone: None)
    registry.register_task(OtherTask, accepts=lambda backbone: None)
    assert sorted(One.presets) == sorted(OneTask.presets) == ["alone", "whole"]
    assert list(OtherTask.presets) == ["alone"]
    assert registry.find_preset("whole")[0].cls is One
    assert registry.find_converter("transformers", "whole")[0].cls is One
    calls[0]()  # as a notebook cell that is run again
    with pytest.raises(ValueError, match=r"OneTask and OtherTask both claim \['whole'"):
        registry.extend_family("custom>One", OtherTask, presets={"whole": preset()})
    with pytest.raises(ValueError, match="OneTask and Two both claim"):
        registry.register_backbone(Two, converters=(whole,))
    with pytest.raises(ValueError, match="One and OtherTask both claim"):
        registry.extend_family("custom>One", OtherTask, presets={"alone": preset()})
