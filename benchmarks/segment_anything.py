"""Segment Anything, a prediction and one training step: ours beside its peers.

    python benchmarks/segment_anything.py --reps 3
    python benchmarks/segment_anything.py --size small --contenders 'ours-*'

Every contender gets SAM on ViTDet of the same size for images of `--images` pixels,
float32, random weights, one image and one box:

  predict   pixels and a box in NumPy in, four masks (transformers: three) at a quarter
            of the size in NumPy out
  encoder   the image encoder alone: pixels in, embedding out
  prompt    one more box on an embedding that is kept
  train     one step of Adam on all weights but those of the prompt encoder, of the mean
            square of masks and qualities; the loss out

"prompt" beside "encoder" of the same contender says what another prompt costs. Ours
is `SegmentAnything.predict(embeddings, boxes=...)`, which checks the prompt and gives a
mask of the image's size; of transformers it is the model alone.

ours          `SegmentAnythingModel.predict_on_batch`; a step by `train_on_batch`.
              `-compiled` with `jit_compile=True`, where torch compiles.
transformers  `SamModel`, eager, its attention as the library chooses it; `-compiled`
              through `torch.compile`.
keras-hub     the graph of `SAMImageSegmenter` on its `ViTDetBackbone`, by Keras'
              `predict_on_batch` and `train_on_batch`. It keeps no embeddings.
"""

import argparse
import fnmatch
import functools
from collections.abc import Callable
from typing import Any

import harness
import numpy as np
from harness import Contender, Measurements

RATE = 1e-5
SIZES: dict[str, dict[str, Any]] = {
    "small": {
        **{"width": 32, "depth": 2, "heads": 2, "global": [1], "channels": 32},
        **{"inner": 64, "decoder_heads": 4, "images": [64]},
    },
    "base": {
        **{"width": 768, "depth": 12, "heads": 12, "global": [2, 5, 8, 11]},
        **{"channels": 256, "inner": 2048, "decoder_heads": 8, "images": [256, 512]},
    },
    "huge": {
        **{"width": 1280, "depth": 32, "heads": 16, "global": [7, 15, 23, 31]},
        **{"channels": 256, "inner": 2048, "decoder_heads": 8, "images": [1024]},
    },
}
PATCH, DEPTH = 16, 2


def make_pixels(pixels: int, batch: int) -> np.ndarray:
    """Returns images in [0, 255]."""
    draw = np.random.default_rng(0)
    return draw.uniform(0, 255, (batch, pixels, pixels, 3)).astype("float32")


