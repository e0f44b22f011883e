"""Images as tensors of the backend of Keras, whichever that is."""

from __future__ import annotations

from typing import Any

from domain_core.arrays import operations
from keras_cv.augmentation.sample_loops import JaxLoops, TensorFlowLoops
from keras_cv.augmentation.tensor_engine import TensorEngine


class KerasEngine(TensorEngine):
    """On tensors of the backend, also while they are traced."""

    draws_from_backend = True

    def __init__(self) -> None:
        super().__init__(operations.KERAS)


class JaxEngine(JaxLoops, KerasEngine):
    """On arrays of JAX, also while they are traced."""

    flips_by_reversing = True

    def mix_channels(self, images: Any, matrices: Any) -> Any:
        # A tenth of the time of products with matrices as small as these.
        values = self.ops.cast(images, "float32")
        mixed = sum(
            values[..., channel : channel + 1] * matrices[:, None, None, :, channel]
            for channel in range(images.shape[-1])
        )
        return self.as_dtype(mixed, images.dtype)


class TensorFlowBackendEngine(TensorFlowLoops, KerasEngine):
    """On tensors of the backend where that is TensorFlow, also compiled by XLA."""
