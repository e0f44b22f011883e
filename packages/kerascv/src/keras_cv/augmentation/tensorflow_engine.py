"""Images as TensorFlow tensors, in graphs that run without Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain_core.arrays import operations
from domain_core.arrays.operations import is_uint8
from keras_cv.augmentation.sample_loops import TensorFlowLoops, tensorflow_map
from keras_cv.augmentation.tensor_engine import TensorEngine
from keras_cv.augmentation.transform import Transform, about, inverse

# What TensorFlow's warp takes.
_WARPS = ("uint8", "int32", "int64", "float32")


class TensorFlowEngine(TensorFlowLoops, TensorEngine):
    """On TensorFlow tensors, whatever the backend of Keras is."""

    def __init__(self) -> None:
        super().__init__(operations.tensorflow_operations())

    def each(
        self, function: Callable[..., Any], images: Any, rows: Any, dtype: Any = None
    ) -> Any:
        return tensorflow_map(function, images, rows, dtype)

    def each_looked_up(
        self, function: Callable[..., Any], images: Any, rows: Any
    ) -> Any:
        return self.each(function, images, rows)

    def _warp_axes(
        self,
        images: Any,
        transform: Transform,
        size: tuple[Any, Any],
        interpolation: str,
    ) -> Any:
        import tensorflow as tf

        if not transform.is_stretch or interpolation != "bilinear":
            return super()._warp_axes(images, transform, size, interpolation)
        ops = self.ops
        if transform.window is not None:
            window = ops.unstack(ops.cast(transform.window[0], "int32"))
            left, top, right, bottom = window
            images = images[:, top:bottom, left:right]
        return tf.raw_ops.ResizeBilinear(
            images=ops.cast(images, "float32"),
            size=ops.stack(size),
            half_pixel_centers=True,
        )

    def warp_points(
        self,
        images: Any,
        transform: Transform,
        size: tuple[Any, Any],
        interpolation: str,
    ) -> Any:
        import tensorflow as tf

        mode, ops = transform.fill_mode, self.ops
        if interpolation == "bilinear":
            images = ops.cast(images, "float32")
        is_known = images.dtype.name in _WARPS
        is_slow = transform.along is not None and interpolation == "bilinear"
        if transform.window is not None or mode == "wrap" or not is_known or is_slow:
            return super().warp_points(images, transform, size, interpolation)
        # TensorFlow counts from the centre of the first pixel.
        half = transform.matrix[:, 0, 0] * 0.0 + 0.5
        back = about(inverse(transform.matrix, ops), -half, -half, ops)
        entries = ops.reshape(back, (-1, 9))
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=entries[:, :8] / entries[:, 8:],
            output_shape=ops.stack(size),
            interpolation=interpolation.upper(),
            fill_mode=mode.upper(),
            fill_value=transform.fill_value,
        )

    def convolve(
        self, values: Any, x_kernels: Any, y_kernels: Any, reaches: tuple[int, int]
    ) -> Any:
        import tensorflow as tf

        ops = self.ops
        batch, height, width, channels = ops.shape(values)
        # The images become channels of one, each with kernels of its own.
        values = ops.transpose(ops.reshape(values, (batch, -1)))
        values = ops.reshape(values, (1, height, width, channels * batch))
        for axis, kernels in ((1, y_kernels), (2, x_kernels)):
            reach = reaches[axis - 1]
            pads = [[0, 0]] * 4
            pads[axis] = [reach, reach]
            weights = ops.tile(ops.transpose(kernels), (1, channels))
            weights = ops.expand_dims(weights[:, :, None], 2 - axis)
            values = tf.nn.depthwise_conv2d(values, weights, [1, 1, 1, 1], pads)
        _, height, width, _ = ops.shape(values)
        values = ops.transpose(ops.reshape(values, (-1, batch)))
        return ops.reshape(values, (batch, height, width, channels))

    def compress(
        self, images: Any, value_range: tuple[float, float], quality: Any
    ) -> Any:
        import tensorflow as tf

        ops = self.ops
        low, high = value_range
        levels = images
        if not is_uint8(images.dtype):
            scaled = (ops.cast(images, "float32") - low) * (255 / (high - low))
            levels = self.as_dtype(scaled, "uint8")

        def run(sample: tuple[Any, Any]) -> Any:
            # Not the fast and rougher way that is the default here.
            return tf.image.adjust_jpeg_quality(*sample, dct_method="INTEGER_ACCURATE")

        decoded = tf.map_fn(run, (levels, quality), fn_output_signature=levels.dtype)
        decoded = ops.reshape(decoded, ops.shape(images))
        if is_uint8(images.dtype):
            return decoded
        values = ops.cast(decoded, "float32") * ((high - low) / 255) + low
        return self.as_dtype(values, images.dtype)
