"""Images of another size, against the ViTDet of `transformers`, which takes them."""

import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, reference
from domain_core.weights.weight_map import (
    TRANSPOSE,
    Fused,
    WeightMap,
    conv_weights,
    dense_weights,
    norm_weights,
)
from keras_cv.models import ViTDetBackbone

THEIRS, OURS = "encoder.layer.{i}", "blocks.{i}"
PARTS = [f"{OURS}.attention.{name}" for name in ("query", "key", "value")]
WEIGHTS = WeightMap(
    {
        **conv_weights("embeddings.projection", "patch_embedding.projection", True),
        "embeddings.position_embeddings": "position_embedding.positions",
        **norm_weights(f"{THEIRS}.norm1", f"{OURS}.attention_norm"),
        f"{THEIRS}.attention.qkv.weight": Fused(
            tuple(f"{part}.kernel" for part in PARTS), TRANSPOSE
        ),
        f"{THEIRS}.attention.qkv.bias": Fused(tuple(f"{part}.bias" for part in PARTS)),
        f"{THEIRS}.attention.rel_pos_h": f"{OURS}.attention.row_positions",
        f"{THEIRS}.attention.rel_pos_w": f"{OURS}.attention.column_positions",
        **dense_weights(f"{THEIRS}.attention.proj", f"{OURS}.attention.out"),
        **norm_weights(f"{THEIRS}.norm2", f"{OURS}.feedforward_norm"),
        **dense_weights(f"{THEIRS}.mlp.fc1", f"{OURS}.feedforward.up"),
        **dense_weights(f"{THEIRS}.mlp.fc2", f"{OURS}.feedforward.down"),
    },
)
SHAPE = (2, 96, 48, 3)  # of images; positions are made for 64 x 64


def random_detector(folder, config, shape):
    """Returns random weights, and the map of the last block."""
    import numpy as np
    import torch
    import transformers

    torch.manual_seed(0)
    model = transformers.VitDetModel(transformers.VitDetConfig(**config)).eval()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.copy_(torch.rand_like(tensor) - 0.5)
        x = torch.tensor(np.random.default_rng(0).random(shape, "float32"))
        y = model(x.permute(0, 3, 1, 2)).last_hidden_state
    found = {key: tensor.numpy() for key, tensor in model.state_dict().items()}
    return {**found, "output": y.permute(0, 2, 3, 1).numpy()}


@pytest.mark.backends
def test_other_sizes_than_those_of_the_positions():
    config = {
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 64,
        "pretrain_image_size": 64,
        "window_size": 3,
        "window_block_indices": [0],
        "use_relative_position_embeddings": True,
    }
    theirs = reference("transformers", random_detector, config=config, shape=SHAPE)
    backbone = ViTDetBackbone(
        include_rescaling=False,
        input_shape=(None, None, 3),
        embed_dim=8,
        depth=2,
        mlp_dim=32,
        num_heads=2,
        window_size=3,
        global_attention_indices=[1],
        pretrain_image_size=64,
    )
    tensors = dict(theirs.arrays)
    expected = tensors.pop("output")
    # Theirs has a first row for a class token, of which nothing is used.
    positions = tensors["embeddings.position_embeddings"][0, 1:]
    tensors["embeddings.position_embeddings"] = positions.reshape(4, 4, 8)
    paths = backbone.weight_paths().items()
    WEIGHTS.assign(
        {path: weight for path, weight in paths if not path.startswith("neck")},
        {name: tensor.shape for name, tensor in tensors.items()},
        tensors.__getitem__,
    )
    blocks = keras.Model(backbone.input, backbone.blocks[-1].output)
    x = np.random.default_rng(0).random(SHAPE, "float32")
    assert_close(blocks.predict_on_batch(x), expected)
