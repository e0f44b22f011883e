"""ViTDet against the image encoder of `transformers`' SAM."""

import numpy as np
import pytest

from domain_core.testing import assert_close, reference
from keras_cv.models import ViTDetBackbone

CONFIG = {
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 64,
    "window_size": 3,
    "global_attn_indexes": [1],
    "output_channels": 6,
}


def random_encoder(folder, config, shape):
    """Writes a random checkpoint; returns its weights and what it computes."""
    import numpy as np
    import torch
    import transformers

    torch.manual_seed(0)
    model = transformers.SamVisionModel(transformers.SamVisionConfig(**config)).eval()
    images = torch.tensor(np.random.default_rng(0).random(shape, "float32"))
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.copy_(torch.rand_like(tensor) - 0.5)
        outputs = model(images.permute(0, 3, 1, 2)).last_hidden_state
    model.save_pretrained(folder)
    found = {key: tensor.numpy() for key, tensor in model.state_dict().items()}
    return {**found, "output": outputs.permute(0, 2, 3, 1).numpy()}


def images(height=64, width=64, channels=3):
    return np.random.default_rng(0).random((2, height, width, channels), "float32")


def saved(x=None, **options):
    """Returns a random checkpoint."""
    shape = (images() if x is None else x).shape
    return reference(
        "transformers", random_encoder, config={**CONFIG, **options}, shape=shape
    )


@pytest.mark.parametrize(
    "options",
    [
        {"qkv_bias": False, "num_channels": 4, "mlp_dim": 10},
        {"use_abs_pos": False, "layer_norm_eps": 1e-2, "hidden_act": "relu"},
        {"use_rel_pos": False, "window_size": 2, "mlp_ratio": 1.5},
        {"image_size": 32, "patch_size": 8, "window_size": 5},
    ],
    ids=str,
)
def test_backbone(options):
    check_backbone(options)


@pytest.mark.backends
def test_backbone_on_every_backend():
    check_backbone({})


def check_backbone(options):
    size = options.get("image_size", 64)
    x = images(size, size, options.get("num_channels", 3))
    theirs = saved(x, **options)
    backbone = ViTDetBackbone.from_preset(theirs.folder)
    assert_close(backbone.predict_on_batch(x), theirs.arrays["output"])
    # The same without known sizes, whose tables have to be told.
    free = {"input_shape": (None, None, x.shape[-1])}
    backbone = ViTDetBackbone.from_preset(theirs.folder, **free)
    assert_close(backbone.predict_on_batch(x), theirs.arrays["output"])


def test_weights_go_both_ways(tmp_path):
    theirs = saved()
    backbone = ViTDetBackbone.from_preset(theirs.folder)
    backbone.export_to_transformers(tmp_path / "out")
    expected = reference(
        "transformers", read_encoder, files=tmp_path / "out", shape=images().shape
    )
    for name, array in expected.arrays.items():
        tolerance = 1e-6 if name == "output" else 0
        assert_close(array, theirs.arrays[name], rtol=tolerance, atol=tolerance)
    assert len(expected.arrays) == len(theirs.arrays)
    again = ViTDetBackbone.from_preset(tmp_path / "out")
    assert again.get_config() == {**backbone.get_config(), "name": again.name}


def read_encoder(folder, files, shape):
    """Loads a folder, of which all must fit; returns what it holds and computes."""
    import numpy as np
    import torch
    import transformers

    model, info = transformers.SamVisionModel.from_pretrained(
        files, output_loading_info=True
    )
    assert not any(info.values())
    images = torch.tensor(np.random.default_rng(0).random(shape, "float32"))
    with torch.no_grad():
        outputs = model.eval()(images.permute(0, 3, 1, 2)).last_hidden_state
    found = {key: tensor.numpy() for key, tensor in model.state_dict().items()}
    return {**found, "output": outputs.permute(0, 2, 3, 1).numpy()}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include_rescaling": True}, "include_rescaling=True comes back as False"),
        ({"include_normalization": True}, "include_normalization=True"),
        ({"input_shape": (64, 32, 3)}, "images are square there"),
        ({"activation": "tanh"}, "activation"),
    ],
    ids=str,
)
def test_what_their_config_cannot_express_is_named(tmp_path, options, message):
    backbone = ViTDetBackbone(
        **{
            "include_rescaling": False,
            "input_shape": (64, 64, 3),
            "embed_dim": 8,
            "depth": 1,
            "mlp_dim": 8,
            "num_heads": 2,
            **options,
        }
    )
    with pytest.raises(ValueError, match=message):
        backbone.export_to_transformers(tmp_path / "out")
