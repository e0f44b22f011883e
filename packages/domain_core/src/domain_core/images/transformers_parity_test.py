"""The converter beside the image processors of `transformers`, on photographs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from domain_core.images import ImageConverter
from domain_core.presets.transformers.image_processor import image_converter_arguments

DATA = Path(__file__).resolve().parents[6] / "shared" / "data"
IMAGENET = {
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}
PROCESSORS = {
    "resnet": ("ConvNext", {"size": {"shortest_edge": 224}, **IMAGENET}),
    "crop_pct": ("ConvNext", {"size": {"shortest_edge": 224}, "crop_pct": 0.95}),
    "small": ("ConvNext", {"size": {"shortest_edge": 97}, "resample": 2}),
    "384": ("ConvNext", {}),
    "vit": ("ViT", {}),
    "vit_wide": ("ViT", {"size": {"height": 100, "width": 150}, "resample": 1}),
    "unscaled": ("ViT", {"do_rescale": False, "do_normalize": False}),
    "clip": ("CLIP", {}),
    "cropped": ("CLIP", {"size": {"shortest_edge": 263}, "crop_size": 241}),
    "bit": ("Bit", {"size": {"shortest_edge": 448}, "crop_size": 448}),
    "deit": ("DeiT", {}),
    "sam": (
        "Sam",
        {"size": {"longest_edge": 300}, "pad_size": {"height": 300, "width": 300}},
    ),
}


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers")


def make_processor(transformers, name, **options):
    # The classes for Pillow; those for torchvision resize by other code.
    return getattr(transformers, f"{name}ImageProcessorPil")(**options)


def assert_equal(processor, photos):
    config = processor.to_dict()
    converter = ImageConverter(**image_converter_arguments(config))
    for photo in photos:
        expected = np.asarray(processor(photo).pixel_values[0]).transpose(1, 2, 0)
        given = converter(photo)
        assert given.shape == expected.shape
        # In levels of the pixels, of 255.
        steps = np.abs(given - expected)
        if config.get("do_normalize"):
            steps = steps * config["image_std"]
        if config.get("do_rescale"):
            steps = steps * 255
        # The project's bound is one level; it is the same arithmetic, in float32.
        assert steps.max() <= 1e-3


@pytest.mark.parametrize("name", PROCESSORS)
def test_equals_the_processor(transformers, name):
    kind, options = PROCESSORS[name]
    photos = load_sample_images().images
    portrait = np.ascontiguousarray(np.rot90(photos[1]))
    small = photos[0][100:151, 200:310]  # enlarged
    processor = make_processor(transformers, kind, **options)
    assert_equal(processor, [*photos, portrait, small])


@pytest.mark.skipif(not DATA.is_dir(), reason="no shared/data beside the repository")
@pytest.mark.parametrize("name", ["resnet", "384", "clip"])
def test_equals_the_processor_on_files(transformers, name):
    kind, options = PROCESSORS[name]
    processor = make_processor(transformers, kind, **options)
    paths = sorted((DATA / "photos").glob("*.jpg"))
    paths += sorted((DATA / "bccd" / "images").glob("*.jpg"))[:2]
    assert len(paths) == 4
    photos = [Image.open(path).convert("RGB") for path in paths]
    assert_equal(processor, photos)
    converter = ImageConverter(**image_converter_arguments(processor.to_dict()))
    np.testing.assert_array_equal(converter(paths), converter(photos))


def test_reads_the_files_of_feature_extractors():
    resnet = {
        "crop_pct": 0.875,
        "do_normalize": True,
        "do_resize": True,
        "feature_extractor_type": "ConvNextFeatureExtractor",
        "resample": 3,
        "size": 224,
        **IMAGENET,
    }
    assert image_converter_arguments(resnet) == {
        "image_size": (224, 224),
        "crop_ratio": 0.875,
        "interpolation": "bicubic",
        "scale": 1 / 255,
        "mean": IMAGENET["image_mean"],
        "std": IMAGENET["image_std"],
    }
    vit = {"feature_extractor_type": "ViTFeatureExtractor", "size": 384}
    arguments = image_converter_arguments(vit)
    assert arguments["image_size"] == (384, 384)
    assert arguments["crop_to_aspect_ratio"] is False
    clip = {"image_processor_type": "CLIPImageProcessorFast", "crop_size": 200}
    assert image_converter_arguments(clip)["crop_ratio"] == 200 / 224


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("Segformer", {}, "one of .* received 'SegformerImageProcessor'"),
        ("ViT", {"do_resize": False}, "'do_resize'"),
        ("ViT", {"do_flip_channel_order": True}, "'do_flip_channel_order'"),
        ("ViT", {"do_pad": True}, "'do_pad'"),
        ("ViT", {"resample": 9}, "'resample'"),
        ("ViT", {"size": {"longest_edge": 800}}, "no size in common"),
        ("CLIP", {"do_center_crop": False}, "no size in common"),
        ("CLIP", {"crop_size": 300}, "at most all"),
        ("CLIP", {"crop_size": {"height": 200, "width": 100}}, "no size in common"),
        ("CLIP", {"crop_size": {"shortest_edge": 200}}, "'crop_size'"),
        ("DeiT", {"crop_size": {"height": 200, "width": 100}}, "the same part"),
        ("Sam", {"pad_size": {"height": 1024, "width": 900}}, "'pad_size'"),
        ("Sam", {"size": {"longest_edge": 512}}, "'pad_size'"),
        ("Sam", {"do_pad": False}, "no size in common"),
    ],
)
def test_refuses_what_it_cannot_express(kind, options, message):
    config = {"image_processor_type": f"{kind}ImageProcessor", **options}
    with pytest.raises(ValueError, match=message):
        image_converter_arguments(config)
