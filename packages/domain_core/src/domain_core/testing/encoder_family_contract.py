"""What every family of encoders promises: equal to its references, both ways.

```python
class TestDistilBert(EncoderFamilyContract):
    models = keras_nlp.models
    name = "DistilBert"
    arguments = {"vocabulary_size": 30, ...}
    tensors = 36
    foreign_config = {"vocab_size": 30, ...}
    hub_tokenizer = {"vocabulary": "vocab.txt", "lowercase": True}
    texts = ["a good film", ...]

    @classmethod
    def tokenizer(cls): ...

    @classmethod
    def write_tokenizer(cls, folder): ...
```

One model with the weights of a reference is compiled per backend, and trained; all else
runs on the host and is tested on one.
"""

from __future__ import annotations

import gc
import json
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import keras
import numpy as np
import pytest

from domain_core.testing.backbone_contract import BackboneContract
from domain_core.testing.references import Reference, reference
from domain_core.testing.values import assert_close, to_numpy

LENGTH = 12
CLASSES = 3
POSITIONS = np.array([[1, 3], [0, 2], [11, 4]], "int32")
TASKS = ("Classifier", "MaskedLM", "TextEmbedder")


class EncoderFamilyContract(BackboneContract):
    """Inherited by the test of a family.

    Classes are found by name: `{name}Backbone`, `{name}Classifier`, `{name}MaskedLM`
    and `{name}TextEmbedder`, here, at Hugging Face and in KerasHub, where a classifier
    is a `{name}TextClassifier`.

    Attributes:
        models: module with our classes.
        name: what the names of the classes begin with.
        arguments: of a tiny backbone, the same here and in KerasHub.
        foreign_config: arguments of a Hugging Face config of the same sizes.
        foreign_epsilon: epsilon of the norm in Hugging Face's masked-LM head.
        export_options: arguments of the backbone that Hugging Face's config asks for.
        hub_tokenizer: arguments of KerasHub's tokenizer; names of files stand for what
            `write_tokenizer` wrote.
        texts: raw samples, an odd number of them.
    """

    models: ClassVar[ModuleType]
    name: ClassVar[str]
    foreign_config: ClassVar[dict[str, Any]]
    foreign_epsilon: ClassVar[float]
    export_options: ClassVar[dict[str, Any]] = {}
    hub_tokenizer: ClassVar[dict[str, Any]]
    texts: ClassVar[list[str]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in vars(cls):
            cls.cls = cls.ours("Backbone")

    @classmethod
    def tokenizer(cls) -> Any:
        """Returns our tokenizer."""
        raise NotImplementedError

    @classmethod
    def write_tokenizer(cls, folder: Path) -> None:
        """Writes the tokenizer's files as Hugging Face has them."""
        raise NotImplementedError

    @classmethod
    def ours(cls, part: str) -> Any:
        """Returns one of our classes."""
        return getattr(cls.models, f"{cls.name}{part}")

    @classmethod
    def tasks(cls) -> list[type]:
        """Returns the tasks that are tested here."""
        return [cls.ours(part) for part in TASKS]

    @classmethod
    def inputs(cls) -> dict[str, np.ndarray]:
        """Returns ids without those of tokens with a meaning of their own."""
        draw = np.random.default_rng(0)
        mask = np.ones((3, LENGTH), "int32")
        mask[1, 7:] = 0
        ids = draw.integers(5, cls.arguments["vocabulary_size"], (3, LENGTH))
        return {"token_ids": ids.astype("int32"), "padding_mask": mask}

    @pytest.fixture(scope="class")
    @classmethod
    def files(cls, tmp_path_factory: Any) -> Path:
        """The tokenizer's files."""
        folder: Path = tmp_path_factory.mktemp("tokenizer")
        cls.write_tokenizer(folder)
        return folder

    @pytest.fixture(scope="class")
    @classmethod
    def foreign(cls, files: Path) -> Reference:
        """Random Hugging Face checkpoints, and what they compute."""
        return reference(
            "transformers",
            transformers_encoder,
            files=files,
            name=cls.name,
            config=cls.foreign_config,
            inputs=_lists(cls.inputs()),
            texts=cls.texts,
            length=4 * LENGTH,
            classes=CLASSES,
        )

    @pytest.fixture(scope="class")
    @classmethod
    def classifier(cls, foreign: Reference) -> Any:
        """A classifier with random weights of Hugging Face's."""
        return cls.ours("Classifier").from_preset(
            foreign.folder / "ForSequenceClassification", preprocessor=None
        )

    @pytest.mark.backends
    def test_computes_what_transformers_does(
        self, classifier: Any, foreign: Reference
    ) -> None:
        expected = foreign.arrays["ForSequenceClassification"]
        logits = classifier.predict_on_batch(self.inputs())
        assert_close(logits, expected)
        self._check_weight_paths(classifier.backbone)

    @pytest.mark.backends
    def test_trains(self, classifier: Any) -> None:
        start = classifier.get_weights()
        before = to_numpy(_all_weights(classifier))
        classifier.compile(optimizer=keras.optimizers.SGD(0.1), metrics=None)
        loss = classifier.train_on_batch(self.inputs(), np.arange(3) % CLASSES)
        assert np.isfinite(loss).all()
        after = to_numpy(_all_weights(classifier))
        still = [name for name in before if np.array_equal(after[name], before[name])]
        # Attention does not change if a number is added to all keys.
        assert all(name.endswith("attention.key.bias") for name in still)
        classifier.set_weights(start)

    def test_declared_sizes(self) -> None:
        """By arithmetic: some of the models take gigabytes."""
        for name, preset in self.cls.presets.items():
            config = preset.config
            width, inner = config["hidden_dim"], config["intermediate_dim"]
            tables = config["vocabulary_size"] + config.get("max_sequence_length", 512)
            block = 4 * (width + 1) * width + 2 * width * inner + inner + 5 * width
            total = (tables + 2) * width + config["num_layers"] * block
            assert total == preset.parameters, name

    @pytest.mark.large
    @pytest.mark.backends("torch")
    def test_built_sizes(self) -> None:
        for name, preset in self.cls.presets.items():
            backbone = self.cls.from_preset(name, load_weights=False)
            assert backbone.count_params() == preset.parameters, name
            del backbone
            gc.collect()  # models are full of cycles

    def test_features_of_transformers(self, foreign: Reference) -> None:
        real = self.inputs()["padding_mask"].astype(bool)
        backbone = self.cls.from_preset(foreign.folder / "Model")
        received = to_numpy(backbone(self.inputs()))
        assert_close(received[real], foreign.arrays["Model"][real])

    def test_masked_lm_of_transformers(self, foreign: Reference) -> None:
        task = self.ours("MaskedLM").from_preset(foreign.folder / "ForMaskedLM")
        assert_close(task(self._masked()), _at(foreign.arrays["ForMaskedLM"]))

    def test_tokenizer_of_transformers(self, foreign: Reference) -> None:
        expected = json.loads((foreign.folder / "tokens.json").read_text())
        tokenizer = self.ours("Tokenizer").from_preset(foreign.folder / "Model")
        assert [list(ids) for ids in tokenizer(self.texts)] == expected["ids"]
        preprocessor = self.ours("ClassifierPreprocessor")(tokenizer, 4 * LENGTH)
        for segments, packed in (
            ((self.texts,), expected["single"]),
            ((self.texts[:2], self.texts[1:3]), expected["pairs"]),
        ):
            ours = preprocessor(segments)
            assert ours["token_ids"].tolist() == packed["input_ids"]
            assert ours["padding_mask"].tolist() == packed["attention_mask"]

    def test_exports(self, tmp_path: Path) -> None:
        backbone = self.cls(**self.arguments, **self.export_options)
        tokenizer = self.tokenizer()
        preprocessor = self.ours("ClassifierPreprocessor")(tokenizer, LENGTH)
        classifier = self.ours("Classifier")(
            backbone, CLASSES, preprocessor, class_names=["no", "so so", "yes"]
        )
        masked_lm = self.ours("MaskedLM")(
            backbone, layer_norm_epsilon=self.foreign_epsilon
        )
        for task in (classifier, masked_lm):
            _randomize(task)
        classifier.export_to_transformers(tmp_path / "ForSequenceClassification")
        masked_lm.export_to_transformers(tmp_path / "ForMaskedLM")
        theirs = reference(
            "transformers",
            transformers_reads,
            files=tmp_path,
            inputs=_lists(self.inputs()),
        )
        expected = theirs.arrays["ForSequenceClassification"]
        assert_close(classifier(self.inputs()), expected)
        assert_close(masked_lm(self._masked()), _at(theirs.arrays["ForMaskedLM"]))
        again = type(classifier).from_preset(tmp_path / "ForSequenceClassification")
        _assert_same(again, classifier)
        assert again.class_names == classifier.class_names
        assert again.preprocessor.tokenizer(self.texts) == tokenizer(self.texts)
        again = type(masked_lm).from_preset(tmp_path / "ForMaskedLM", preprocessor=None)
        _assert_same(again, masked_lm)

    def test_presets_of_keras_hub(self, files: Path, tmp_path: Path) -> None:
        question: dict[str, Any] = {
            "name": self.name,
            "inputs": _lists(self.inputs()),
            "positions": POSITIONS.tolist(),
            "texts": self.texts,
        }
        theirs = reference(
            "keras_hub",
            keras_hub_encoder,
            files=files,
            sizes=self.arguments,
            tokenizer=self.hub_tokenizer,
            length=LENGTH,
            **question,
        )
        ours = self.ours("Classifier").from_preset(theirs.folder / "classifier")
        assert_close(ours(self.inputs()), theirs.arrays["classifier"])
        found = ours.preprocessor(self.texts)["token_ids"]
        np.testing.assert_array_equal(found, theirs.arrays["token_ids"])
        masked_lm = self.ours("MaskedLM").from_preset(theirs.folder / "masked_lm")
        assert_close(masked_lm(self._masked()), theirs.arrays["masked_lm"])
        ours.save_to_preset(tmp_path / "classifier", layout="keras")
        masked_lm.save_to_preset(tmp_path / "masked_lm", layout="keras")
        back = reference("keras_hub", keras_hub_reads, files=tmp_path, **question)
        assert_close(back.arrays, theirs.arrays, rtol=0, atol=0)

    @pytest.mark.parametrize("part", TASKS)
    def test_tasks_from_raw_texts_to_a_preset(self, part: str, tmp_path: Path) -> None:
        cls = self.ours(part)
        backbone = self.cls(**self.arguments)
        task = cls(
            backbone,
            **({"num_classes": CLASSES} if part == "Classifier" else {}),
            preprocessor=cls.preprocessor_cls(self.tokenizer(), LENGTH),
        )
        labels: Any = None
        if part == "Classifier":
            labels = np.arange(len(self.texts)) % CLASSES
        if part == "TextEmbedder":
            task.compile(loss="mse")
            width = self.arguments["hidden_dim"]
            labels = np.zeros((len(self.texts), width), "float32")
        history = task.fit(self.texts, labels, batch_size=8, verbose=0).history
        assert np.isfinite(history["loss"]).all()
        inputs, _, _ = task.preprocess_samples(self.texts)
        expected = to_numpy(task(inputs))
        if part != "MaskedLM":  # whose masks are drawn anew
            whole = task.predict(self.texts, batch_size=8, verbose=0)
            assert_close(whole, expected, rtol=1e-4, atol=1e-5)
        task.save_to_preset(tmp_path / "preset")
        task.save(tmp_path / "task.keras")
        for again in (
            cls.from_preset(tmp_path / "preset"),
            keras.saving.load_model(tmp_path / "task.keras"),
        ):
            assert type(again) is cls
            assert set(again.get_config()) == set(task.get_config())
            ids = again.preprocessor.tokenizer(self.texts)
            assert ids == task.preprocessor.tokenizer(self.texts)
            assert_close(again(inputs), expected, rtol=1e-6, atol=1e-6)

    def _masked(self) -> dict[str, np.ndarray]:
        return {**self.inputs(), "mask_positions": POSITIONS}


def transformers_encoder(
    folder: Any,
    files: Any,
    name: Any,
    config: Any,
    inputs: Any,
    texts: Any,
    length: Any,
    classes: Any,
) -> Any:
    """Writes random checkpoints; returns what they compute. See `reference`."""
    import json
    import shutil

    import torch
    import transformers

    arrays = {}
    for head in ("Model", "ForSequenceClassification", "ForMaskedLM"):
        torch.manual_seed(1)
        options = {"num_labels": classes} if head.endswith("Classification") else {}
        settings = getattr(transformers, f"{name}Config")(**config, **options)
        model = getattr(transformers, f"{name}{head}")(settings).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(std=0.2)  # no zero biases, no unit norms
            outputs = model(
                input_ids=torch.tensor(inputs["token_ids"]),
                attention_mask=torch.tensor(inputs["padding_mask"]),
            )
        model.save_pretrained(folder / head)
        shutil.copytree(files, folder / head, dirs_exist_ok=True)
        arrays[head] = outputs[0].numpy()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "Model")
    options = {"padding": "max_length", "max_length": length}
    tokens = {
        "ids": tokenizer(texts, add_special_tokens=False).input_ids,
        "single": dict(tokenizer(texts, **options)),
        "pairs": dict(tokenizer(texts[:2], texts[1:3], **options)),
    }
    (folder / "tokens.json").write_text(json.dumps(tokens))
    return arrays


