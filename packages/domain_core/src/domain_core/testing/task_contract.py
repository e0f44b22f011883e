"""What every task promises."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from domain_core.testing.values import assert_close


class TaskContract:
    """Inherited by the test of a task.

    Attributes:
        cls: the task's class.
    """

    cls: ClassVar[Any]

    @classmethod
    def make(cls) -> Any:
        """Returns a task with a preprocessor, compiled as a user gets it."""
        raise NotImplementedError

    @classmethod
    def samples(cls) -> tuple[Any, Any]:
        """Returns raw samples, an odd number of them, and their labels (or None)."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def task(cls) -> Any:
        """A task that has been fitted for one epoch."""
        task = cls.make()
        x, y = cls.samples()
        history = task.fit(x, y, batch_size=8, verbose=0)
        assert np.isfinite(history.history["loss"]).all()
        return task

    def test_predicts_raw_samples(self, task: Any) -> None:
        x, _ = self.samples()
        whole = task.predict(x, batch_size=8, verbose=0)
        inputs, _, _ = task.preprocess_samples(x)
        assert_close(whole, task(inputs), rtol=1e-4, atol=1e-5)

    def test_a_batch_passes_once(self, task: Any, monkeypatch: Any) -> None:
        """Keras traces a model on every batch that has layers which are not built."""
        x, y = self.samples()
        weights = task.get_weights()
        calls: list[bool] = []
        call = type(task).call

        def counting(self: Any, *args: Any, **kwargs: Any) -> Any:
            calls.append(self is task)
            return call(self, *args, **kwargs)

        monkeypatch.setattr(type(task), "call", counting)
        task.train_on_batch(x, y)
        task.set_weights(weights)
        assert sum(calls) == 1

    def test_config_makes_an_equal_task(self, task: Any) -> None:
        again = type(task).from_config(task.get_config())
        assert set(again.get_config()) == set(task.get_config())

    def test_preset_round_trip(self, task: Any, tmp_path: Any) -> None:
        x, _ = self.samples()
        task.save_to_preset(tmp_path / "preset")
        again = self.cls.from_preset(tmp_path / "preset")
        assert_close(
            again.predict(x, batch_size=8, verbose=0),
            task.predict(x, batch_size=8, verbose=0),
            rtol=1e-6,
            atol=1e-6,
        )

    def test_keras_file_round_trip(self, task: Any, tmp_path: Any) -> None:
        import keras

        x, _ = self.samples()
        task.save(tmp_path / "task.keras")
        again = keras.saving.load_model(tmp_path / "task.keras")
        assert type(again) is type(task)
        assert_close(
            again.predict(x, batch_size=8, verbose=0),
            task.predict(x, batch_size=8, verbose=0),
            rtol=1e-6,
            atol=1e-6,
        )


class MaskedLMContract(TaskContract):
    """Inherited by the test of a masked language model, whose masks are drawn anew."""

    def test_predicts_raw_samples(self, task: Any) -> None:
        x, _ = self.samples()
        _, ids, _ = task.preprocess_samples(x)
        scores = task.predict(x, batch_size=4, verbose=0)
        assert scores.shape == (*ids.shape, task.backbone.vocabulary_size)
        again = task.predict(x, batch_size=4, verbose=0)
        assert not np.array_equal(again, scores)

    def test_preset_round_trip(self, task: Any, tmp_path: Any) -> None:
        task.save_to_preset(tmp_path / "preset")
        again = self.cls.from_preset(tmp_path / "preset")
        inputs, _, _ = task.preprocess_samples(self.samples()[0])
        assert_close(again(inputs), task(inputs), rtol=0, atol=0)

    def test_keras_file_round_trip(self, task: Any, tmp_path: Any) -> None:
        import keras

        task.save(tmp_path / "task.keras")
        again = keras.saving.load_model(tmp_path / "task.keras")
        inputs, _, _ = task.preprocess_samples(self.samples()[0])
        assert_close(again(inputs), task(inputs), rtol=1e-6, atol=1e-6)
