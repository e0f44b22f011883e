import dataclasses
import gc
import json

import keras
import pytest

import domain_core
from domain_core import PresetCorruptError, PresetUnsafeError, without_initialization
from domain_core.presets.declared_preset import DeclaredLayout
from domain_core.presets.folder import LocalFolder
from domain_core.presets.native.reader import NativeLayout
from domain_core.registry import find_preset
from domain_core.serialization import flat_arguments
from domain_core.testing import TaskContract, assert_close
from keras_cv.models import (
    SAMMaskDecoder,
    SAMPromptEncoder,
    SegmentAnything,
    SegmentAnythingModel,
    TwoWayTransformer,
    ViTDetBackbone,
)

PARAMETERS = {
    "sam_base_sa1b": 93_735_728,
    "sam_large_sa1b": 312_343_088,
    "sam_huge_sa1b": 641_090_864,
}


def test_names():
    for cls in (SegmentAnythingModel, SegmentAnything, ViTDetBackbone):
        assert [name for name in cls.presets if name.startswith("sam_")] == [
            *PARAMETERS
        ]
    for name in PARAMETERS:
        size = name.split("_")[1]
        preset, alone = (
            ViTDetBackbone.presets[n] for n in (name, f"vitdet_{size}_sa1b")
        )
        assert preset.config == alone.config
        assert preset.parameters == alone.parameters


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=marks)
        for marks, names in (
            ((), ["sam_base_sa1b"]),
            (
                [pytest.mark.large, pytest.mark.backends("torch")],
                ["sam_large_sa1b", "sam_huge_sa1b"],
            ),
        )
        for name in names
    ],
)
def test_declared_sizes_are_right(name):
    with without_initialization():
        model = SegmentAnythingModel.from_preset(name, load_weights=False)
    assert type(model) is SegmentAnythingModel and model.preprocessor is None
    assert model.count_params() == PARAMETERS[name]
    assert model.backbone.count_params() == ViTDetBackbone.presets[name].parameters
    assert model.input["images"].shape == (None, 1024, 1024, 3)
    del model
    gc.collect()  # models are full of cycles


def tiny(cls=SegmentAnythingModel):
    return cls(
        backbone=ViTDetBackbone(
            include_rescaling=True,
            input_shape=(32, 32, 3),
            embed_dim=8,
            depth=1,
            mlp_dim=8,
            num_heads=2,
            out_chans=16,
        ),
        prompt_encoder=SAMPromptEncoder(
            embed_dim=16, image_embedding_size=(2, 2), input_image_size=(32, 32)
        ),
        mask_decoder=SAMMaskDecoder(
            transformer_dim=16,
            transformer=TwoWayTransformer(embed_dim=16, num_heads=2, mlp_dim=8),
            iou_head_hidden_dim=8,
        ),
    )


def arguments(model):
    """Returns those of a model's parts."""
    parts = "backbone", "prompt_encoder", "mask_decoder", "preprocessor"
    return flat_arguments({name: getattr(model, name) for name in parts})


def check_same(again, model):
    assert type(again) is type(model)
    assert arguments(again) == arguments(model)
    for left, right in zip(again.weights, model.weights, strict=True):
        assert_close(left, right, rtol=0, atol=0)


class TestContract(TaskContract):
    """What it predicts has tests of its own: its arguments are none of a task's."""

    cls = SegmentAnything
    test_predicts_raw_samples = None
    test_a_batch_passes_once = None

    @pytest.fixture(scope="class")
    @classmethod
    def task(cls):
        return tiny(cls.cls)

    def test_preset_round_trip(self, task, tmp_path):
        task.save_to_preset(tmp_path / "preset")
        check_same(SegmentAnythingModel.from_preset(tmp_path / "preset"), task)

    def test_keras_file_round_trip(self, task, tmp_path):
        task.save(tmp_path / "task.keras")
        check_same(keras.saving.load_model(tmp_path / "task.keras"), task)


@domain_core.serializable("testing")
class Mine(SegmentAnythingModel):
    """A user's own."""


def test_a_users_subclass_comes_back(tmp_path):
    model = tiny(Mine)
    model.save_to_preset(tmp_path / "preset")
    check_same(domain_core.Task.from_preset(tmp_path / "preset"), model)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A tiny model, in our own layout."""
    folder = tmp_path_factory.mktemp("sam") / "preset"
    tiny().save_to_preset(folder)
    return folder


def test_files_of_a_declared_preset(saved):
    """What was found in files is the truth; what is declared otherwise is an error."""
    declared = SegmentAnythingModel.presets["sam_base_sa1b"]
    entry, _ = find_preset("sam_base_sa1b")

    def task(**options):
        decoder = {"class": "kerascv>SAMMaskDecoder", "config": options}
        preset = dataclasses.replace(declared, task_config={"mask_decoder": decoder})
        files = NativeLayout(LocalFolder(saved))
        return DeclaredLayout("a", entry, preset, lambda _: files).task(
            load_weights=True
        )

    cls, config = task(transformer_dim=16, iou_head_hidden_dim=8)
    assert cls is SegmentAnythingModel
    assert config["mask_decoder"].transformer.num_heads == 2
    with pytest.raises(
        PresetCorruptError,
        match="mask_decoder.iou_head_depth: 5 declared, 3 found",
    ):
        task(iou_head_depth=5)


@pytest.mark.parametrize("key", ["num_multimask_outputs", "iou_head_depth"])
def test_parts_larger_than_the_files_are_refused(saved, tmp_path, key):
    for path in saved.iterdir():
        (tmp_path / path.name).symlink_to(path)
    task = json.loads((saved / "task.json").read_text())
    task["config"]["mask_decoder"]["config"][key] = 10**9
    (tmp_path / "task.json").unlink()
    (tmp_path / "task.json").write_text(json.dumps(task))
    manifest = json.loads((saved / "manifest.json").read_text())
    manifest["files"]["task.json"]["size"] = (tmp_path / "task.json").stat().st_size
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PresetUnsafeError, match="larger"):
        SegmentAnythingModel.from_preset(tmp_path)
