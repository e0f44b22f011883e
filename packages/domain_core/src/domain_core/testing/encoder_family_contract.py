"""What every family of encoders promises: equal to its references, both ways.

```python
class TestDistilBert(EncoderFamilyContract):
    models = keras_nlp.models
    name = "DistilBert"
    sizes = {"vocabulary_size": 30, ...}
    foreign_name = "DistilBert"
    foreign_config = {"vocab_size": 30, ...}
    texts = ["a good film", ...]

    @classmethod
    def tokenizer(cls): ...
```
"""

from __future__ import annotations

import contextlib
import gc
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import keras
import numpy as np
import pytest

from domain_core.testing.values import assert_close, to_numpy

LENGTH = 12
POSITIONS = np.array([[1, 3], [0, 2], [11, 4]], "int32")


class EncoderFamilyContract:
    """Inherited by the test of a family.

    Classes are found by name: `{name}Backbone`, `{name}Classifier`, `{name}MaskedLM`
    and so on, here and in KerasHub, where a classifier is a `{name}TextClassifier`.

    Attributes:
        models: module with our classes.
        name: what the names of the classes begin with.
        sizes: arguments of a tiny backbone, the same here and in KerasHub.
        foreign_name: what Hugging Face's classes begin with.
        foreign_config: arguments of a tiny Hugging Face config.
        foreign_epsilon: epsilon of the norm in Hugging Face's masked-LM head.
        export_options: arguments of the backbone that Hugging Face's config asks for.
        texts: raw samples.
    """

    models: ClassVar[ModuleType]
    name: ClassVar[str]
    sizes: ClassVar[dict[str, Any]]
    foreign_name: ClassVar[str]
    foreign_config: ClassVar[dict[str, Any]]
    foreign_epsilon: ClassVar[float]
    export_options: ClassVar[dict[str, Any]] = {}
    texts: ClassVar[list[str]]

    @classmethod
    def tokenizer(cls) -> Any:
        """Returns our tokenizer."""
        raise NotImplementedError

    @classmethod
    def hub_tokenizer(cls, hub: Any) -> Any:
        """Returns KerasHub's, which is to give the same ids."""
        raise NotImplementedError

    @classmethod
    def write_tokenizer(cls, folder: Path) -> None:
        """Writes the tokenizer's files as Hugging Face has them."""
        raise NotImplementedError

    @classmethod
    def ours(cls, part: str) -> Any:
        """Returns one of our classes."""
        return getattr(cls.models, f"{cls.name}{part}")

    @pytest.fixture(scope="class")
    @classmethod
    def ids(cls) -> dict[str, np.ndarray]:
        draw = np.random.default_rng(0)
        mask = np.ones((3, LENGTH), "int32")
        mask[1, 7:] = 0
        # No id of a token with a meaning of its own, such as padding.
        ids = draw.integers(5, cls.sizes["vocabulary_size"], (3, LENGTH))
        return {"token_ids": ids.astype("int32"), "padding_mask": mask}

    @pytest.fixture(scope="class")
    @classmethod
    def foreign(cls, tmp_path_factory: Any) -> Any:
        """Writes random Hugging Face checkpoints; gives model and folder."""
        torch = pytest.importorskip("torch", reason="the reference runs on torch")
        transformers = pytest.importorskip("transformers", reason="the reference")

        def write(head: str, **options: Any) -> tuple[Any, Path]:
            torch.manual_seed(1)
            config = getattr(transformers, f"{cls.foreign_name}Config")
            model = getattr(transformers, f"{cls.foreign_name}{head}")(
                config(**{**cls.foreign_config, **options})
            ).eval()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.normal_(std=0.2)  # no zero biases, no unit norms
            folder = tmp_path_factory.mktemp(head)
            model.save_pretrained(folder)
            cls.write_tokenizer(folder)
            return model, folder

        return write

    def test_declared_sizes(self) -> None:
        """By arithmetic: some of the models take gigabytes."""
        for name, preset in self.ours("Backbone").presets.items():
            config = preset.config
            width, inner = config["hidden_dim"], config["intermediate_dim"]
            tables = config["vocabulary_size"] + config.get("max_sequence_length", 512)
            block = 4 * (width + 1) * width + 2 * width * inner + inner + 5 * width
            total = (tables + 2) * width + config["num_layers"] * block
            assert total == preset.parameters, name

    @pytest.mark.large
    def test_built_sizes(self) -> None:
        if keras.config.backend() != "torch":
            pytest.skip("sizes do not depend on the backend")
        cls = self.ours("Backbone")
        for name, preset in cls.presets.items():
            backbone = cls.from_preset(name, load_weights=False)
            assert backbone.count_params() == preset.parameters, name
            del backbone
            gc.collect()  # models are full of cycles

    def test_backbone_of_transformers(self, foreign: Any, ids: Any) -> None:
        model, folder = foreign("Model")
        real = ids["padding_mask"].astype(bool)
        received = to_numpy(self.ours("Backbone").from_preset(folder)(ids))
        expected = _reference(model, ids).last_hidden_state.numpy()
        assert_close(received[real], expected[real])

    def test_classifier_of_transformers(self, foreign: Any, ids: Any) -> None:
        model, folder = foreign("ForSequenceClassification", num_labels=3)
        task = self.ours("Classifier").from_preset(folder)
        assert_close(task(ids), _reference(model, ids).logits.numpy())

    def test_masked_lm_of_transformers(self, foreign: Any, ids: Any) -> None:
        model, folder = foreign("ForMaskedLM")
        task = self.ours("MaskedLM").from_preset(folder)
        expected = _reference(model, ids).logits.numpy()
        assert_close(
            task({**ids, "mask_positions": POSITIONS}),
            np.take_along_axis(expected, POSITIONS[:, :, None], axis=1),
        )

    def test_tokenizer_of_transformers(self, foreign: Any) -> None:
        transformers = pytest.importorskip("transformers", reason="the reference")

        _, folder = foreign("Model")
        tokenizer = self.ours("Tokenizer").from_preset(folder)
        reference = transformers.AutoTokenizer.from_pretrained(folder)
        expected = reference(self.texts, add_special_tokens=False).input_ids
        assert [list(ids) for ids in tokenizer(self.texts)] == expected
        preprocessor = self.ours("ClassifierPreprocessor")(tokenizer, 4 * LENGTH)
        for segments in ((self.texts,), (self.texts[:2], self.texts[1:3])):
            packed = reference(*segments, padding="max_length", max_length=4 * LENGTH)
            ours = preprocessor(segments)
            assert ours["token_ids"].tolist() == packed.input_ids
            assert ours["padding_mask"].tolist() == packed.attention_mask

    def test_exports(self, ids: Any, tmp_path: Path) -> None:
        transformers = pytest.importorskip("transformers", reason="the reference")
        backbone = self.ours("Backbone")(**self.sizes, **self.export_options)
        tokenizer = self.tokenizer()
        preprocessor = self.ours("ClassifierPreprocessor")(tokenizer, LENGTH)
        classifier = self.ours("Classifier")(
            backbone, 3, preprocessor, class_names=["no", "so so", "yes"]
        )
        masked_lm = self.ours("MaskedLM")(
            backbone, layer_norm_epsilon=self.foreign_epsilon
        )
        for task in (classifier, masked_lm):
            _randomize(task)
        auto = transformers.AutoModelForSequenceClassification
        classifier.export_to_transformers(tmp_path / "classifier")
        expected = _loaded(auto, tmp_path / "classifier", ids).logits.numpy()
        assert_close(classifier(ids), expected)
        again = type(classifier).from_preset(tmp_path / "classifier")
        _assert_same(again, classifier)
        assert again.class_names == classifier.class_names
        assert again.preprocessor.tokenizer(self.texts) == tokenizer(self.texts)
        masked_lm.export_to_transformers(tmp_path / "masked_lm")
        auto = transformers.AutoModelForMaskedLM
        expected = _loaded(auto, tmp_path / "masked_lm", ids).logits.numpy()
        assert_close(
            masked_lm({**ids, "mask_positions": POSITIONS}),
            np.take_along_axis(expected, POSITIONS[:, :, None], axis=1),
        )
        again = type(masked_lm).from_preset(tmp_path / "masked_lm", preprocessor=None)
        _assert_same(again, masked_lm)

    def test_presets_of_keras_hub(self, ids: Any, tmp_path: Path) -> None:
        hub = pytest.importorskip("keras_hub", reason="the reference").models
        theirs = {
            part: getattr(hub, f"{self.name}{part}")
            for part in ("Backbone", "TextClassifier", "MaskedLM")
        }
        tokenizer = self.hub_tokenizer(hub)
        backbone = theirs["Backbone"](**self.sizes)
        classifier = theirs["TextClassifier"](
            backbone,
            num_classes=3,
            preprocessor=getattr(hub, f"{self.name}TextClassifierPreprocessor")(
                tokenizer, sequence_length=LENGTH
            ),
        )
        masked_lm = theirs["MaskedLM"](
            backbone,
            getattr(hub, f"{self.name}MaskedLMPreprocessor")(
                tokenizer, sequence_length=LENGTH
            ),
        )
        for model in (classifier, masked_lm):
            _randomize(model)
        classifier.save_to_preset(str(tmp_path / "classifier"))
        masked_lm.save_to_preset(str(tmp_path / "masked_lm"))
        ours = self.ours("Classifier").from_preset(tmp_path / "classifier")
        assert_close(ours(ids), classifier(ids))
        expected = to_numpy(classifier.preprocessor(self.texts)["token_ids"])
        found = ours.preprocessor(self.texts)["token_ids"]
        np.testing.assert_array_equal(found, expected)
        check = {**ids, "mask_positions": POSITIONS}
        lm = self.ours("MaskedLM").from_preset(tmp_path / "masked_lm")
        assert_close(lm(check), masked_lm(check))
        ours.save_to_preset(tmp_path / "back", layout="keras")
        with _missing_optimizer():
            back = theirs["TextClassifier"].from_preset(str(tmp_path / "back"))
        assert_close(back(ids), classifier(ids), rtol=0, atol=0)
        found = to_numpy(back.preprocessor(self.texts)["token_ids"])
        np.testing.assert_array_equal(found, expected)
        lm.save_to_preset(tmp_path / "lm_back", layout="keras")
        with _missing_optimizer():
            back = theirs["MaskedLM"].from_preset(str(tmp_path / "lm_back"))
        assert_close(back(check), masked_lm(check), rtol=0, atol=0)