def make_box(pixels: int) -> list[int]:
    """Returns left, top, right and bottom."""
    return [pixels // 8, pixels // 4, pixels // 2, 3 * pixels // 4]


# --- Keras ----------------------------------------------------------------------------


def our_model(size: str, pixels: int, dtype: str | None = None) -> Any:
    """Returns our `SegmentAnythingModel`."""
    from keras_cv import models

    given, places = SIZES[size], pixels // PATCH
    backbone = models.ViTDetBackbone(
        include_rescaling=True,
        input_shape=(pixels, pixels, 3),
        embed_dim=given["width"],
        depth=given["depth"],
        mlp_dim=4 * given["width"],
        num_heads=given["heads"],
        out_chans=given["channels"],
        global_attention_indices=given["global"],
        dtype=dtype,
    )
    return models.SegmentAnythingModel(
        backbone=backbone,
        prompt_encoder=models.SAMPromptEncoder(
            embed_dim=given["channels"],
            image_embedding_size=(places, places),
            input_image_size=(pixels, pixels),
            dtype=dtype,
        ),
        mask_decoder=models.SAMMaskDecoder(
            transformer_dim=given["channels"],
            transformer=models.TwoWayTransformer(
                depth=DEPTH,
                embed_dim=given["channels"],
                num_heads=given["decoder_heads"],
                mlp_dim=given["inner"],
                dtype=dtype,
            ),
            dtype=dtype,
        ),
    )


def hub_model(size: str, pixels: int, dtype: str | None = None) -> Any:
    """Returns KerasHub's `SAMImageSegmenter`."""
    import keras_hub

    given, places = SIZES[size], pixels // PATCH
    encoder = keras_hub.models.ViTDetBackbone(
        hidden_size=given["width"],
        num_layers=given["depth"],
        intermediate_dim=4 * given["width"],
        num_heads=given["heads"],
        global_attention_layer_indices=given["global"],
        image_shape=(pixels, pixels, 3),
        num_output_channels=given["channels"],
        dtype=dtype,
    )
    backbone = keras_hub.models.SAMBackbone(
        image_encoder=encoder,
        prompt_encoder=keras_hub.layers.SAMPromptEncoder(
            hidden_size=given["channels"],
            image_embedding_size=(places, places),
            input_image_size=(pixels, pixels),
            dtype=dtype,
        ),
        mask_decoder=keras_hub.layers.SAMMaskDecoder(
            hidden_size=given["channels"],
            num_layers=DEPTH,
            intermediate_dim=given["inner"],
            num_heads=given["decoder_heads"],
            embedding_dim=given["channels"],
            dtype=dtype,
        ),
        dtype=dtype,
    )
    return keras_hub.models.SAMImageSegmenter(backbone=backbone, preprocessor=None)


def keras_inputs(pixels: int, batch: int, is_hub: bool) -> dict[str, np.ndarray]:
    """Returns images with a box each; KerasHub wants what there is none of, too."""
    box = np.reshape(make_box(pixels), (1, 1, 2, 2))
    inputs = {
        "images": make_pixels(pixels, batch),
        "boxes": np.repeat(box, batch, axis=0).astype("float32"),
    }
    if is_hub:
        size = pixels // 4
        inputs["points"] = np.zeros((batch, 0, 2), "float32")
        inputs["labels"] = np.zeros((batch, 0), "float32")
        inputs["masks"] = np.zeros((batch, 0, size, size, 1), "float32")
    return inputs


def keras_step(
    model: Any, pixels: int, batch: int, is_hub: bool, **options: Any
) -> Callable[[], object]:
    """Returns a function that makes one step."""
    import keras

    part = model.backbone if is_hub else model
    part.prompt_encoder.trainable = False
    inputs = keras_inputs(pixels, batch, is_hub)
    size = pixels // 4
    target = {
        "masks": np.zeros((batch, 4, size, size), "float32"),
        "iou_pred": np.zeros((batch, 4), "float32"),
    }
    if is_hub:
        trained = keras.Model(model.input, model.output)
        optimizer: Any = keras.optimizers.Adam(RATE)
    else:
        from domain_core.ops import FusedAdam
        from domain_core.pipeline import PipelineModel

        symbols = {name: model.input[name] for name in inputs}
        embeddings = model.encode_images(symbols["images"])
        outputs = model.segment(embeddings, {"boxes": symbols["boxes"]})
        trained, optimizer = PipelineModel(symbols, outputs), FusedAdam(RATE)
    loss = {name: keras.losses.MeanSquaredError() for name in target}
    trained.compile(optimizer=optimizer, loss=loss, **options)
    return functools.partial(trained.train_on_batch, inputs, target)


def build_ours(options: argparse.Namespace, **compiling: Any) -> Measurements:
    """Ours on the active backend."""
    from domain_core.pipeline import PipelineModel
    from keras_cv.models import SegmentAnything

    def make(pixels: int, kinds: set[str]) -> dict[str, Callable[[], object]]:
        found: dict[str, Callable[[], object]] = {}
        model = our_model(options.size, pixels)
        inputs = keras_inputs(pixels, 1, False)
        if kinds & {"predict", "encoder", "prompt"}:
            model.compile(**compiling)
            encoder = PipelineModel(model.backbone.input, model.backbone.output)
            encoder.compile(**compiling)
            found["predict"] = functools.partial(model.predict_on_batch, inputs)
            found["encoder"] = functools.partial(
                encoder.predict_on_batch, inputs["images"]
            )
        if "prompt" in kinds:
            segmenter = SegmentAnything(
                backbone=model.backbone,
                prompt_encoder=model.prompt_encoder,
                mask_decoder=model.mask_decoder,
            )
            segmenter.compile(**compiling)
            kept = segmenter.embed(inputs["images"][0])
            found["prompt"] = functools.partial(
                segmenter.predict, kept, boxes=make_box(pixels)
            )
        if "train" in kinds:
            trained = our_model(options.size, pixels)
            found["train"] = keras_step(trained, pixels, 1, False, **compiling)
        return found

    return measure(options, make)


def build_keras_hub(options: argparse.Namespace) -> Measurements:
    """KerasHub's on the active backend."""
    import keras

    def make(pixels: int, kinds: set[str]) -> dict[str, Callable[[], object]]:
        found: dict[str, Callable[[], object]] = {}
        inputs = keras_inputs(pixels, 1, True)
        if kinds & {"predict", "encoder"}:
            model = hub_model(options.size, pixels)
            encoder = model.backbone.image_encoder
            encoder = keras.Model(encoder.input, encoder.output)
            # Its own method for one batch fails.
            plain = keras.Model(model.input, model.output)
            found["predict"] = functools.partial(plain.predict_on_batch, inputs)
            found["encoder"] = functools.partial(
                encoder.predict_on_batch, inputs["images"]
            )
        if "train" in kinds:
            trained = hub_model(options.size, pixels)
            found["train"] = keras_step(trained, pixels, 1, True)
        return found

    return measure(options, make)


# --- torch ----------------------------------------------------------------------------


def transformers_model(size: str, pixels: int, dtype: str = "float32") -> Any:
    """Returns the `SamModel` of `transformers`."""
    import torch
    import transformers

    given = SIZES[size]
    config = transformers.SamConfig(
        vision_config=transformers.SamVisionConfig(
            hidden_size=given["width"],
            num_hidden_layers=given["depth"],
            num_attention_heads=given["heads"],
            mlp_dim=4 * given["width"],
            output_channels=given["channels"],
            image_size=pixels,
            global_attn_indexes=given["global"],
            num_pos_feats=given["channels"] // 2,
        ).to_dict(),
        prompt_encoder_config=transformers.SamPromptEncoderConfig(
            hidden_size=given["channels"], image_size=pixels
        ).to_dict(),
        mask_decoder_config=transformers.SamMaskDecoderConfig(
            hidden_size=given["channels"],
            mlp_dim=given["inner"],
            num_attention_heads=given["decoder_heads"],
            num_hidden_layers=DEPTH,
            iou_head_hidden_dim=given["channels"],
        ).to_dict(),
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return transformers.SamModel(config).to(device, getattr(torch, dtype))


def transformers_inputs(module: Any, pixels: int, batch: int) -> dict[str, Any]:
    """Returns images with a box each."""
    import torch

    images = make_pixels(pixels, batch).transpose(0, 3, 1, 2) / 255
    like = {"device": module.device, "dtype": module.dtype}
    return {
        "pixel_values": torch.from_numpy(images).to(**like),
        "input_boxes": torch.tensor([[make_box(pixels)]] * batch, **like),
    }


def transformers_step(
    module: Any, pixels: int, batch: int, compiled: bool = False
) -> Callable[[], object]:
    """Returns a function that makes one step."""
    import torch

    module.train()
    module.prompt_encoder.requires_grad_(False)
    trained = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=RATE, fused=True)
    inputs = transformers_inputs(module, pixels, batch)
    forward = torch.compile(module) if compiled else module

    def step() -> float:
        optimizer.zero_grad()
        found = forward(**inputs)
        loss = found.pred_masks.float().square().mean()
        loss = loss + found.iou_scores.float().square().mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def build_transformers(
    options: argparse.Namespace, compiled: bool = False
) -> Measurements:
    """`transformers`, eager or through `torch.compile`."""
    import torch

    if not options.gpu:
        torch.set_num_threads(1)

    def make(pixels: int, kinds: set[str]) -> dict[str, Callable[[], object]]:
        found: dict[str, Callable[[], object]] = {}
        if kinds & {"predict", "encoder", "prompt"}:
            module = transformers_model(options.size, pixels).eval()
            inputs = transformers_inputs(module, pixels, 1)
            images, boxes = inputs.values()
            encode = module.get_image_embeddings
            forward = module
            if compiled:
                encode, forward = torch.compile(encode), torch.compile(module)

            def predict(**given: Any) -> np.ndarray:
                with torch.inference_mode():
                    return forward(**given).pred_masks.float().cpu().numpy()

            def encoded() -> Any:
                with torch.inference_mode():
                    return encode(images).cpu().numpy()

            found["predict"] = functools.partial(predict, **inputs)
            found["encoder"] = encoded
        if "prompt" in kinds:
            with torch.inference_mode():
                kept = module.get_image_embeddings(images)
            found["prompt"] = functools.partial(
                predict, image_embeddings=kept, input_boxes=boxes
            )
        if "train" in kinds:
            trained = transformers_model(options.size, pixels)
            found["train"] = transformers_step(trained, pixels, 1, compiled)
        return found

    return measure(options, make)


# --- the command ----------------------------------------------------------------------

KINDS = ("predict", "encoder", "prompt", "train")


def measure(
    options: argparse.Namespace,
    make: Callable[[int, set[str]], dict[str, Callable[[], object]]],
) -> Measurements:
    """Returns what is asked for, of what a library gives for images of a size."""
    measurements: Measurements = {}
    for pixels in options.images or SIZES[options.size]["images"]:
        names = {kind: f"{kind} {pixels}" for kind in KINDS}
        kinds = {
            kind
            for kind, name in names.items()
            if fnmatch.fnmatch(name, options.measurements)
        }
        for kind, function in make(pixels, kinds).items():
            if kind in kinds:
                measurements[names[kind]] = function
    return measurements


BACKENDS = ("torch", "jax", "tensorflow")
CONTENDERS = [
    Contender("transformers", build_transformers, {}, ("torch", "transformers")),
    Contender(
        "transformers-compiled",
        functools.partial(build_transformers, compiled=True),
        packages=("transformers",),
    ),
    *(
        Contender(
            f"ours-{backend}",
            build_ours,
            {"KERAS_BACKEND": backend},
            ("keras", backend),
            ("transformers", f"keras-hub-{backend}"),
        )
        for backend in BACKENDS
    ),
    Contender(
        "ours-torch-compiled",
        functools.partial(build_ours, jit_compile=True),
        {"KERAS_BACKEND": "torch"},
        ("keras", "torch"),
        ("transformers-compiled",),
    ),
    *(
        Contender(
            f"keras-hub-{backend}",
            build_keras_hub,
            {"KERAS_BACKEND": backend},
            ("keras-hub",),
        )
        for backend in BACKENDS
    ),
]


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds what to measure."""
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument(
        "--images",
        type=lambda text: [int(number) for number in text.split(",")],
        help="heights of images in pixels, such as 256,512; default: those of the size",
    )


if __name__ == "__main__":
    harness.main(__doc__, CONTENDERS, configure)
