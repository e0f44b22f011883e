"""Published weights of SAM, on ViTDet."""

from __future__ import annotations

from domain_core import Preset
from keras_cv.models.segment_anything.preprocessor import IMAGE_CONVERTER

# Width, blocks, heads, global blocks, parameters of the backbone, name.
_ROWS = [
    (768, 12, 12, [2, 5, 8, 11], 89670912, "base"),
    (1024, 24, 16, [5, 11, 17, 23], 308278272, "large"),
    (1280, 32, 16, [7, 15, 23, 31], 637026048, "huge"),
]

# Of all sizes the same.
_PARTS = {
    "prompt_encoder": {
        "class": "kerascv>SAMPromptEncoder",
        "config": {
            "embed_dim": 256,
            "image_embedding_size": [64, 64],
            "input_image_size": [1024, 1024],
            "mask_in_chans": 16,
        },
    },
    "mask_decoder": {
        "class": "kerascv>SAMMaskDecoder",
        "config": {
            "transformer_dim": 256,
            "transformer": {
                "class": "kerascv>TwoWayTransformer",
                "config": {
                    "depth": 2,
                    "embed_dim": 256,
                    "num_heads": 8,
                    "mlp_dim": 2048,
                },
            },
            "num_multimask_outputs": 3,
            "iou_head_depth": 3,
            "iou_head_hidden_dim": 256,
        },
    },
}

PRESETS = {
    f"sam_{size}_sa1b": Preset(
        description=f"Segment Anything with a {size} encoder, on SA-1B.",
        config={
            "include_rescaling": True,
            "embed_dim": width,
            "depth": depth,
            "mlp_dim": 4 * width,
            "num_heads": heads,
            "global_attention_indices": blocks,
            "pretrain_image_size": 1024,
        },
        handle=f"kaggle://keras/sam/keras/sam_{size}_sa1b/2",
        parameters=parameters,
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/2304.02643",
        origin="the Keras team, from Meta's Segment Anything",
        image_converter=IMAGE_CONVERTER,
        task="kerascv>SegmentAnythingModel",
        task_config=_PARTS,
        unverified=("handle", "licence", "image_converter"),
    )
    for width, depth, heads, blocks, parameters, size in _ROWS
}