def transformers_reads(folder: Any, files: Any, inputs: Any) -> Any:
    """Loads folders, of which nothing may be missing. See `reference`."""
    import torch
    import transformers

    arrays = {}
    for place in files.iterdir():
        head = place.name.removeprefix("For")
        auto = getattr(transformers, f"AutoModelFor{head}")
        model, info = auto.from_pretrained(place, output_loading_info=True)
        assert not any(info.values()), info
        with torch.no_grad():
            outputs = model.eval()(
                input_ids=torch.tensor(inputs["token_ids"]),
                attention_mask=torch.tensor(inputs["padding_mask"]),
            )
        arrays[place.name] = outputs.logits.numpy()
    return arrays


def keras_hub_encoder(
    folder: Any,
    files: Any,
    name: Any,
    sizes: Any,
    tokenizer: Any,
    inputs: Any,
    positions: Any,
    texts: Any,
    length: Any,
) -> Any:
    """Writes presets; returns what they compute. See `reference`."""
    import keras
    import keras_hub
    import numpy as np

    def cls(part):
        return getattr(keras_hub.models, f"{name}{part}")

    options = {
        key: str(files / value) if isinstance(value, str) else value
        for key, value in tokenizer.items()
    }
    tokenizer = cls("Tokenizer")(**options)
    backbone = cls("Backbone")(**sizes)
    preprocessor = cls("TextClassifierPreprocessor")(tokenizer, sequence_length=length)
    classifier = cls("TextClassifier")(
        backbone, num_classes=3, preprocessor=preprocessor
    )
    masked_lm = cls("MaskedLM")(
        backbone, cls("MaskedLMPreprocessor")(tokenizer, sequence_length=length)
    )
    draw = np.random.default_rng(1)
    for weight in {
        id(w): w for m in (classifier, masked_lm) for w in m.weights
    }.values():
        if "seed" not in weight.name:  # no zero biases, no unit norms
            weight.assign(draw.normal(size=weight.shape, scale=0.2))
    classifier.save_to_preset(str(folder / "classifier"))
    masked_lm.save_to_preset(str(folder / "masked_lm"))
    ids = {key: np.array(value, "int32") for key, value in inputs.items()}
    masked = {**ids, "mask_positions": np.array(positions, "int32")}
    numpy = keras.ops.convert_to_numpy
    return {
        "classifier": numpy(classifier(ids)),
        "masked_lm": numpy(masked_lm(masked)),
        "token_ids": numpy(preprocessor(texts)["token_ids"]),
    }


