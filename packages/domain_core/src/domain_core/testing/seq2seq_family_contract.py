"""What every family that reads and writes promises: equal to its references, both ways.

```python
class TestBart(Seq2SeqFamilyContract):
    models = keras_nlp.models
    name = "Bart"
    arguments = {"vocabulary_size": 280, ...}
    tensors = 95
    foreign_config = {"vocab_size": 280, ...}
    variants = {"norms first": {"family": "MBart"}}
    texts = ["a good film", ...]

    @classmethod
    def tokenizer(cls): ...

    @classmethod
    def write_tokenizer(cls, folder): ...
```

One model with the weights of a reference computes on every backend, and so do its
variants. To write, and to search, takes seconds to compile: each is done on torch and
on another backend. All else runs on the host, or on torch.
"""

from __future__ import annotations

import importlib
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

READ, WRITTEN = (24, 17, 9), (7, 12, 4)
NEW = 64
BASE = "base"
# How summaries of news are searched for.
SEARCH: dict[str, Any] = {
    "length_penalty": 2.0,
    "early_stopping": True,
    "no_repeat_ngram_size": 3,
}
LEAST, MOST = 6, 20  # tokens of an answer behind the first
_PARTS = ("encoder_sequence_output", "decoder_sequence_output")


class Seq2SeqFamilyContract(BackboneContract):
    """Inherited by the test of a family.

    Classes are found by name: `{name}Backbone`, `{name}Seq2SeqLM` and so on, here, at
    Hugging Face and in KerasHub.

    Attributes:
        models: module with our classes.
        name: what the names of the classes begin with.
        arguments: of a tiny backbone.
        foreign_config: arguments of a Hugging Face config of a tiny model.
        variants: changes of these, by what they are; "family" is what the names of
            their classes begin with.
        exported_as: what these begin with in what we write of a family.
        hub_arguments: arguments of KerasHub's backbone.
        hub_tokenizer: arguments of KerasHub's tokenizer; names of files stand for what
            `write_hub_tokenizer` wrote.
        hub_packs_alike: whether KerasHub packs pairs as the models were trained.
        texts: raw samples, none of them empty.
        tokens: ids of the tokens that begin and end what is written.
        no_repeat_ngram_size: of greedy answers; 0 for those that do not go round in
            circles.
    """

    models: ClassVar[ModuleType]
    name: ClassVar[str]
    foreign_config: ClassVar[dict[str, Any]]
    variants: ClassVar[dict[str, dict[str, Any]]] = {}
    exported_as: ClassVar[dict[str, str]] = {}
    hub_arguments: ClassVar[dict[str, Any]]
    hub_tokenizer: ClassVar[dict[str, Any]]
    hub_packs_alike: ClassVar[bool] = True
    texts: ClassVar[list[str]]
    tokens: ClassVar[tuple[int, int]]
    no_repeat_ngram_size: ClassVar[int] = 0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in vars(cls):
            cls.cls = cls.ours("Backbone")
            lengths = (max(READ), max(WRITTEN))
            cls.output_shapes = {
                part: (len(READ), length, cls.arguments["hidden_dim"])
                for part, length in zip(_PARTS, lengths, strict=True)
            }

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
        return [cls.ours("Seq2SeqLM")]

    @classmethod
    def inputs(cls) -> dict[str, np.ndarray]:
        """Returns pairs, padded behind, of ids without a meaning of their own."""
        draw = np.random.default_rng(0)
        size = min(cls.arguments["vocabulary_size"], cls.foreign_config["vocab_size"])
        inputs = {}
        for name, lengths in (("encoder", READ), ("decoder", WRITTEN)):
            mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
            ids = draw.integers(5, size, mask.shape) * mask
            if name == "decoder":
                ids[:, 0] = cls.tokens[0]
            inputs[f"{name}_token_ids"] = ids.astype("int32")
            inputs[f"{name}_padding_mask"] = mask.astype("int32")
        return inputs

    @classmethod
    def real(cls, outputs: Any) -> dict[str, np.ndarray]:
        """Returns what is computed of real tokens, `(N, D)`, of features or scores."""
        if not isinstance(outputs, dict):
            outputs = {"decoder_logits": outputs}
        inputs = cls.inputs()
        return {
            part: to_numpy(x)[inputs[f"{part[:7]}_padding_mask"].astype(bool)]
            for part, x in outputs.items()
        }

    @classmethod
    def sources(cls) -> dict[str, np.ndarray]:
        """Returns what to write on: sources, and the token that answers begin with."""
        inputs = {k: v for k, v in cls.inputs().items() if k.startswith("encoder")}
        first = np.full((len(READ), 1), cls.tokens[0], "int32")
        return {**inputs, "decoder_token_ids": first}

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
        first, end = cls.tokens
        configs = {
            BASE: cls.foreign_config,
            **{k: {**cls.foreign_config, **v} for k, v in cls.variants.items()},
        }
        return reference(
            "transformers",
            transformers_seq2seq,
            files=files,
            name=cls.name,
            configs=configs,
            inputs=_lists(cls.inputs()),
            texts=cls.texts,
            greedy={
                **{"decoder_start_token_id": first, "eos_token_id": None},
                **{"max_new_tokens": NEW, "forced_eos_token_id": None},
                "no_repeat_ngram_size": cls.no_repeat_ngram_size,
            },
            search={
                **{"decoder_start_token_id": first, "eos_token_id": end},
                **{"forced_bos_token_id": 5, "forced_eos_token_id": end},
                **{"num_beams": 4, "min_length": LEAST + 1, "max_length": MOST + 1},
                **{"num_return_sequences": 2, **SEARCH},
            },
            end=end,
        )

    @pytest.fixture(scope="class")
    @classmethod
    def task(cls, foreign: Reference) -> Any:
        """A task with random weights of Hugging Face's."""
        return cls.models.Seq2SeqLM.from_preset(
            foreign.folder / BASE, preprocessor=None
        )

    def test_output_shapes_and_weight_paths(self, backbone: Any, outputs: Any) -> None:
        super().test_output_shapes_and_weight_paths(backbone, outputs)

    @pytest.mark.backends
    def test_computes_what_transformers_does(
        self, task: Any, foreign: Reference
    ) -> None:
        assert type(task) is self.ours("Seq2SeqLM")
        features = to_numpy(task.backbone.predict_on_batch(self.inputs()))
        self._check(task, features, BASE, foreign)

    @pytest.mark.backends
    def test_variants_compute_what_transformers_does(self, foreign: Reference) -> None:
        for name in self.variants:
            task = self._load(foreign.folder / name)
            self._check(task, task.backbone(self.inputs()), name, foreign)

    @pytest.mark.backends("torch", "jax")
    def test_writes_what_transformers_does(self, task: Any, foreign: Reference) -> None:
        """With caches: what it thinks of its tokens is what a whole pass thinks."""
        task.compile(sampler="greedy")
        task.backbone.set_generation_config(None)
        answers, scores = task.generate(
            self.sources(),
            max_new_tokens=NEW,
            no_repeat_ngram_size=self.no_repeat_ngram_size,
            stop_token_ids=None,
            return_logprobs=True,
        )
        written = foreign.arrays["written"]
        assert answers["decoder_token_ids"].tolist() == written.tolist()
        assert_close(np.array(scores), foreign.arrays["scores"])

    @pytest.mark.backends("torch", "tensorflow")
    def test_searches_as_transformers_does(self, task: Any, foreign: Reference) -> None:
        end = self.tokens[1]
        task.compile(
            sampler=self.models_beam_sampler()(
                4,
                length_penalty=SEARCH["length_penalty"],
                early_stopping=SEARCH["early_stopping"],
            )
        )
        task.backbone.set_generation_config(
            {
                **{"forced_bos_token_id": 5, "forced_eos_token_id": end},
                "no_repeat_ngram_size": SEARCH["no_repeat_ngram_size"],
                "eos_token_id": end,
            }
        )
        answers = task.generate(
            self.sources(), max_length=MOST + 1, min_new_tokens=LEAST
        )
        found = foreign.arrays["found"][:, 0]
        lengths = (found[:, 1:] == end).argmax(1) + 2
        assert len(set(lengths)) > 1 and min(lengths) > LEAST + 1
        mask = answers["decoder_padding_mask"] > 0
        for place, row in enumerate(found):
            ids = answers["decoder_token_ids"][place][mask[place]]
            assert ids.tolist() == row[: lengths[place]].tolist()

    def test_scores_texts(self, task: Any, foreign: Reference) -> None:
        source = self.inputs()["encoder_token_ids"]
        rows = [np.array(row, "int32") for row in foreign.arrays["written"]]
        read = [row[:length] for row, length in zip(source, READ, strict=True)]
        scores = task.engine.score(rows, read)
        assert_close(np.array(scores), foreign.arrays["scores"])

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
            has_tokenizer = name not in self.exported_as
            options = {} if has_tokenizer else {"preprocessor": None}
            task = self._load(foreign.folder / name, **options)
            task.export_to_transformers(tmp_path / name)
            again = self._load(tmp_path / name, **options)
            received, expected = (m.backbone.weight_paths() for m in (again, task))
            assert_close(received, expected, rtol=0, atol=0)
            configs = [model.backbone.get_config() for model in (again, task)]
            assert {**configs[0], "name": ""} == {**configs[1], "name": ""}
        theirs = reference(
            "transformers",
            transformers_seq2seq_reads,
            files=tmp_path,
            inputs=_lists(self.inputs()),
            texts=self.texts,
            base=BASE,
            new=8,
        )
        for name in (BASE, *self.variants):
            expected = foreign.arrays[f"{name} logits"]
            assert_close(theirs.arrays[name], expected)
        tokens = json.loads((foreign.folder / "tokens.json").read_text())
        assert json.loads((theirs.folder / "tokens.json").read_text()) == tokens
        written = theirs.arrays["written"]  # by what the config says
        assert (written[:, 0] == self.tokens[0]).all()

    def test_presets_of_keras_hub(self, tmp_path: Path) -> None:
        files = tmp_path / "files"
        files.mkdir()
        self.write_hub_tokenizer(files)
        question: dict[str, Any] = {
            "name": self.name,
            "inputs": _lists(self.inputs()),
            "texts": self.texts,
        }
        theirs = reference(
            "keras_hub",
            keras_hub_seq2seq,
            files=files,
            sizes=self.hub_arguments,
            tokenizer=self.hub_tokenizer,
            lengths=[max(READ), max(WRITTEN)],
            **question,
        )
        task = self.models.Seq2SeqLM.from_preset(theirs.folder / "preset")
        assert type(task) is self.ours("Seq2SeqLM")
        features = task.backbone(self.inputs())
        ours = {**self.real(features), **self.real(task(self.inputs()))}
        arrays = {part: theirs.arrays[part] for part in (*_PARTS, "decoder_logits")}
        assert_close(ours, self.real(arrays))
        preprocessor = task.preprocessor
        assert type(preprocessor) is self.ours("Seq2SeqLMPreprocessor")
        preprocessor.encoder_sequence_length = max(READ)  # which theirs forgets
        preprocessor.decoder_sequence_length = max(WRITTEN)
        inputs, labels, weights = preprocessor(self.texts, self.texts)
        packed = {**inputs, "labels": labels, "weights": weights}
        for key in packed if self.hub_packs_alike else ("encoder_token_ids",):
            np.testing.assert_array_equal(packed[key], theirs.arrays[key], err_msg=key)
        task.save_to_preset(tmp_path / "written" / "preset", layout="keras")
        back = reference(
            "keras_hub",
            keras_hub_seq2seq_reads,
            files=tmp_path / "written",
            **question,
        )
        assert_close(back.arrays, theirs.arrays, rtol=0, atol=0)

    def _check(self, task: Any, features: Any, name: str, foreign: Reference) -> None:
        """Compares the outputs of a backbone, and scores made of them."""
        logits = task.scores_of(task.backbone, features)
        arrays = {part: foreign.arrays[f"{name} {part}"] for part in _PARTS}
        arrays["decoder_logits"] = foreign.arrays[f"{name} logits"]
        assert_close({**self.real(features), **self.real(logits)}, arrays)

    @classmethod
    def models_beam_sampler(cls) -> Any:
        """Returns the sampler that searches; it lies beside the models."""
        package = cls.models.__name__.rpartition(".")[0]
        return importlib.import_module(f"{package}.samplers").BeamSampler

    @classmethod
    def _load(cls, folder: Path, **options: Any) -> Any:
        return cls.ours("Seq2SeqLM").from_preset(folder, **options)


