"""ResNet's presets in all layouts, changed by somebody who means harm."""

from domain_core.images import ImageConverter
from domain_core.testing.preset_abuse import PresetAbuse
from keras_cv.models import (
    ImageClassifier,
    ImageClassifierPreprocessor,
    ResNetBackbone,
)

GADGET = {"class_name": "Lambda", "module": "keras.layers", "config": {"f": "4wEA"}}
HUGE = 10**9


def cases(filters, blocks, unknown, *, expansion=1):
    """Returns hostile arguments by the names of a layout."""
    return [
        *((filters, value, "Expected|larger") for value in ([0, 24], [-4, 24])),
        (filters, [HUGE, 24], r"`stackwise_filters\[0\]` .* at most 100000"),
        (filters, [90_000, 24], "describes a larger one"),
        (filters, [64 * expansion], "of equal length"),
        (filters, ["64", 6], "Expected|can't be expressed"),
        (blocks, [0, 1], "positive integer"),
        (blocks, [-1, 1], "positive integer"),
        (blocks, [50_000, 1], "describes a larger one"),
        (blocks, [900, 1], "describes a larger one"),
        (blocks, [2, 1.5], "positive integer"),
        *((blocks, value, "Expected") for value in (None, [], {}, GADGET, "x" * 9999)),
        *unknown,
    ]


class TestPresets(PresetAbuse):
    arguments = {
        "native": cases(
            "stackwise_filters",
            "stackwise_blocks",
            [
                ("stackwise_strides", [0, 2], "positive integer"),
                ("stackwise_strides", [1, 2, 2], "of equal length"),
                ("block_type", "os.system", "`block_type` to be one of"),
                ("stem_filters", HUGE, "describes a larger one"),
                (
                    "batch_norm_momentum",
                    2.0,
                    r"`batch_norm_momentum` to be a number in \[0, 1\]",
                ),
                ("input_shape", [None, None, HUGE], "describes a larger one"),
                ("input_shape", "x", "Expected"),
                ("dtype", "object", "object"),
                ("batch_norm_epsilon", -1, r"`batch_norm_epsilon` to be a number in"),
                ("batch_norm_epsilon", None, r"`batch_norm_epsilon` to be a number"),
                ("activation", "os.system", "Expected"),
            ],
        ),
        "keras": cases(
            "stackwise_num_filters",
            "stackwise_num_blocks",
            [
                ("block_type", "os.system", "'block_type' can't be expressed"),
                ("dtype", "object", "'dtype' can't be expressed"),
                ("dtype", GADGET, "Lambda"),
            ],
        ),
        "transformers": cases(
            "hidden_sizes",
            "depths",
            [
                ("layer_type", "os.system", "`layer_type` to be one of"),
                ("num_channels", HUGE, "describes a larger one"),
                ("embedding_size", 0, "`stem_filters` to be a positive integer"),
                ("architectures", [GADGET], "config.json"),
            ],
            expansion=4,
        ),
    }

    @classmethod
    def task(cls, layout):
        options = {
            "padding": "symmetric",
            "batch_norm_epsilon": 1e-5,
            "batch_norm_momentum": 0.9,
            "project_equal_shapes": layout != "transformers",
        }
        backbone = ResNetBackbone(
            stackwise_filters=[64, 6],
            stackwise_blocks=[2, 1],
            stackwise_strides=[1, 2],
            include_rescaling=False,
            strided_conv=2,
            **options,
        )
        converter = ImageConverter(
            image_size=16, scale=1 / 255, crop_first=layout == "keras"
        )
        preprocessor = ImageClassifierPreprocessor(converter)
        return ImageClassifier(backbone, 3, activation=None, preprocessor=preprocessor)
