"""SAM's prompt encoder and mask decoder against Hugging Face's."""

import numpy as np
import pytest

from domain_core import PresetCorruptError
from domain_core.testing import assert_close, to_numpy
from domain_core.testing.references import reference
from domain_core.weights.weight_paths import paths_of_parts
from keras_cv.backend_functions_test import BACKEND, compiled
from keras_cv.models import SAMMaskDecoder, SAMPromptEncoder, TwoWayTransformer
from keras_cv.models.segment_anything.convert import WEIGHTS

DIM, PIXELS, SIZE, SETS, POINTS = 32, 64, 4, 3, 4
CASES = ("points", "boxes", "points boxes", "points masks", "masks", "all")


def hugging_face(folder, *, dim, pixels, sets, points, cases):
    """Returns weights, prompts of several sets each, and what comes of them."""
    import numpy as np
    import torch
    from transformers import (
        SamConfig,
        SamMaskDecoderConfig,
        SamModel,
        SamPromptEncoderConfig,
        SamVisionConfig,
    )

    model = SamModel(
        SamConfig(
            vision_config=SamVisionConfig(
                hidden_size=8,
                num_hidden_layers=1,
                num_attention_heads=1,
                image_size=pixels,
                output_channels=dim,
                mlp_dim=8,
                global_attn_indexes=[0],
                num_pos_feats=dim // 2,
            ).to_dict(),
            prompt_encoder_config=SamPromptEncoderConfig(
                hidden_size=dim, image_size=pixels
            ).to_dict(),
            mask_decoder_config=SamMaskDecoderConfig(
                hidden_size=dim,
                mlp_dim=48,
                num_attention_heads=4,
                iou_head_depth=4,
                iou_head_hidden_dim=24,
            ).to_dict(),
        )
    ).eval()
    draw = np.random.default_rng(0)

    def normal(*shape):
        return draw.normal(size=shape).astype("float32")

    for name, weight in model.state_dict().items():
        fan = max(1, int(np.prod(weight.shape[1:])))
        value = normal(*weight.shape) / fan**0.5
        if "norm" in name and name.endswith("weight"):
            value = 1 + value / 4
        if "embed" in name or "token" in name:
            value = normal(*weight.shape)
        weight.copy_(torch.tensor(value))
    size = pixels // 16
    prompts = {
        "points": draw.uniform(0, pixels, (2, sets, points, 2)).astype("float32"),
        "labels": draw.integers(0, 2, (2, sets, points)),
        "boxes": draw.uniform(0, pixels, (2, sets, 4)).astype("float32"),
        "masks": normal(2, 1, 4 * size, 4 * size),
    }
    images = normal(2, dim, size, size)
    arrays = {**prompts, "images": images.transpose(0, 2, 3, 1)}
    tensors = {name: torch.tensor(prompt) for name, prompt in prompts.items()}
    positions = model.get_image_wide_positional_embeddings()
    arrays["positions"] = positions.detach().numpy().transpose(0, 2, 3, 1)
    for case in cases:
        chosen = tensors if case == "all" else {k: tensors[k] for k in case.split()}
        if "points" in chosen:
            chosen = {**chosen, "labels": tensors["labels"]}
        sparse, dense = model.prompt_encoder(
            *(chosen.get(name) for name in ("points", "labels", "boxes", "masks"))
        )
        if sparse is None:  # one set, without tokens
            sparse = torch.zeros((2, 1, 0, dim))
        single, several = (
            model.mask_decoder(
                image_embeddings=torch.tensor(images),
                image_positional_embeddings=positions.repeat(2, 1, 1, 1),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=multimask_output,
            )
            for multimask_output in (False, True)
        )
        arrays[f"{case}/sparse"] = sparse.detach().numpy()
        arrays[f"{case}/dense"] = dense.detach().numpy().transpose(0, 2, 3, 1)
        for name, *parts in zip(("masks", "quality"), single, several, strict=True):
            arrays[f"{case}/{name}"] = torch.cat(parts, 2).detach().numpy()
    weights = model.state_dict().items()
    return {
        **arrays,
        **{
            f"weights/{name}": weight.numpy()
            for name, weight in weights
            if not name.startswith("vision_encoder")
        },
    }


@pytest.fixture(scope="module")
def theirs():
    return reference(
        "transformers",
        hugging_face,
        dim=DIM,
        pixels=PIXELS,
        sets=SETS,
        points=POINTS,
        cases=CASES,
    ).arrays


def weights_of(theirs):
    return {
        name.removeprefix("weights/"): array
        for name, array in theirs.items()
        if name.startswith("weights/")
    }


