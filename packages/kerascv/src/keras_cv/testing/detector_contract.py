"""What every detector promises."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np
import pytest

from domain_core.testing import TaskContract
from domain_core.testing.values import assert_close, to_numpy
from keras_cv.testing.shapes import SHAPES, draw_shapes

SIZE, COUNT = 64, 8
LEARNED = 0.95


class DetectorContract(TaskContract):
    """Inherited by the test of a detector.

    One training step of 8 images of 64 x 64 pixels is compiled, and one prediction.

    Attributes:
        cls: the detector's class.
        learning_rate: of Adam.
    """

    cls: ClassVar[Any]
    learning_rate: ClassVar[float] = 3e-3

    @classmethod
    def make(cls, **options: Any) -> Any:
        """Returns a tiny detector of two classes; options go to the constructor."""
        raise NotImplementedError

    @classmethod
    def samples(cls) -> tuple[Any, Any]:
        return draw_shapes(COUNT, SIZE, seed=3)  # six rectangles and five discs

    @pytest.fixture(scope="class")
    @classmethod
    def task(cls) -> Any:
        """A detector that has learned the samples, if it does so in 200 steps."""
        task = cls.make(class_names=SHAPES)
        task.compile(optimizer=keras.optimizers.Adam(cls.learning_rate))
        x, y = cls.samples()
        for _ in range(4):
            task.fit(x, y, batch_size=COUNT, epochs=50, verbose=0)
            if cls.score(task) >= LEARNED:
                break
        return task

    @classmethod
    def score(cls, task: Any) -> float:
        """Returns the mean average precision on the samples."""
        from keras_cv.metrics import coco_metrics

        x, y = cls.samples()
        found = task.predict(x, batch_size=COUNT, verbose=0)
        return float(coco_metrics(y, found, "xyxy")["MaP@[IoU=50]"])

    @pytest.mark.backends
    def test_learns_a_few_images(self, task: Any) -> None:
        assert self.score(task) >= LEARNED
        x, y = self.samples()
        found = task.predict(x, batch_size=COUNT, verbose=0)
        named = task.name_predictions(found)
        for image, classes in zip(named, y["classes"], strict=True):
            name, confidence, box = image[0]  # the surest
            assert name in {SHAPES[label] for label in classes}
            assert confidence > 0.3 and len(box) == 4

    @pytest.mark.backends
    def test_degenerate_batches(self, task: Any) -> None:
        """Losses are numbers, and weights stay such."""
        x, _ = self.samples()
        # On the step that is compiled already.
        learned = [to_numpy(w).copy() for w in task.weights]
        batches: dict[str, Any] = {
            "no boxes": [],
            "zero area": [[10, 10, 10, 30], [5, 5, 5, 5]],
            "outside": [[-50, -50, -20, -20], [60, 60, 90, 90]],
            "all": [[0, 0, SIZE, SIZE]],
            "tiny": [[3, 3, 3.5, 3.5]],
            "many of one": [[8, 8, 40, 40]] * 16,
        }
        for name, rows in batches.items():
            boxes = np.array(rows, "float32").reshape(-1, 4)
            y = {"boxes": [boxes] * COUNT, "classes": [np.zeros(len(rows))] * COUNT}
            logs = task.train_on_batch(x, y, return_dict=True)
            assert np.isfinite(list(logs.values())).all(), name
        assert all(np.isfinite(to_numpy(w)).all() for w in task.weights)
        task.set_weights(learned)

    def test_padding_changes_nothing(self, task: Any) -> None:
        x, y = self.samples()
        pixels, boxes, _ = task.preprocess_samples(x, y)
        more = {
            "boxes": np.pad(
                boxes["boxes"], ((0, 0), (7, 20), (0, 0)), constant_values=-1
            ),
            "classes": np.pad(boxes["classes"], ((0, 0), (7, 20)), constant_values=-1),
        }
        outputs = task(pixels)
        first, second = (
            to_numpy(task.compute_loss(keras.ops.convert_to_tensor(pixels), y, outputs))
            for y in (boxes, more)
        )
        assert_close(first, second, rtol=1e-5, atol=1e-6)

    def test_predicts_raw_samples(self, task: Any) -> None:
        """Boxes come back in the pixels of the images as they came."""
        x, _ = self.samples()
        found = task.predict(x, batch_size=COUNT, verbose=0)
        decoded = task.decode_predictions(task(x.astype("float32")), x)
        for key in ("classes", "confidence"):
            assert_close(found[key], decoded[key], rtol=1e-4, atol=1e-4)
        wide = [np.pad(image, ((0, 20), (0, 40), (0, 0))) for image in x[:2]]
        again = task.predict({"images": wide}, verbose=0)
        assert again["boxes"].shape == found["boxes"][:2].shape
        corners = again["boxes"][again["classes"] >= 0]
        assert (corners >= 0).all() and (corners <= [104, 84, 104, 84]).all()

    def test_a_saved_detector_is_compiled_as_before(self, tmp_path: Any) -> None:
        task = self.make()
        task.compile(optimizer=keras.optimizers.SGD(0.5), box_loss_weight=3.0)
        task.save(tmp_path / "task.keras")
        again = keras.saving.load_model(tmp_path / "task.keras")
        assert again.loss_weights == task.loss_weights
        assert again.loss_weights["box_loss"] == 3
        assert float(again.optimizer.learning_rate) == 0.5
        for name in ("box_loss", "classification_loss"):
            ours, theirs = getattr(again, name), getattr(task, name)
            assert type(ours) is type(theirs)
            assert ours.get_config() == theirs.get_config()

    def test_a_recipe_draws_the_same_again(self) -> None:
        from keras_cv.models import DetectionRecipe

        x, y = self.samples()
        task, batches = self.make(), []
        for _ in range(2):
            task.compile(recipe=DetectionRecipe(steps=2, seed=3))
            batches += [task.preprocess_training_samples(x, y)[0] for _ in range(2)]
        assert not np.array_equal(batches[0], batches[1])
        np.testing.assert_array_equal(batches[:2], batches[2:])

    def test_a_recipe_with_another_optimizer(self) -> None:
        from keras_cv.models import DetectionRecipe

        x, y = self.samples()
        task = self.make()
        optimizer = keras.optimizers.SGD(1e-4)
        task.compile(optimizer=optimizer, recipe=DetectionRecipe(steps=2))
        logs = task.fit(x, y, validation_data=(x, y), batch_size=COUNT, verbose=0)
        assert np.isfinite(logs.history["val_loss"]).all()

    def test_initial_probability(self) -> None:
        x, _ = self.samples()
        task = self.make(compile=False)
        _, scores = task.decode_boxes(task(x.astype("float32")), x.shape[1:3])
        scores = to_numpy(scores)
        if scores.min() < 0 or scores.max() > 1:
            scores = 1 / (1 + np.exp(-scores))
        assert 0.003 < np.median(scores) < 0.03

    @pytest.mark.parametrize(
        "y, message",
        [
            ({"boxes": [[[0, 0, 4, 4]]] * 2, "classes": [[2]] * 2}, "num_classes"),
            ({"boxes": [[[0, 0, 4, 4]]] * 2, "classes": [[0.5]] * 2}, "classes"),
            ({"boxes": [[[0, 0, 4, 4]]] * 2}, "classes"),
            (None, "boxes"),
        ],
    )
    def test_labels_that_do_not_fit(self, y: Any, message: str) -> None:
        x, _ = self.samples()
        with pytest.raises(ValueError, match=message):
            self.make().fit(x[:2], y, verbose=0)

    def test_arguments_that_do_not_fit(self) -> None:
        for options, message in (
            ({"num_classes": 0}, "num_classes"),
            ({"class_names": ["one"]}, "class_names"),
            ({"bounding_box_format": "xyz"}, "xyz"),
        ):
            with pytest.raises(ValueError, match=message):
                self.make(**options)
