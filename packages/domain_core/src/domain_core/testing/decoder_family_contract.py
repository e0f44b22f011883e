"""What every family of decoders promises: equal to its references, both ways.

```python
class TestMistral(DecoderFamilyContract):
    models = keras_nlp.models
    name = "Mistral"
    arguments = {"vocabulary_size": 280, "sliding_window": 5, ...}
    tensors = 21
    foreign_config = {"vocab_size": 280, "sliding_window": 5, ...}
    variants = {"no window": {"sliding_window": None}}
    texts = ["a good film", ...]

    @classmethod
    def tokenizer(cls): ...

    @classmethod
    def write_tokenizer(cls, folder): ...
```

One model with the weights of a reference computes, and writes on, on every backend; its
variants only compute. All else runs on the host, or on torch.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import keras
import numpy as np
import pytest

from domain_core.testing.backbone_contract import BackboneContract
from domain_core.testing.references import Reference, reference
from domain_core.testing.values import assert_close, to_numpy

LENGTH = 24
LENGTHS = (LENGTH, 17, 9)
NEW = 64
BASE = "base"


class DecoderFamilyContract(BackboneContract):
    """Inherited by the test of a family.

    Classes are found by name: `{name}Backbone`, `{name}CausalLM` and so on, here, at
    Hugging Face and in KerasHub.

    Attributes:
        models: module with our classes.
        name: what the names of the classes begin with.
        foreign_name: the same at Hugging Face; "" for `name`.
        hub_name: the same in KerasHub; "" for `name`, None if it has no such family.
        arguments: of a tiny backbone.
        foreign_config: arguments of a Hugging Face config of a tiny model.
        variants: changes of these, by what they are.
        hub_arguments: arguments of KerasHub's backbone.
        hub_tokenizer: arguments of KerasHub's tokenizer; names of files stand for what
            `write_hub_tokenizer` wrote.
        hub_is_exact: whether KerasHub computes what the family does.
        texts: raw samples.
        sentence: what a tiny model learns by heart.
    """

    models: ClassVar[ModuleType]
    name: ClassVar[str]
    foreign_name: ClassVar[str] = ""
    hub_name: ClassVar[str] = ""
    foreign_config: ClassVar[dict[str, Any]]
    variants: ClassVar[dict[str, dict[str, Any]]] = {}
    hub_arguments: ClassVar[dict[str, Any]]
    hub_tokenizer: ClassVar[dict[str, Any]]
    texts: ClassVar[list[str]]
    sentence: ClassVar[str] = "a good film, and a bad one"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in vars(cls):
            cls.cls = cls.ours("Backbone")
            cls.output_shapes = (2 * len(LENGTHS), LENGTH, cls.arguments["hidden_dim"])

    @classmethod
    def tokenizer(cls) -> Any:
        """Returns our tokenizer."""
        raise NotImplementedError

    @classmethod
    def write_tokenizer(cls, folder: Path) -> None:
        """Writes the tokenizer's files as Hugging Face has them."""
        raise NotImplementedError

    @classmethod
    def write_hub_tokenizer(cls, folder: Path) -> None:
        """Writes the files that `hub_tokenizer` names."""
        cls.write_tokenizer(folder)

    @classmethod
    def ours(cls, part: str) -> Any:
        """Returns one of our classes."""
        return getattr(cls.models, f"{cls.name}{part}")

    @classmethod
    def tasks(cls) -> list[type]:
        """Returns the tasks that are tested here."""
        return [cls.ours("CausalLM")]

    @classmethod
    def rows(cls) -> list[list[int]]:
        """Returns ids without those of tokens with a meaning of their own."""
        draw = np.random.default_rng(0)
        size = min(cls.arguments["vocabulary_size"], cls.foreign_config["vocab_size"])
        return [draw.integers(5, size, length).tolist() for length in LENGTHS]

    @classmethod
    def inputs(cls) -> dict[str, np.ndarray]:
        """Returns each row twice: first with padding after it, then before it."""
        ids = np.zeros((2 * len(LENGTHS), LENGTH), "int32")
        mask = np.zeros_like(ids)
        for place, row in enumerate(cls.rows()):
            for index, part in (
                (place, slice(0, len(row))),
                (place + len(LENGTHS), slice(LENGTH - len(row), None)),
            ):
                ids[index, part], mask[index, part] = row, 1
        return {"token_ids": ids, "padding_mask": mask}

    @classmethod
    def real(cls, outputs: Any) -> np.ndarray:
        """Returns what a model computes of real tokens, `(N, E)`, for `inputs`."""
        return to_numpy(outputs)[cls.inputs()["padding_mask"].astype(bool)]

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
        """Random Hugging Face checkpoints, and what they compute and write."""
        return reference(
            "transformers",
            transformers_decoder,
            files=files,
            name=cls.foreign_name or cls.name,
            configs={
                BASE: cls.foreign_config,
                **{k: {**cls.foreign_config, **v} for k, v in cls.variants.items()},
            },
            rows=cls.rows(),
            texts=cls.texts,
            new=NEW,
        )

    @pytest.fixture(scope="class")
    @classmethod
    def task(cls, foreign: Reference) -> Any:
        """A causal language model with random weights of Hugging Face's."""
        return cls.models.CausalLM.from_preset(foreign.folder / BASE, preprocessor=None)

    @pytest.fixture(scope="class")
    @classmethod
    def logits(cls, task: Any) -> np.ndarray:
        """What it computes, by one compiled program."""
        return to_numpy(task.predict_on_batch(cls.inputs()))

    def test_output_shapes_and_weight_paths(self, backbone: Any, outputs: Any) -> None:
        super().test_output_shapes_and_weight_paths(backbone, outputs)

    @pytest.mark.backends
    def test_computes_what_transformers_does(
        self, task: Any, logits: np.ndarray, foreign: Reference
    ) -> None:
        assert type(task) is self.ours("CausalLM")
        assert_close(self.real(logits), np.tile(foreign.arrays[BASE], (2, 1)))

    @pytest.mark.backends
    def test_variants_compute_what_transformers_does(self, foreign: Reference) -> None:
        for name in self.variants:
            task = self._load(foreign.folder / name)
            expected = np.tile(foreign.arrays[name], (2, 1))
            assert_close(self.real(task(self.inputs())), expected)

    @pytest.mark.backends
    def test_writes_what_transformers_does(self, task: Any, foreign: Reference) -> None:
        """With caches: what it thinks of its tokens is what a whole pass thinks."""
        task.compile(sampler="greedy")
        rows = self.rows()[1:]
        width = max(map(len, rows)) + NEW
        prompts = {
            "token_ids": np.array([row + [0] * (width - len(row)) for row in rows]),
            "padding_mask": np.array(
                [[1] * len(row) + [0] * (width - len(row)) for row in rows]
            ),
        }
        answers, scores = task.generate(
            prompts, max_new_tokens=NEW, stop_token_ids=None, return_logprobs=True
        )
        for place, row in enumerate(rows):
            ids = answers["token_ids"][place][answers["padding_mask"][place] > 0]
            expected = foreign.arrays[f"written {place + 1}"]
            assert ids.tolist() == row + expected.tolist()
            assert_close(scores[place], foreign.arrays[f"scores {place + 1}"])

    @pytest.mark.backends
    @pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
    def test_half_precision(
        self, dtype: str, foreign: Reference, logits: np.ndarray
    ) -> None:
        task = self._load(foreign.folder / BASE, dtype=dtype)
        outputs = task.predict_on_batch(self.inputs())
        received = self.real(outputs).astype("float32")
        assert np.isfinite(received).all()
        expected = self.real(logits)
        assert np.corrcoef(received.ravel(), expected.ravel())[0, 1] > 0.99

    def test_scores_texts(self, task: Any, foreign: Reference) -> None:
        for row in (1, 2):
            ids = self.rows()[row] + foreign.arrays[f"written {row}"].tolist()
            (scores,) = task.engine.score([np.array(ids, "int32")])
            assert_close(scores[-NEW:], foreign.arrays[f"scores {row}"])

    def test_sizes_cannot_be_left_open(self) -> None:
        for name in ("vocabulary_size", "num_layers", "hidden_dim", "intermediate_dim"):
            with pytest.raises(ValueError, match=f"Expected `{name}` to be a positive"):
                self.cls(**{**self.arguments, name: None})

    @pytest.mark.backends("torch")  # the device "meta"
    def test_declared_sizes(self) -> None:
        """On a device that holds no numbers; all blocks are of one size."""
        built: dict[str, int] = {}
        for name, preset in self.cls.presets.items():
            key = json.dumps(preset.config, sort_keys=True)
            if key not in built:
                with keras.device("meta"):
                    one, two = (
                        self.cls(**{**preset.config, "num_layers": n}).count_params()
                        for n in (1, 2)
                    )
                blocks = preset.config["num_layers"]
                built[key] = one + (blocks - 1) * (two - one)
            assert built[key] == preset.parameters, name

    def test_tokenizer_of_transformers(self, foreign: Reference) -> None:
        expected = json.loads((foreign.folder / "tokens.json").read_text())
        tokenizer = self.models.Tokenizer.from_preset(foreign.folder / BASE)
        assert type(tokenizer) is self.ours("Tokenizer")
        assert [list(ids) for ids in tokenizer(self.texts)] == expected

    def test_exports(self, foreign: Reference, tmp_path: Path) -> None:
        for name in (BASE, *self.variants):
            preset = foreign.folder / name
            task = self.ours("CausalLM").from_preset(preset)
            task.export_to_transformers(tmp_path / name)
            again = self.ours("CausalLM").from_preset(tmp_path / name)
            _assert_same(again, task)
            configs = [model.backbone.get_config() for model in (again, task)]
            assert {**configs[0], "name": ""} == {**configs[1], "name": ""}
            texts = again.preprocessor.tokenizer(self.texts)
            assert texts == task.preprocessor.tokenizer(self.texts)
        theirs = reference(
            "transformers",
            transformers_reads,
            files=tmp_path,
            rows=self.rows(),
            texts=self.texts,
        )
        for name in (BASE, *self.variants):
            assert_close(theirs.arrays[name], foreign.arrays[name])
        expected = json.loads((foreign.folder / "tokens.json").read_text())
        assert json.loads((theirs.folder / "tokens.json").read_text()) == expected

    def test_presets_of_keras_hub(self, tmp_path: Path) -> None:
        files = tmp_path / "files"
        files.mkdir()
        self.write_hub_tokenizer(files)
        question: dict[str, Any] = {
            "name": self.hub_name or self.name,
            "inputs": {key: value.tolist() for key, value in self.inputs().items()},
            "texts": self.texts,
        }
        theirs = reference(
            "keras_hub",
            keras_hub_decoder,
            files=files,
            sizes=self.hub_arguments,
            tokenizer=self.hub_tokenizer,
            length=LENGTH,
            **question,
        )
        task = self.models.CausalLM.from_preset(theirs.folder / "preset")
        assert type(task) is self.ours("CausalLM")
        right = slice(0, len(LENGTHS))  # theirs knows no padding before a text
        ours = to_numpy(task(self.inputs()))[right]
        real = self.inputs()["padding_mask"][right].astype(bool)
        assert_close(ours[real], theirs.arrays["logits"][right][real])
        inputs, labels, weights = task.preprocessor(self.texts)
        for key, value in {
            **inputs,
            "labels": labels,
            "weights": weights,
        }.items():
            np.testing.assert_array_equal(value, theirs.arrays[key], err_msg=key)
        task.save_to_preset(tmp_path / "written" / "preset", layout="keras")
        back = reference(
            "keras_hub", keras_hub_reads, files=tmp_path / "written", **question
        )
        assert_close(back.arrays, theirs.arrays, rtol=0, atol=0)

    def test_learns_a_sentence_by_heart(self, tmp_path: Path) -> None:
        keras.utils.set_random_seed(0)
        cls = self.ours("CausalLM")
        backbone = self.cls(**{**self.arguments, "hidden_dim": 32})
        preprocessor = cls.preprocessor_cls(self.tokenizer(), 2 * LENGTH)
        task = cls(backbone, preprocessor)
        task.compile(optimizer=keras.optimizers.Adam(0.01), sampler="greedy")
        task.fit([self.sentence] * 2, epochs=60, batch_size=2, verbose=0)
        # Whole words: half of one is of other tokens.
        prompt = self.sentence[: self.sentence.index(" ", len(self.sentence) // 3)]
        assert task.generate(prompt) == self.sentence
        task.save_to_preset(tmp_path / "preset")
        task.save(tmp_path / "task.keras")
        for again in (
            self.models.CausalLM.from_preset(tmp_path / "preset"),
            keras.saving.load_model(tmp_path / "task.keras"),
        ):
            assert type(again) is cls
            again.compile(sampler="greedy")
            assert again.generate([prompt]) == [self.sentence]

    @classmethod
    def _load(cls, folder: Path, **options: Any) -> Any:
        return cls.ours("CausalLM").from_preset(folder, preprocessor=None, **options)


def write_llama_tokenizer(folder: Path, model: bytes, **options: Any) -> None:
    """Writes the files of a Llama-like tokenizer as version 5 of `transformers` does.

    It leaves out the model of SentencePiece, and keeps it as `tokenizer.json`.

    Args:
        folder: where to write.
        model: a SentencePiece model.
        **options: further content of `tokenizer_config.json`.
    """
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "tokenizer.model").write_bytes(model)
        (Path(name) / "tokenizer_config.json").write_text(json.dumps(options))
        saved = reference("transformers", saved_tokenizer, files=Path(name))
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(saved.folder / file, folder)


def saved_tokenizer(folder: Any, files: Any) -> Any:
    """Saves a tokenizer anew. See `reference`."""
    import transformers

    transformers.LlamaTokenizer.from_pretrained(files).save_pretrained(folder)


def transformers_decoder(
    folder: Any, files: Any, name: Any, configs: Any, rows: Any, texts: Any, new: Any
) -> Any:
    """Writes random checkpoints; returns what they compute. See `reference`."""
    import json
    import shutil

    import torch
    import transformers

    arrays = {}
    for place, config in configs.items():
        torch.manual_seed(1)
        settings = getattr(transformers, f"{name}Config")(**config)
        model = transformers.AutoModelForCausalLM.from_config(settings).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(std=0.3)  # no zero biases, no unit norms
            # Each alone, the shortest first: some scalings depend on the longest text
            # so far.
            each = [model(torch.tensor([row])).logits[0] for row in rows[::-1]]
        arrays[place] = torch.cat(each[::-1]).numpy()
        model.save_pretrained(folder / place)
        shutil.copytree(files, folder / place, dirs_exist_ok=True)
        if len(arrays) > 1:
            continue
        for index, row in enumerate(rows):
            model.generation_config.eos_token_id = None
            written = model.generate(
                torch.tensor([row]),
                attention_mask=torch.ones((1, len(row)), dtype=torch.long),
                do_sample=False,
                max_new_tokens=new,
                pad_token_id=0,
            )
            with torch.no_grad():
                scores = model(written).logits[0, :-1].log_softmax(-1)
            scores = scores.gather(1, written[0, 1:, None])[:, 0]
            arrays[f"written {index}"] = written[0, len(row) :].numpy()
            arrays[f"scores {index}"] = scores[-new:].numpy()
    first = next(iter(configs))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / first)
    tokens = tokenizer(texts, add_special_tokens=False).input_ids
    (folder / "tokens.json").write_text(json.dumps(tokens))
    return arrays