def _reference(model: Any, ids: Any) -> Any:
    import torch

    with torch.no_grad():
        return model(
            input_ids=torch.tensor(ids["token_ids"]).long(),
            attention_mask=torch.tensor(ids["padding_mask"]).long(),
        )


def _loaded(auto: Any, folder: Path, ids: Any) -> Any:
    """Loads a folder with `transformers`: nothing may be missing; returns outputs."""
    model, info = auto.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"] and not info["mismatched_keys"]
    assert not info["unexpected_keys"]
    return _reference(model.eval(), ids)


def _randomize(model: Any) -> None:
    draw = np.random.default_rng(1)
    for weight in model.weights:  # no zero biases, no unit norms
        if "seed" not in weight.name:
            weight.assign(draw.normal(size=weight.shape, scale=0.2))


def _assert_same(again: Any, model: Any) -> None:
    """Asserts that weights are equal, bit for bit."""
    for left, right in (
        (again.backbone.weight_paths(), model.backbone.weight_paths()),
        (again.head_weight_paths(), model.head_weight_paths()),
    ):
        assert_close(to_numpy(left), to_numpy(right), rtol=0, atol=0)


@contextlib.contextmanager
def _missing_optimizer() -> Iterator[None]:
    """KerasHub keeps the optimizer's state in a preset, and warns where it is not."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        yield
