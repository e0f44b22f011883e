"""What all backbones for images have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import keras

from domain_core import Backbone
from domain_core.arguments import as_positive_int
from keras_cv.models import keras_applications

_FROM_BYTES = 1 / 255
# No stage of a published network is deeper or wider by far.
_MAX_STAGEWISE = 100_000


class ImageBackbone(Backbone):
    """Images `(B, H, W, C)` to features `(B, h, w, D)`, with a pyramid of levels.

    Level "P3" holds features at an eighth of the image's size, 2 to the power of 3, and
    so on. A subclass makes its input by `image_input`.

    Args:
        inputs: the first of what `image_input` returned.
        outputs: the last features.
        pyramid_level_inputs: name of the layer that gives each level, by level.
        name: name of the model.
        trainable: whether its weights train.
        dtype: dtype policy.

    Attributes:
        pyramid_level_inputs: as above.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        pyramid_level_inputs: Mapping[str, str],
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(inputs, outputs, name=name, trainable=trainable, dtype=dtype)
        self.pyramid_level_inputs = dict(pyramid_level_inputs)

    @property
    def pyramid_outputs(self) -> dict[str, Any]:
        """The symbolic output of each level.

        `keras.Model(backbone.input, backbone.pyramid_outputs)` computes them all.
        """
        return {
            level: self.get_layer(name).output
            for level, name in self.pyramid_level_inputs.items()
        }

    @classmethod
    def from_keras_applications(cls, model: keras.Model) -> Self:
        """Returns a backbone with the weights of a model of `keras.applications`.

        Its arguments are read off the model: any size that Keras has, of any width. A
        head is left out; `ImageClassifier` has a function of this name that keeps it.

        Args:
            model: what a function of `keras.applications` returned, made with
                `include_preprocessing=False`: images are to be scaled by whoever uses
                the backbone, as the documentation of that function says.

        Raises:
            PresetCorruptError: if weights do not fit the backbone one to one.
            ValueError: if the model is not of this family, or of none that is here.

        Example:
            >>> model = keras.applications.MobileNetV3Small(
            ...     weights=None,  # "imagenet" downloads them
            ...     include_top=False, include_preprocessing=False,
            ...     input_shape=(64, 64, 3),
            ... )
            >>> backbone = keras_cv.models.ImageBackbone.from_keras_applications(model)
            >>> type(backbone).__name__, backbone.output_shape
            ('MobileNetV3Backbone', (None, None, None, 576))
        """
        return keras_applications.read_backbone(cls, model)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        shape, channels = tuple(inputs.shape), self.input_shape[-1]
        if len(shape) != 4 or 0 in shape[1:3] or shape[3] != channels:
            raise ValueError(
                f"Expected images (images, height, width, {channels}) of at least "
                f"1 x 1 pixels, received shape {shape}. Stack single images, leave out "
                "empty ones, and convert them to the model's number of channels."
            )
        return super().call(inputs, training=training, mask=mask)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments but `input_tensor`, which is no value."""
        config = {**super().get_config(), "input_shape": tuple(self.input_shape[1:])}
        config.pop("input_tensor", None)
        return config


def image_input(
    input_shape: Sequence[int | None],
    input_tensor: Any,
    include_rescaling: bool,
    dtype: Any,
) -> tuple[Any, Any]:
    """Makes the input of a backbone.

    Args:
        input_shape: height, width and channels; sizes may be None.
        input_tensor: a `keras.Input` to start from instead, or None.
        include_rescaling: whether to divide pixels by 255.
        dtype: the backbone's dtype policy.

    Returns:
        The input, and what the first layer gets.

    Raises:
        ValueError: if the shape has no three entries or no number of channels.
    """
    inputs = input_tensor
    if inputs is None:
        shape = tuple(input_shape)
        if len(shape) != 3 or not isinstance(shape[2], int) or shape[2] < 1:
            raise ValueError(
                "Expected `input_shape` to be (height, width, channels), sizes None "
                f"where any will do, received {input_shape!r}. Pass (None, None, 3) "
                "for colour images of any size."
            )
        inputs = keras.Input(shape, name="images")
    if not include_rescaling:
        return inputs, inputs
    rescaling = keras.layers.Rescaling(_FROM_BYTES, dtype=dtype, name="rescaling")
    return inputs, rescaling(inputs)


def pyramid_by_stride(layers: Sequence[Any]) -> dict[str, str]:
    """Returns the name of the last layer of each stride, by level, from "P1" on.

    Args:
        layers: layers one after the other, each with an `output_stride`.

    Raises:
        ValueError: if a stride is no power of 2, which has no level.
    """
    stride, levels = 1, {}
    for layer in layers:
        stride *= layer.output_stride
        if stride & (stride - 1):
            raise ValueError(
                "Expected strides that are powers of 2, as levels of a pyramid are, "
                f"received {stride} pixels of the image per pixel of a feature map."
            )
        if stride > 1:
            levels[f"P{stride.bit_length() - 1}"] = layer.name
    return levels


def check_patches(shape: Sequence[int | None], patch: tuple[int, int]) -> None:
    """Raises ValueError if images are known not to be filled by patches.

    Args:
        shape: of images, `(B, H, W, C)`.
        patch: height and width of a patch.
    """
    for length, size in zip(tuple(shape)[1:3], patch, strict=False):
        if isinstance(length, int) and length % size:
            raise ValueError(
                "Expected images whose height and width are multiples of "
                f"`patch_size`, {patch[0]} x {patch[1]}, received shape "
                f"{tuple(shape)}. Resize or pad them."
            )


def check_stackwise(
    checks: Mapping[str, Callable[[str, Any], Any]] | None = None,
    /,
    **lists: Sequence[Any],
) -> None:
    """Raises ValueError unless lists are of positive ints and of equal length.

    Args:
        checks: by the name of a list of something else, what raises ValueError unless
            a value, given with its name, is right.
        **lists: one value per stage, by name of the argument.
    """
    for name, values in lists.items():
        check = (checks or {}).get(name, _check_count)
        for index, value in enumerate(values):
            check(f"{name}[{index}]", value)
    lengths = {len(values) for values in lists.values()}
    if len(lengths) > 1 or 0 in lengths:
        raise ValueError(
            "Expected lists with one value per stage, of equal length, received "
            f"{lists}."
        )


def _check_count(name: str, value: Any) -> None:
    as_positive_int(name, value, _MAX_STAGEWISE)