def transformers_seq2seq(
    folder: Any,
    files: Any,
    name: Any,
    configs: Any,
    inputs: Any,
    texts: Any,
    greedy: Any,
    search: Any,
    end: Any,
) -> Any:
    """Writes random checkpoints; returns what they compute. See `reference`."""
    import json
    import shutil

    import torch
    import transformers

    arrays = {}
    given = {key: torch.tensor(value) for key, value in inputs.items()}
    masks = {key: given[f"{key}_padding_mask"].bool() for key in ("encoder", "decoder")}
    source = {
        "input_ids": given["encoder_token_ids"],
        "attention_mask": given["encoder_padding_mask"],
    }
    for place, config in configs.items():
        torch.manual_seed(1)
        family = config.pop("family", name)
        settings = getattr(transformers, f"{family}Config")(**config)
        cls = getattr(transformers, f"{family}ForConditionalGeneration")
        model = cls(settings).eval()
        if config.get("tie_word_embeddings") is False:
            shape = model.lm_head.weight.shape
            model.lm_head.weight = torch.nn.Parameter(torch.zeros(shape))
        with torch.no_grad():
            for key, parameter in model.named_parameters():  # no zeros, no ones
                if "norm" in key and key.endswith("weight"):
                    parameter.uniform_(0.5, 1.5)
                else:
                    parameter.normal_(std=0.2)
            if hasattr(model, "final_logits_bias"):
                model.final_logits_bias.normal_(std=0.2)
                model.final_logits_bias[0, end] += 3  # else no answer ends
            else:
                model.lm_head.weight[end] *= 3
            outputs = model(
                **source,
                decoder_input_ids=given["decoder_token_ids"],
                decoder_attention_mask=given["decoder_padding_mask"],
                output_hidden_states=True,
            )
        last = outputs.decoder_hidden_states[-1]
        for key, value, part in (
            ("logits", outputs.logits, "decoder"),
            ("encoder_sequence_output", outputs.encoder_last_hidden_state, "encoder"),
            ("decoder_sequence_output", last, "decoder"),
        ):
            arrays[f"{place} {key}"] = value[masks[part]].numpy()
        model.save_pretrained(folder / place)
        shutil.copytree(files, folder / place, dirs_exist_ok=True)
        if "written" in arrays:
            continue
        model.generation_config = transformers.GenerationConfig(pad_token_id=0)
        written = model.generate(**source, do_sample=False, **greedy)
        with torch.no_grad():
            scores = model(**source, decoder_input_ids=written).logits[:, :-1]
        scores = scores.log_softmax(-1).gather(2, written[:, 1:, None])[..., 0]
        found = model.generate(**source, do_sample=False, **search)
        arrays |= {
            "written": written.numpy(),
            "scores": scores.numpy(),
            "found": found.reshape(len(written), -1, found.shape[1]).numpy(),
        }
    first = next(iter(configs))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / first)
    tokens = tokenizer(texts, add_special_tokens=False).input_ids
    (folder / "tokens.json").write_text(json.dumps(tokens))
    return arrays


