"""A Keras model whose `fit`, `evaluate` and `predict` take raw samples."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import keras
import numpy as np

from domain_core.arguments import as_positive_int
from domain_core.pipeline.batches import BatchDataset
from domain_core.pipeline.class_weights import add_class_weights
from domain_core.pipeline.fault_safety import FaultSafeModel
from domain_core.pipeline.padding import RowPadding
from domain_core.pipeline.samples import (
    Samples,
    as_arrays,
    as_samples,
    count_samples,
    unpack,
)
from domain_core.pipeline.sources import (
    ArraySource,
    Source,
    as_targets,
    open_source,
)


class PipelineModel(FaultSafeModel):
    """A functional Keras model that is trained and run on raw samples.

    `fit`, `evaluate`, `predict` and the `_on_batch` methods take what Keras takes, in
    the same arguments, and also Python lists (of strings, numbers, or images of
    different sizes), dicts and tuples of lists and arrays, and `tf.data`, `PyDataset`,
    torch and Grain datasets of raw batches. Batches go through `preprocess_samples` in
    a background thread, ahead of the model.

    Training and evaluation see the batches as they are, so losses, metrics and batch
    statistics are those of Keras on preprocessed arrays. `predict` fills small batches
    up and cuts the outputs, so that it compiles once; `on_predict_batch_end` of a
    callback sees the filled batch. If anything raises, Ctrl-C included, the model keeps
    the weights of the last complete step on every backend.

    Where Keras and this class differ: `class_weight` and `sample_weight` may come
    together and are multiplied; a list is a list of samples, so several inputs or
    targets are passed as a dict or a tuple; a generator without `steps_per_epoch` is
    read into memory and used again in each epoch; a dataset of unknown length that ends
    before its `steps_per_epoch` are done starts over.

    Subclasses write `preprocess_samples` and, for labels that have a range,
    `check_targets`.

    Attributes:
        varying_axes: axes whose length differs from batch to batch, of what
            `preprocess_samples` gives, by place: `{"y['boxes']": (1,)}`. TensorFlow
            would else expect that of the first batches for ever.
    """

    varying_axes: ClassVar[Mapping[str, tuple[int, ...]]] = {}

    @property
    def fills_batches(self) -> bool:
        """Whether small batches cost a compilation, and are better filled up."""
        is_compiled = keras.backend.backend() != "torch" or self.jit_compile
        return bool(is_compiled and not self.run_eagerly)

    def preprocess_samples(
        self, x: Any, y: Any = None, sample_weight: Any = None
    ) -> tuple[Any, Any, Any]:
        """Turns one raw batch into what the model, the loss and the metrics take.

        It is called in a background thread, on lists and NumPy arrays, and must not
        change the model.

        Args:
            x: a batch of inputs.
            y: its targets, or None.
            sample_weight: its weights, or None.

        Returns:
            `(x, y, sample_weight)`, as arrays or lists that stack to arrays.
        """
        return x, y, sample_weight

    def preprocess_training_samples(
        self, x: Any, y: Any = None, sample_weight: Any = None
    ) -> tuple[Any, Any, Any]:
        """Turns one raw batch of `fit` into what the model takes; it may augment it.

        Arguments and results are those of `preprocess_samples`, which it calls.
        Batches of validation, and those of `train_on_batch`, do not come here.
        """
        return self.preprocess_samples(x, y, sample_weight)

    def check_targets(self, y: Any) -> None:
        """Raises ValueError if targets are out of range; `y` is NumPy, never None."""

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:
        """Trains on raw samples; arguments and result are those of Keras."""
        if validation_batch_size is not None:
            as_positive_int("validation_batch_size", validation_batch_size)
        source = open_source(
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            shuffle=shuffle,
            steps=steps_per_epoch,
            passes=max(epochs - initial_epoch, 1),
        )
        validation_source: Source | None = None
        if validation_data is not None:
            validation_source = open_source(
                *unpack(validation_data),
                batch_size=validation_batch_size or batch_size,
                steps=validation_steps,
            )
        elif validation_split:
            source, validation_source = _split(
                source, validation_split, validation_batch_size, validation_steps
            )
        training = self._batches(source, self.preprocess_training_samples, class_weight)
        validation = None
        if validation_source is not None:
            validation = self._batches(validation_source, self.preprocess_samples)
        with self._reading(training, validation):
            self.build_ahead(training[0], training=True)
            return super().fit(
                training,
                epochs=epochs,
                verbose=verbose,
                callbacks=callbacks,
                validation_data=validation,
                shuffle=False,  # the source shuffles samples, Keras would batches
                initial_epoch=initial_epoch,
                steps_per_epoch=steps_per_epoch,
                validation_steps=validation_steps,
                validation_freq=validation_freq,
            )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Evaluates raw samples; arguments and result are those of Keras."""
        options = {
            "verbose": verbose,
            "steps": steps,
            "callbacks": callbacks,
            "return_dict": return_dict,
            **kwargs,
        }
        if isinstance(x, BatchDataset):  # called by `fit`
            return self.evaluate_batches(x, **options)
        source = open_source(x, y, sample_weight, batch_size=batch_size, steps=steps)
        batches = self._batches(source, self.preprocess_samples)
        with self._reading(batches):
            self.build_ahead(batches[0], training=False)
            return self.evaluate_batches(batches, **options)

    def evaluate_batches(self, batches: BatchDataset, **options: Any) -> Any:
        """Evaluates prepared batches, for `evaluate` and for `fit`.

        Args:
            batches: of all samples.
            **options: those of `keras.Model.evaluate`.
        """
        return super().evaluate(batches, **options)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Predicts raw samples; arguments and result are those of Keras."""
        return self._predict(
            x,
            self.preprocess_samples,
            batch_size=batch_size,
            verbose=verbose,
            steps=steps,
            callbacks=callbacks,
        )

    def predict_preprocessed(self, x: Any, *, batch_size: int | None = None) -> Any:
        """Predicts samples that are preprocessed already, as `predict` without a word.

        Args:
            x: arrays as `preprocess_samples` gives them, of all samples.
            batch_size: samples per batch.
        """
        return self._predict(x, lambda x: (x,), batch_size=batch_size, verbose=0)

    def _predict(
        self,
        x: Any,
        preprocess: Callable[[Any], tuple],
        *,
        batch_size: int | None,
        verbose: Any,
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        source = open_source(x, batch_size=batch_size, steps=steps)
        padding = RowPadding(
            getattr(source, "num_samples", None),
            source.batch_size,
            enabled=self.fills_batches,
        )

        def prepare(x: Samples, y: Samples, sample_weight: Samples) -> tuple:
            del y, sample_weight
            return (padding.pad(as_arrays(preprocess(x)[0], "x")),)

        batches = BatchDataset(source, prepare)
        with self._reading(batches):
            outputs = super().predict(
                batches, verbose=verbose, steps=steps, callbacks=callbacks
            )
        return padding.strip(outputs)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Trains on one raw batch; arguments and result are those of Keras."""
        batch = self._prepare_batch(x, y, sample_weight, class_weight)
        with self.variables_kept():
            self.build_ahead(batch, training=True)
            return super().train_on_batch(*batch, return_dict=return_dict)

    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Evaluates one raw batch; arguments and result are those of Keras."""
        batch = self._prepare_batch(x, y, sample_weight)
        with self.variables_kept():
            self.build_ahead(batch, training=False)
            return super().test_on_batch(*batch, return_dict=return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Predicts one raw batch; arguments and result are those of Keras."""
        inputs = as_arrays(self.preprocess_samples(as_samples(x, "x"))[0], "x")
        with self.variables_kept():
            return super().predict_on_batch(inputs)

    def _batches(
        self, source: Source, preprocess: Callable[..., tuple], class_weight: Any = None
    ) -> BatchDataset:
        """Returns the prepared batches of a source, for training or evaluation."""
        targets = source.y if isinstance(source, ArraySource) else None

        def prepare(x: Samples, y: Samples, sample_weight: Samples) -> tuple:
            nonlocal targets
            inputs, labels, weights = preprocess(x, y, sample_weight)
            if isinstance(targets, np.ndarray) and labels is y:
                # Labels reach the model as they came: check all of them at once.
                self.check_targets(targets)
            targets = None
            return self._pack(inputs, labels, weights, class_weight)

        return BatchDataset(source, prepare, self.varying_axes)

    def _prepare_batch(
        self, x: Any, y: Any, sample_weight: Any, class_weight: Any = None
    ) -> tuple:
        batch = (
            as_samples(x, "x"),
            as_targets(y),
            as_samples(sample_weight, "sample_weight"),
        )
        count_samples(*batch)
        return self._pack(*self.preprocess_samples(*batch), class_weight)

    def _pack(self, x: Any, y: Any, sample_weight: Any, class_weight: Any) -> tuple:
        """Returns `(x,)`, `(x, y)` or `(x, y, sample_weight)` as checked arrays."""
        x, y = as_arrays(x, "x"), as_arrays(y, "y")
        if y is not None:
            self.check_targets(y)
        weights = as_arrays(sample_weight, "sample_weight")
        if class_weight is not None:
            weights = add_class_weights(class_weight, y, weights)
        if y is None:
            return (x,)
        if weights is None:
            return x, y
        if isinstance(weights, np.ndarray) and not isinstance(y, np.ndarray):
            # One weight per sample holds for every output.
            weights = keras.tree.map_structure(lambda _: weights, y)
        return x, y, weights

    @contextlib.contextmanager
    def _reading(self, *datasets: BatchDataset | None) -> Iterator[None]:
        """Runs a Keras loop over datasets and leaves the model whole if it raises."""
        opened = [dataset for dataset in datasets if dataset is not None]
        try:
            with self.variables_kept():
                for dataset in opened:
                    dataset[0]  # errors in the data come before anything is compiled
                yield
        except Exception as error:
            # TensorFlow turns what a data source raises into an error of its own.
            if type(error).__module__.startswith("tensorflow"):
                for dataset in opened:
                    if dataset.error is not None:
                        raise dataset.error from None
            raise
        finally:
            for dataset in opened:
                dataset.close()
            # Keras leaves it behind if validation raises, and would use it again.
            self.__dict__.pop("_eval_epoch_iterator", None)


def _split(
    source: Source, fraction: float, batch_size: int | None, steps: int | None
) -> tuple[Source, Source]:
    if not 0.0 < fraction < 1.0:
        raise ValueError(
            "Expected `validation_split` to be a fraction of the samples between 0 and "
            f"1, received {fraction}."
        )
    if not isinstance(source, ArraySource):
        raise ValueError(
            "`validation_split` needs samples in memory, received a dataset. Split the "
            "dataset yourself and pass `validation_data`."
        )
    return source.split(fraction, batch_size=batch_size, steps=steps)
