"""SAM's parts against KerasHub's, for images that are not square."""

import numpy as np

from domain_core import weight_paths
from domain_core.testing import assert_close
from domain_core.testing.references import reference
from keras_cv.models import SAMMaskDecoder, SAMPromptEncoder, TwoWayTransformer

PIXELS, SIZE, DIM = [64, 96], [4, 6], 32


def keras_hub_parts(folder, *, pixels, size, dim):
    """Returns weights in their order, prompts, and what comes of them."""
    import keras
    import keras_hub
    import numpy as np

    encoder = keras_hub.layers.SAMPromptEncoder(
        hidden_size=dim, image_embedding_size=size, input_image_size=pixels
    )
    decoder = keras_hub.layers.SAMMaskDecoder(
        hidden_size=dim,
        num_layers=2,
        intermediate_dim=48,
        num_heads=4,
        embedding_dim=dim,
        iou_head_hidden_dim=24,
    )
    draw = np.random.default_rng(0)
    masks = (2, 1, 4 * size[0], 4 * size[1], 1)
    prompts = {
        "points": draw.uniform(0, pixels[0], (2, 3, 2)).astype("float32"),
        "labels": np.array([[1, 0, -1], [0, 1, -1]], "float32"),
        "boxes": draw.uniform(0, pixels[0], (2, 1, 2, 2)).astype("float32"),
        "masks": draw.normal(size=masks).astype("float32"),
    }
    images = draw.normal(size=(2, *size, dim)).astype("float32")
    arrays = {**prompts, "images": images}
    for attempt in range(2):  # the first builds
        outputs = encoder(**prompts)
        found = decoder(image_embeddings=images, **outputs)
        for part in (encoder, decoder) if attempt == 0 else ():
            for weight in part.weights:
                value = draw.normal(size=weight.shape)
                fan = max(1, np.prod(weight.shape[:-1]))
                if weight.path.endswith("kernel"):
                    value = value / fan**0.5
                if weight.path.endswith("gamma"):
                    value = 1 + value / 4
                weight.assign(value)
    for name, output in {**outputs, **found}.items():
        arrays[f"outputs/{name}"] = keras.ops.convert_to_numpy(output)
    for name, part in (("encoder", encoder), ("decoder", decoder)):
        for index, weight in enumerate(part.weights):
            arrays[f"{name}/{index}"] = keras.ops.convert_to_numpy(weight)
    return arrays


def encoder_paths():
    yield "positions.frequencies"
    yield from ("foreground_point", "background_point")
    yield from ("top_left_corner", "bottom_right_corner", "not_a_point")
    for index in range(2):
        yield from layer(f"mask_embedding.conv_{index}")
        yield from layer(f"mask_embedding.norm_{index}", "gamma", "beta")
    yield from layer("mask_embedding.project")
    yield "no_mask"


def decoder_paths():
    for index in range(2):
        block = f"transformer.blocks.{index}"
        for part in ("self_attention", "token_to_image", "mlp", "image_to_token"):
            if part == "mlp":
                yield from layer(f"{block}.mlp.up")
                yield from layer(f"{block}.mlp.down")
            else:
                yield from attention(f"{block}.{part}")
            yield from layer(f"{block}.{part}_norm", "gamma", "beta")
    yield from attention("transformer.final_attention")
    yield from layer("transformer.final_norm", "gamma", "beta")
    yield from ("iou_token", "mask_tokens", *layer("enlarge_1"))
    yield from layer("enlarge_norm", "gamma", "beta")
    yield from layer("enlarge_2")
    for part in (*(f"hypernetworks.{i}" for i in range(4)), "iou_head"):
        for name in ("first", "hidden.0", "last"):
            yield from layer(f"{part}.{name}")


def attention(path):
    for name in ("query", "key", "value", "out"):
        yield from layer(f"{path}.{name}")


def layer(path, *names):
    yield from (f"{path}.{name}" for name in names or ("kernel", "bias"))


def load(part, paths, theirs, name):
    part.build({})
    weights, paths = weight_paths(part), list(paths)
    assert sorted(weights) == sorted(paths)
    assert f"{name}/{len(paths)}" not in theirs
    for index, path in enumerate(paths):
        weights[path].assign(theirs[f"{name}/{index}"])


def test_theirs_in_ours():
    theirs = reference(
        "keras_hub", keras_hub_parts, pixels=PIXELS, size=SIZE, dim=DIM
    ).arrays
    encoder = SAMPromptEncoder(
        embed_dim=DIM, image_embedding_size=SIZE, input_image_size=PIXELS
    )
    decoder = SAMMaskDecoder(
        transformer_dim=DIM,
        transformer=TwoWayTransformer(embed_dim=DIM, num_heads=4, mlp_dim=48),
        iou_head_hidden_dim=24,
    )
    load(encoder, encoder_paths(), theirs, "encoder")
    load(decoder, decoder_paths(), theirs, "decoder")
    prompts = {name: theirs[name] for name in ("points", "labels", "boxes", "masks")}
    encoded = encoder(prompts)
    # Theirs knows no padding: all tokens count, a point of -1 beside a box, too.
    outputs = decoder(
        {
            "image_embeddings": theirs["images"],
            "image_pe": encoded["dense_positional_embeddings"],
            "sparse_prompt_embeddings": encoded["sparse_embeddings"],
            "dense_prompt_embeddings": encoded["dense_embeddings"],
        }
    )
    for name in ("sparse", "dense", "dense_positional"):
        array = theirs[f"outputs/prompt_{name}_embeddings"]
        assert_close(encoded[f"{name}_embeddings"], array, rtol=1e-5, atol=1e-5)
    for name, output in outputs.items():
        assert_close(output, theirs[f"outputs/{name}"], rtol=1e-5, atol=1e-5)
    assert np.array_equal(encoded["sparse_mask"], [[True, True, False, True, True]] * 2)