def transformers_seq2seq_reads(
    folder: Any, files: Any, inputs: Any, texts: Any, base: Any, new: Any
) -> Any:
    """Loads folders, of which nothing may be missing. See `reference`."""
    import json

    import torch
    import transformers

    arrays = {}
    given = {key: torch.tensor(value) for key, value in inputs.items()}
    for place in files.iterdir():
        model, info = transformers.AutoModelForSeq2SeqLM.from_pretrained(
            place, output_loading_info=True
        )
        assert not any(info.values()), info
        source = {
            "input_ids": given["encoder_token_ids"],
            "attention_mask": given["encoder_padding_mask"],
        }
        with torch.no_grad():
            outputs = model.eval()(
                **source,
                decoder_input_ids=given["decoder_token_ids"],
                decoder_attention_mask=given["decoder_padding_mask"],
            )
        real = given["decoder_padding_mask"].bool()
        arrays[place.name] = outputs.logits[real].numpy()
        if place.name == base:
            arrays["written"] = model.generate(**source, max_new_tokens=new).numpy()
    tokenizer = transformers.AutoTokenizer.from_pretrained(files / base)
    tokens = tokenizer(texts, add_special_tokens=False).input_ids
    (folder / "tokens.json").write_text(json.dumps(tokens))
    return arrays