@pytest.fixture(scope="module")
def parts(theirs):
    """Ours with their weights."""
    transformer = TwoWayTransformer(
        embed_dim=DIM, num_heads=4, mlp_dim=48, layer_norm_epsilon=1e-6
    )
    parts = {
        "prompt_encoder": SAMPromptEncoder(
            embed_dim=DIM,
            image_embedding_size=(SIZE, SIZE),
            input_image_size=(PIXELS, PIXELS),
        ),
        "mask_decoder": SAMMaskDecoder(
            transformer_dim=DIM,
            transformer=transformer,
            iou_head_depth=4,
            iou_head_hidden_dim=24,
        ),
    }
    for part in parts.values():
        part.build({})
    WEIGHTS.assign_arrays(paths_of_parts(parts), weights_of(theirs))
    return parts


def prompts_of(theirs, case):
    """Returns the prompts of a case in our form, `(images, sets, ...)`."""
    names = ["points", "boxes", "masks"] if case == "all" else case.split()
    prompts = {}
    if "points" in names:
        points, labels = theirs["points"], theirs["labels"]
        if "boxes" not in names:  # theirs adds this by itself
            points = np.pad(points, [(0, 0), (0, 0), (0, 1), (0, 0)])
            labels = np.pad(labels, [(0, 0), (0, 0), (0, 1)], constant_values=-1)
        prompts = {"points": points, "labels": labels}
    if "boxes" in names:
        prompts["boxes"] = theirs["boxes"].reshape(2, SETS, 1, 2, 2)
    if "masks" in names:
        masks = theirs["masks"][:, :, None, :, :, None]
        sets = SETS if len(names) > 1 else 1
        prompts["masks"] = np.repeat(masks, sets, axis=1)
    return prompts


def segment(parts, images, prompts):
    encoded = parts["prompt_encoder"](prompts)
    outputs = parts["mask_decoder"](
        {
            "image_embeddings": images,
            "image_pe": encoded["dense_positional_embeddings"],
            "sparse_prompt_embeddings": encoded["sparse_embeddings"],
            "sparse_prompt_mask": encoded["sparse_mask"],
            "dense_prompt_embeddings": encoded["dense_embeddings"],
        }
    )
    return encoded, outputs


@pytest.mark.backends
@pytest.mark.parametrize("case", ["points", "all"])
def test_theirs_in_ours(theirs, parts, case):
    compare(theirs, parts, case)


@pytest.mark.parametrize("case", sorted({*CASES} - {"points", "all"}))
def test_other_prompts_of_theirs_in_ours(theirs, parts, case):
    compare(theirs, parts, case)


def compare(theirs, parts, case):
    def program(images, prompts):
        return segment(parts, images, prompts)

    # JAX would compile all operations one by one.
    program = compiled(program) if BACKEND == "jax" else program
    encoded, outputs = program(theirs["images"], prompts_of(theirs, case))
    assert to_numpy(encoded["sparse_mask"]).all()
    dense = np.broadcast_to(
        theirs[f"{case}/dense"][:, None], encoded["dense_embeddings"].shape
    )
    for ours, array in (
        (encoded["sparse_embeddings"], theirs[f"{case}/sparse"]),
        (encoded["dense_embeddings"], dense),
        (encoded["dense_positional_embeddings"], theirs["positions"]),
        (outputs["masks"], theirs[f"{case}/masks"]),
        (outputs["iou_pred"], theirs[f"{case}/quality"]),
    ):
        assert_close(ours, array, rtol=1e-5, atol=1e-5)


def test_one_set_of_prompts_needs_no_axis(theirs, parts):
    several = prompts_of(theirs, "all")
    _, whole = segment(parts, theirs["images"], several)
    one = {name: prompt[:, 1] for name, prompt in several.items()}
    _, outputs = segment(parts, theirs["images"], one)
    for name, output in outputs.items():
        assert_close(output, to_numpy(whole[name])[:, 1], rtol=1e-5, atol=1e-5)


def test_weights_go_back(theirs, parts):
    weights = WEIGHTS.to_arrays(paths_of_parts(parts))
    assert weights.keys() == weights_of(theirs).keys()
    for name, array in weights_of(theirs).items():
        np.testing.assert_array_equal(weights[name], array, err_msg=name)


def test_the_frequencies_may_stand_in_either_place(theirs, parts):
    weights = weights_of(theirs)
    del weights["prompt_encoder.shared_embedding.positional_embedding"]
    WEIGHTS.assign_arrays(paths_of_parts(parts), weights)
    del weights["shared_image_embedding.positional_embedding"]
    with pytest.raises(PresetCorruptError, match="positions.frequencies is missing"):
        WEIGHTS.assign_arrays(paths_of_parts(parts), weights)