def keras_hub_reads(
    folder: Any, files: Any, name: Any, inputs: Any, positions: Any, texts: Any
) -> Any:
    """Loads presets; returns what they compute. See `reference`."""
    import keras
    import keras_hub
    import numpy as np

    classifier, masked_lm = (
        getattr(keras_hub.models, f"{name}{part}").from_preset(str(files / place))
        for part, place in (("TextClassifier", "classifier"), ("MaskedLM", "masked_lm"))
    )
    ids = {key: np.array(value, "int32") for key, value in inputs.items()}
    masked = {**ids, "mask_positions": np.array(positions, "int32")}
    numpy = keras.ops.convert_to_numpy
    return {
        "classifier": numpy(classifier(ids)),
        "masked_lm": numpy(masked_lm(masked)),
        "token_ids": numpy(classifier.preprocessor(texts)["token_ids"]),
    }


def _lists(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: array.tolist() for name, array in arrays.items()}


def _at(logits: np.ndarray) -> np.ndarray:
    return np.take_along_axis(logits, POSITIONS[:, :, None], axis=1)


def _randomize(model: Any) -> None:
    draw = np.random.default_rng(1)
    for weight in model.weights:  # no zero biases, no unit norms
        if "seed" not in weight.name:
            weight.assign(draw.normal(size=weight.shape, scale=0.2))


def _assert_same(again: Any, model: Any) -> None:
    """Asserts that weights are equal, bit for bit."""
    assert_close(_all_weights(again), _all_weights(model), rtol=0, atol=0)


def _all_weights(task: Any) -> dict[str, keras.Variable]:
    return {**task.backbone.weight_paths(), **task.head_weight_paths()}
