"""Writes an augmentation layer of one's own, in a few lines.

    hatch run python examples/custom_augmentation.py

The layer says what happens to a value. It then works on NumPy arrays, in `tf.data`, in
the workers of any loader and inside a compiled model, with boxes and all other labels.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np

import keras_cv
from keras_cv.layers import ValueAugmentation


class RandomGamma(ValueAugmentation):
    """Raises values to a random power."""

    def sample(self, draws, batch):
        return {"power": draws.between(0.5, 2.0)}

    def change_values(self, values, parameters, statistics, ops):
        low, high = self.value_range
        share = (values - low) / (high - low)
        return low + (high - low) * share ** parameters["power"]


def main() -> None:
    """Applies the layer to a batch in three places, and compares."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 64, 64, 3), dtype="uint8")
    layer = RandomGamma(seed=0)

    on_host, parameters = layer(images, return_parameters=True)
    print("on the host  ", on_host.dtype, on_host.shape, parameters["power"].round(2))

    # The same again, on tensors of the backend.
    tensors = keras.ops.convert_to_tensor(images)
    on_device = keras.ops.convert_to_numpy(layer(tensors, parameters=parameters))
    difference = np.abs(on_host.astype(int) - on_device.astype(int)).max()
    print("on the device", on_device.dtype, on_device.shape, "differs by", difference)
    assert difference <= 1

    # In a model it follows the model's flag.
    model = keras.Sequential([keras.Input((64, 64, 3), dtype="uint8"), layer])
    np.testing.assert_array_equal(model.predict(images, verbose=0), images)

    # With other layers, boxes and all: geometry is resampled once.
    augmenter = keras_cv.layers.Augmenter(
        [
            keras_cv.layers.RandomFlip(seed=1, bounding_box_format="xyxy"),
            keras_cv.layers.RandomRotation(0.1, seed=2, bounding_box_format="xyxy"),
            layer,
        ]
    )
    boxes = {"boxes": [[[8, 8, 40, 40]]] * 4, "classes": [[0]] * 4}
    outputs = augmenter({"images": images, "bounding_boxes": boxes})
    print("boxes")
    print(outputs["bounding_boxes"]["boxes"][:, 0].round(1))


if __name__ == "__main__":
    main()
