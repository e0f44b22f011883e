"""Published CSPDarkNet weights, and the sizes of YOLOX without weights."""

from __future__ import annotations

from domain_core import Preset

# Channels and depth per stage, parameters, names.
_ROWS = [
    ([48, 96, 192, 384], [1, 3, 3, 1], 2380416, "tiny tiny_imagenet"),
    ([64, 128, 256, 512], [1, 3, 3, 1], 4223488, "s"),
    ([96, 192, 384, 768], [2, 6, 6, 2], 12374400, "m"),
    ([128, 256, 512, 1024], [3, 9, 9, 3], 27111424, "l l_imagenet"),
    ([170, 340, 680, 1360], [4, 12, 12, 4], 56837970, "xl"),
]

PRESETS = {
    f"csp_darknet_{name}": Preset(
        description=f"CSPDarkNet {'on ImageNet-1k' if trained else 'untrained'}.",
        config={
            "stackwise_channels": channels,
            "stackwise_depth": depth,
            "include_rescaling": True,
        },
        handle=f"kaggle://keras/cspdarknet/keras/csp_darknet_{name}/2"
        if trained
        else None,
        parameters=parameters,
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/2107.08430",
        origin="the Keras team",
        # The size of the training images is not known: this is the usual one.
        image_converter={"image_size": (224, 224)},
        unverified=("handle", "licence", "image_converter"),
    )
    for channels, depth, parameters, names in _ROWS
    for name in names.split()
    for trained in ["imagenet" in name]
}