def keras_hub_seq2seq(
    folder: Any,
    files: Any,
    name: Any,
    sizes: Any,
    tokenizer: Any,
    inputs: Any,
    texts: Any,
    lengths: Any,
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
    if sizes.get("activation") == "gelu_approximate":
        registered = "keras_hub>gelu_approximate"
        sizes["activation"] = keras.saving.get_registered_object(registered)
    preprocessor = cls("Seq2SeqLMPreprocessor")(cls("Tokenizer")(**options), *lengths)
    task = cls("Seq2SeqLM")(cls("Backbone")(**sizes), preprocessor)
    draw = np.random.default_rng(1)
    for weight in task.weights:
        if "seed" not in weight.name:  # no zero biases, no unit norms
            weight.assign(draw.normal(size=weight.shape, scale=0.3))
    task.save_to_preset(str(folder / "preset"))
    ids = {key: np.array(value, "int32") for key, value in inputs.items()}
    x, y, weight = preprocessor({"encoder_text": texts, "decoder_text": texts})
    numpy = keras.ops.convert_to_numpy
    return {
        "decoder_logits": numpy(task(ids)),
        "labels": numpy(y),
        "weights": numpy(weight),
        **{key: numpy(value) for key, value in {**x, **task.backbone(ids)}.items()},
    }


def keras_hub_seq2seq_reads(
    folder: Any, files: Any, name: Any, inputs: Any, texts: Any
) -> Any:
    """Loads a preset; returns what it computes. See `reference`."""
    import keras
    import keras_hub
    import numpy as np

    cls = getattr(keras_hub.models, f"{name}Seq2SeqLM")
    task = cls.from_preset(str(files / "preset"))
    ids = {key: np.array(value, "int32") for key, value in inputs.items()}
    x, y, weight = task.preprocessor({"encoder_text": texts, "decoder_text": texts})
    numpy = keras.ops.convert_to_numpy
    return {
        "decoder_logits": numpy(task(ids)),
        "labels": numpy(y),
        "weights": numpy(weight),
        **{key: numpy(value) for key, value in {**x, **task.backbone(ids)}.items()},
    }


def _lists(arrays: dict[str, np.ndarray]) -> dict[str, list[Any]]:
    return {key: value.tolist() for key, value in arrays.items()}
