"""How detectors are trained so that they learn."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np

from domain_core.arguments import as_fraction, as_positive_int, check_choices
from domain_core.weights.weight_paths import layers_of
from keras_cv.bounding_box.dense import to_dense
from keras_cv.layers import preprocessing as layers

_BATCH_NORMS = ("batch", "frozen", "synchronized")


@dataclasses.dataclass(frozen=True)
class DetectionRecipe:
    """Optimizer and augmentation for a detector: `detector.compile(recipe=...)`.

    The learning rate rises from 0 to its peak, and then falls along half a cosine.
    Gradients are clipped, weights decay, and what is kept in the end, and evaluated in
    between, is the moving average of the weights. Images are put together by four,
    flipped, zoomed and moved, and change their colours.

    Args:
        steps: batches of the whole training: epochs times batches per epoch.
        learning_rate: the peak.
        warmup_steps: batches until it is reached; None for a twentieth of all, at most
            1,000.
        weight_decay: of AdamW.
        global_clipnorm: largest norm of all gradients together.
        ema_momentum: share of the old average that each step keeps, in [0, 1]; 0 for no
            average. In the first steps it is the weights that count.
        mosaic: share of batches that are put together by four, in [0, 1].
        flip: "horizontal", "horizontal_and_vertical" or None.
        zoom: smallest and largest scale.
        colour: strength of changes of brightness, contrast, saturation and hue, in
            [0, 1]; 0 for none.
        batch_norm: how the backbone normalizes: "batch", by each batch; "frozen", by
            what it has seen before, for small batches on a trained backbone; or
            "synchronized", by the batches of all devices together, for TensorFlow's
            strategies alone.
        seed: of the augmentation.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> recipe = keras_cv.models.DetectionRecipe(steps=300, learning_rate=1e-3)
        >>> round(float(recipe.optimizer().learning_rate), 6)
        0.0
    """

    steps: int
    learning_rate: float = 1e-3
    warmup_steps: int | None = None
    weight_decay: float = 5e-4
    global_clipnorm: float = 10.0
    ema_momentum: float = 0.99
    mosaic: float = 0.5
    flip: str | None = "horizontal"
    zoom: tuple[float, float] = (0.75, 1.25)
    colour: float = 0.3
    batch_norm: str = "batch"
    seed: int | None = None

    def __post_init__(self) -> None:
        as_positive_int("steps", self.steps)
        for name in ("ema_momentum", "mosaic", "colour"):
            as_fraction(name, getattr(self, name))
        check_choices(batch_norm=(self.batch_norm, _BATCH_NORMS))

    def optimizer(self) -> keras.optimizers.Optimizer:
        """Returns a new optimizer."""
        warmup = self.warmup_steps
        if warmup is None:
            warmup = min(max(self.steps // 20, 1), 1000)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0,
            max(self.steps - warmup, 1),
            alpha=0.01,
            warmup_target=self.learning_rate,
            warmup_steps=warmup,
        )
        averages = {"use_ema": True, "ema_momentum": self.ema_momentum}
        return keras.optimizers.AdamW(
            rate,
            weight_decay=self.weight_decay,
            global_clipnorm=self.global_clipnorm,
            **(averages if self.ema_momentum else {}),
        )

    def set_batch_norm(self, backbone: keras.Model) -> None:
        """Makes the batch normalizations of a backbone what `batch_norm` says.

        Raises:
            ValueError: if they are to be synchronized where Keras can't: on torch, and
                on JAX, where nothing is to do.
        """
        synchronized = self.batch_norm == "synchronized"
        if synchronized:
            try:
                keras.ops.moments(keras.ops.zeros((1, 1)), 0, synchronized=True)
            except NotImplementedError as error:
                raise ValueError(
                    'Expected `batch_norm` to be "batch" or "frozen" on this backend, '
                    'received "synchronized". On JAX a batch is one, whatever devices '
                    'it lies on; on torch take "frozen" where batches are small.'
                ) from error
        for layer in layers_of(backbone):
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = backbone.trainable and self.batch_norm != "frozen"
                layer.synchronized = synchronized

    def augmentation(self, bounding_box_format: str) -> DetectionAugmentation:
        """Returns what changes batches at random, each time from the same start.

        Args:
            bounding_box_format: of boxes.
        """
        return DetectionAugmentation(self, bounding_box_format)


class DetectionAugmentation:
    """Changes batches of images and boxes at random, as a recipe says.

    Call arguments:
        images: `(B, H, W, C)` in [0, 255].
        boxes: dense, see `ObjectDetectorPreprocessor`.

    Returns:
        Both, of the same shape but for the number of boxes.

    Args:
        recipe: a `DetectionRecipe`.
        bounding_box_format: of boxes.
    """

    def __init__(self, recipe: DetectionRecipe, bounding_box_format: str) -> None:
        seeds = np.random.SeedSequence(recipe.seed).generate_state(5).tolist()
        options: dict[str, Any] = {"bounding_box_format": bounding_box_format}
        self._recipe, self._options, self._seeds = recipe, options, seeds
        self._draw = np.random.default_rng(seeds[0])
        self._mosaic = layers.Mosaic(**options, seed=seeds[1])
        self._others: dict[tuple[int, ...], layers.Augmenter] = {}

    def __call__(
        self, images: np.ndarray, boxes: dict[str, Any]
    ) -> tuple[np.ndarray, dict[str, Any]]:
        batch = {"images": images, "bounding_boxes": dict(boxes)}
        if self._draw.random() < self._recipe.mosaic:
            batch = self._mosaic(batch, training=True)
        shape = images.shape[1:]
        if shape not in self._others:
            self._others[shape] = self._for_shape(*shape)
        batch = self._others[shape](batch, training=True)
        return np.asarray(batch["images"]), to_dense(batch["bounding_boxes"])

    def _for_shape(self, height: int, width: int, channels: int) -> layers.Augmenter:
        recipe, (*_, flip, zoom, colour) = self._recipe, self._seeds
        chosen: list[Any] = []
        if recipe.flip:
            chosen.append(layers.RandomFlip(recipe.flip, **self._options, seed=flip))
        if recipe.zoom != (1, 1):
            size = (height, width)
            chosen.append(
                layers.JitteredResize(size, recipe.zoom, **self._options, seed=zoom)
            )
        if recipe.colour and channels == 3:
            spread = recipe.colour / 2
            chosen.append(
                layers.RandomColorJitter(
                    value_range=(0, 255),
                    brightness_factor=spread,
                    contrast_factor=recipe.colour,
                    saturation_factor=(0.5 - spread, 0.5 + spread),
                    hue_factor=recipe.colour * 0.1,
                    seed=colour,
                )
            )
        return layers.Augmenter(chosen)