def transformers_reads(folder: Any, files: Any, rows: Any, texts: Any) -> Any:
    """Loads folders, of which nothing may be missing. See `reference`."""
    import json

    import torch
    import transformers

    arrays = {}
    for place in files.iterdir():
        model, info = transformers.AutoModelForCausalLM.from_pretrained(
            place, output_loading_info=True
        )
        assert not any(info.values()), info
        with torch.no_grad():
            # The shortest first, as above.
            each = [model.eval()(torch.tensor([row])).logits[0] for row in rows[::-1]]
        arrays[place.name] = torch.cat(each[::-1]).numpy()
    tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    tokens = tokenizer(texts, add_special_tokens=False).input_ids
    (folder / "tokens.json").write_text(json.dumps(tokens))
    return arrays


def keras_hub_decoder(
    folder: Any,
    files: Any,
    name: Any,
    sizes: Any,
    tokenizer: Any,
    inputs: Any,
    texts: Any,
    length: Any,
) -> Any:
    """Writes a preset; returns what it computes. See `reference`."""
    import keras
    import keras_hub
    import numpy as np

    def cls(part):
        return getattr(keras_hub.models, f"{name}{part}")

    options = {
        key: str(files / value) if isinstance(value, str) else value
        for key, value in tokenizer.items()
    }
    preprocessor = cls("CausalLMPreprocessor")(
        cls("Tokenizer")(**options), sequence_length=length
    )
    task = cls("CausalLM")(cls("Backbone")(**sizes), preprocessor)
    draw = np.random.default_rng(1)
    for weight in task.weights:
        if "seed" not in weight.name:  # no zero biases, no unit norms
            weight.assign(draw.normal(size=weight.shape, scale=0.3))
    task.save_to_preset(str(folder / "preset"))
    ids = {key: np.array(value, "int32") for key, value in inputs.items()}
    x, y, weight = preprocessor(texts)
    numpy = keras.ops.convert_to_numpy
    return {
        "logits": numpy(task(ids)),
        "labels": numpy(y),
        "weights": numpy(weight),
        **{key: numpy(value) for key, value in x.items()},
    }


def keras_hub_reads(folder: Any, files: Any, name: Any, inputs: Any, texts: Any) -> Any:
    """Loads a preset; returns what it computes. See `reference`."""
    import keras
    import keras_hub
    import numpy as np

    cls = getattr(keras_hub.models, f"{name}CausalLM")
    task = cls.from_preset(str(files / "preset"))
    ids = {key: np.array(value, "int32") for key, value in inputs.items()}
    x, y, weight = task.preprocessor(texts)
    numpy = keras.ops.convert_to_numpy
    return {
        "logits": numpy(task(ids)),
        "labels": numpy(y),
        "weights": numpy(weight),
        **{key: numpy(value) for key, value in x.items()},
    }


def _assert_same(again: Any, task: Any) -> None:
    """Asserts that weights are equal, bit for bit."""
    received, expected = (model.backbone.weight_paths() for model in (again, task))
    assert_close(received, expected, rtol=0, atol=0)
