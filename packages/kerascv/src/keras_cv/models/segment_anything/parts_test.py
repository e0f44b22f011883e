"""The parts of SAM by themselves: sizes, configs, precision, and which tokens count."""

import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.models import SAMMaskDecoder, SAMPromptEncoder, TwoWayTransformer


def encoder(**options):
    return SAMPromptEncoder(
        embed_dim=8, image_embedding_size=(2, 3), input_image_size=(32, 48), **options
    )


def transformer(**options):
    return TwoWayTransformer(embed_dim=16, num_heads=2, mlp_dim=24, **options)


def test_sizes():
    prompts, decoder = SAMPromptEncoder(), SAMMaskDecoder()
    for part in (prompts, decoder):
        part.build({})
    assert prompts.count_params() == 6_476
    assert sum(np.prod(w.shape) for w in prompts.trainable_weights) == 6_220
    assert decoder.count_params() == 4_058_340


@pytest.mark.parametrize(
    "part",
    [
        transformer(depth=1, layer_norm_epsilon=1e-6),
        encoder(mask_in_chans=4, activation="relu"),
        SAMMaskDecoder(transformer_dim=16, transformer=transformer()),
    ],
    ids=lambda part: type(part).__name__,
)
def test_config(part):
    config = part.get_config()
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(part)
    )
    assert again.get_config() == config


@pytest.mark.parametrize(
    ("labels", "boxes", "counts"),
    [
        # A set without a box has one token that is no point.
        ([1, 0, -1, -1], [], [1, 1, 1, 0]),
        ([-1, 1, -1, 0], [], [1, 1, 0, 1]),
        # None with a box, and none without points.
        ([1, -1, -1, -1], [[[1, 2], [3, 4]]], [1, 0, 0, 0, 1, 1]),
        ([-1, -1, -1, -1], [], [0, 0, 0, 0]),
        # A box of -1 is none.
        ([1, -1, -1, -1], [[[-1, -1], [-1, -1]]], [1, 1, 0, 0, 0, 0]),
        ([], [[[-1, -1], [5, 4]], [[-1, -1], [-1, -1]]], [1, 1, 0, 0]),
    ],
)
def test_which_tokens_count(labels, boxes, counts):
    outputs = encoder()(
        {
            "points": np.ones((1, len(labels), 2)),
            "labels": np.reshape(labels, (1, -1)),
            "boxes": np.reshape(boxes, (1, -1, 2, 2)),
        }
    )
    assert to_numpy(outputs["sparse_mask"]).astype(int).tolist() == [counts]


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16"])
def test_half_precision_keeps_places(dtype):
    """Places are rounded after they are encoded, not before: 45.3 and 45.4 differ."""
    exact, half = encoder(dtype="float32"), encoder(dtype=dtype)
    inputs = {
        "points": np.array([[[45.3, 20.7], [45.4, 20.7]]]),
        "labels": np.array([[1, 1]]),
        "masks": np.ones((1, 1, 8, 12, 1)),
    }
    for part in (exact, half):
        part(inputs)
    half.set_weights([to_numpy(w) for w in exact.weights])
    expected, outputs = exact(inputs), half(inputs)
    for name, output in outputs.items():
        if name != "sparse_mask":
            assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
        # Sums of numbers of about 4 that have 8 bits.
        assert_close(
            keras.ops.cast(output, "float32"),
            keras.ops.cast(expected[name], "float32"),
            rtol=0,
            atol=0.05,
        )


@pytest.mark.backends("torch")
def test_all_weights_get_gradients():
    prompts = encoder()
    decoder = SAMMaskDecoder(
        transformer_dim=8,
        transformer=TwoWayTransformer(embed_dim=8, num_heads=2, mlp_dim=8),
    )
    inputs = {
        "points": np.full((2, 3, 2), 9.5),
        "labels": np.array([[1, 0, -1], [1, -1, -1]]),
        "boxes": np.array([[[[-1, -1], [-1, -1]]], [[[2, 3], [20, 30]]]]),
    }
    total = 0
    for more in ({}, {"masks": np.ones((2, 1, 8, 12, 1), "float32")}):
        encoded = prompts({**inputs, **more})
        outputs = decoder(
            {
                "image_embeddings": np.ones((2, 2, 3, 8), "float32"),
                "image_pe": encoded["dense_positional_embeddings"],
                "sparse_prompt_embeddings": encoded["sparse_embeddings"],
                "sparse_prompt_mask": encoded["sparse_mask"],
                "dense_prompt_embeddings": encoded["dense_embeddings"],
            }
        )
        total = total + sum(keras.ops.sum(x * x) for x in outputs.values())
    total.backward()
    for weight in (*prompts.trainable_weights, *decoder.trainable_weights):
        assert weight.value.grad is not None, weight.path
        assert np.isfinite(to_numpy(weight.value.grad)).all(), weight.path


def test_quantized_parts_stay_near():
    decoder = SAMMaskDecoder(transformer_dim=16, transformer=transformer())
    draw = np.random.default_rng(0)
    image = draw.normal(size=(1, 4, 6, 16)).astype("float32")
    inputs = {
        "image_embeddings": image,
        "image_pe": image,
        "dense_prompt_embeddings": image,
        "sparse_prompt_embeddings": draw.normal(size=(1, 2, 16)).astype("float32"),
    }
    exact = to_numpy(decoder(inputs)["masks"])
    for block in decoder.transformer.blocks:
        block.self_attention.query.quantize("int8")
        block.mlp.up.quantize("int8")
    near = to_numpy(decoder(inputs)["masks"])
    # Eight bits, of three layers.
    assert 0 < np.abs(near - exact).max() < 0.05 * np.abs(exact).max()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TwoWayTransformer(embed_dim=10, num_heads=4), "num_heads=4"),
        (lambda: SAMPromptEncoder(embed_dim=7), "even"),
        (lambda: SAMPromptEncoder(mask_in_chans=6), "mask_in_chans"),
        (lambda: SAMMaskDecoder(transformer_dim=12), "8 divides"),
        (lambda: SAMMaskDecoder(iou_head_depth=1), "at least 2"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
