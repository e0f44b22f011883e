"""The table of the paper: four models, three backends, training and prediction.

    python benchmarks/table1.py                      at small sizes, on one core
    python benchmarks/table1.py --gpu --size paper   at the paper's, on a GPU
    python benchmarks/table1.py --models gemma --contenders 'ours-*,keras-hub-*'

Milliseconds per step of one batch, of ours, KerasHub and `transformers`, with random
weights. "train" is one optimizer step with Adam; "predict" of SAM and BERT a forward
pass, of Gemma and Mistral the writing of so many tokens from a prompt, greedily. At the
paper's sizes models compute in bfloat16, and Gemma and Mistral train low-rank factors
of their queries and values alone. SAM gets images and one box each; it trains all
weights but those of the prompt encoder, see `segment_anything.py`.

  paper   SAM huge, train batch 1 and predict batch 7 of 1024 pixels, as in the paper;
          BERT base, batch 54 and 531 of 128 tokens; Gemma 7B and Mistral 7B: train
          batch 8 of 128 tokens, predict batch 32 and 1, of a prompt of 128 and 128 new
  small   SAM of 2 blocks x 32, train batch 1 and predict batch 7 of 64 pixels; BERT L2
          H128, batch 8; Gemma and Mistral of 4 layers x 256, batch 2 and 4 and
          1, 32 tokens of prompt and 32 new

The paper says neither how long texts are nor, for BERT, how large batches: those are
ours. `--sam base` takes a smaller SAM at the paper's sizes.
"""

import argparse
import functools
from typing import Any

import harness
import numpy as np
import segment_anything as sam
from harness import Contender, Measurements

SIZES: dict[str, dict[str, Any]] = {
    "small": {
        "dtype": "float32",
        "bert": {
            "vocabulary": 8192,
            "layers": 2,
            "heads": 2,
            "width": 128,
            "inner": 512,
        },
        "gemma": {
            **{"vocabulary": 8192, "layers": 4, "heads": 4, "kept": 1, "width": 256},
            **{"inner": 512, "head": 64},
        },
        "mistral": {
            **{"vocabulary": 8192, "layers": 4, "heads": 4, "kept": 2, "width": 256},
            **{"inner": 688, "head": 64},
        },
        "sam": {"size": "small", "pixels": 64},
        "batches": {
            **{"sam": (1, 7), "bert": (8, 8)},
            **{"gemma": (2, 4, 1), "mistral": (2, 4, 1)},
        },
        "time": 32,
    },
    "paper": {
        "dtype": "bfloat16",
        "bert": {
            **{"vocabulary": 30522, "layers": 12, "heads": 12, "width": 768},
            "inner": 3072,
        },
        "gemma": {
            **{"vocabulary": 256000, "layers": 28, "heads": 16, "kept": 16},
            **{"width": 3072, "inner": 24576, "head": 256},
        },
        "mistral": {
            **{"vocabulary": 32000, "layers": 32, "heads": 32, "kept": 8},
            **{"width": 4096, "inner": 14336, "head": 128},
        },
        "sam": {"size": "huge", "pixels": 1024},
        "batches": {
            **{"sam": (1, 7), "bert": (54, 531)},
            **{"gemma": (8, 32, 1), "mistral": (8, 32, 1)},
        },
        "time": 128,
    },
}
MODELS = ("sam", "bert", "gemma", "mistral")
CLASSES, RANK = 4, 4


def draw(options: argparse.Namespace, model: str, batch: int) -> np.ndarray:
    """Returns ids, int32 `(batch, time)`."""
    size = SIZES[options.size]
    generator = np.random.default_rng(0)
    shape = (batch, size["time"])
    return generator.integers(3, size[model]["vocabulary"], shape).astype("int32")


def measure(options: argparse.Namespace, library: Any) -> Measurements:
    """Returns what there is to measure of a library.

    Args:
        options: of the command line.
        library: with `train(model, ids)`, which returns a function, and
            `predict(model)`, which returns one of ids.
    """
    measurements: Measurements = {}
    for model in options.models:
        first, *others = SIZES[options.size]["batches"][model]
        if model == "sam":
            measurements |= measure_sam(options, library, first, others)
            continue
        measurements[f"{model} train, batch {first}"] = library.train(
            model, draw(options, model, first)
        )
        predict = library.predict(model)
        for batch in others:
            measurements[f"{model} predict, batch {batch}"] = functools.partial(
                predict, draw(options, model, batch)
            )
    return measurements


def measure_sam(
    options: argparse.Namespace, library: Any, first: int, others: list[int]
) -> Measurements:
    """Returns what there is to measure of SAM.

    Args:
        options: of the command line.
        library: with `train_sam` and `predict_sam`, of its size, pixels and batch,
            which return functions.
        first: images of a step.
        others: images of a prediction, several times.
    """
    size, pixels = SIZES[options.size]["sam"].values()
    if options.sam is not None:
        size = options.sam
    measurements: Measurements = {
        f"sam train, batch {first}": library.train_sam(size, pixels, first)
    }
    for batch in others:
        measurements[f"sam predict, batch {batch}"] = library.predict_sam(
            size, pixels, batch
        )
    return measurements


# --- Keras ----------------------------------------------------------------------------


class Keras:
    """Ours or KerasHub's models, whose constructors are alike.

    Args:
        options: of the command line.
        models: namespace of the classes.
        classifier: name of BERT's classifier.
        optimizer: Adam at 5e-5, as the library has it by default if it does.
        is_hub: whether it is KerasHub.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        models: Any,
        classifier: str,
        optimizer: str | None = None,
        is_hub: bool = False,
    ) -> None:
        self._is_hub = is_hub
        self._optimizer = optimizer
        self._options = options
        self._size = SIZES[options.size]
        self._models = models
        self._classifier = classifier

    def train(self, model: str, ids: np.ndarray) -> Any:
        """Returns a function that makes one step."""
        import keras

        task = self._task(model)
        if model != "bert" and self._options.size == "paper":
            self._freeze(task.backbone)
        task.compile(
            optimizer=self._optimizer or keras.optimizers.Adam(5e-5),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            weighted_metrics=None,
        )
        labels = np.roll(ids, -1, 1) if model != "bert" else ids[:, 0] % CLASSES
        return functools.partial(task.train_on_batch, self._inputs(model, ids), labels)

    def predict(self, model: str) -> Any:
        """Returns a function of ids."""
        task = self._task(model)
        if model == "bert":
            return lambda ids: task.predict_on_batch(self._inputs(model, ids))
        task.compile(sampler="greedy")

        def write(ids: np.ndarray) -> Any:
            room = ((0, 0), (0, ids.shape[1]))
            inputs = {
                "token_ids": np.pad(ids, room),
                "padding_mask": np.pad(np.ones_like(ids), room),
            }
            return np.asarray(task.generate(inputs, stop_token_ids=None)["token_ids"])

        return write

    def train_sam(self, size: str, pixels: int, batch: int) -> Any:
        """Returns a function that makes one step."""
        return sam.keras_step(self._sam(size, pixels), pixels, batch, self._is_hub)

    def predict_sam(self, size: str, pixels: int, batch: int) -> Any:
        """Returns a function that predicts."""
        import keras

        model = self._sam(size, pixels)
        if self._is_hub:  # its own method for one batch fails
            model = keras.Model(model.input, model.output)
        inputs = sam.keras_inputs(pixels, batch, self._is_hub)
        return functools.partial(model.predict_on_batch, inputs)

    def _sam(self, size: str, pixels: int) -> Any:
        make = sam.hub_model if self._is_hub else sam.our_model
        return make(size, pixels, self._size["dtype"])

    def _task(self, model: str) -> Any:
        size = self._size[model]
        shared = {
            "vocabulary_size": size["vocabulary"],
            "num_layers": size["layers"],
            "hidden_dim": size["width"],
            "intermediate_dim": size["inner"],
            "dtype": self._size["dtype"],
        }
        if model == "bert":
            backbone = self._models.BertBackbone(num_heads=size["heads"], **shared)
            cls = getattr(self._models, self._classifier)
            return cls(backbone, num_classes=CLASSES, preprocessor=None)
        shared |= {
            "num_query_heads": size["heads"],
            "num_key_value_heads": size["kept"],
        }
        if model == "gemma":
            shared |= {"intermediate_dim": 2 * size["inner"], "head_dim": size["head"]}
            backbone = self._models.GemmaBackbone(**shared)
            return self._models.GemmaCausalLM(backbone, preprocessor=None)
        backbone = self._models.MistralBackbone(**shared, sliding_window=4096)
        return self._models.MistralCausalLM(backbone, preprocessor=None)

    def _inputs(self, model: str, ids: np.ndarray) -> dict[str, np.ndarray]:
        inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids)}
        return {**inputs, "segment_ids": ids * 0} if model == "bert" else inputs

    def _freeze(self, backbone: Any) -> None:
        """Leaves low-rank factors of queries and values to train."""
        if hasattr(backbone, "enable_lora"):
            backbone.enable_lora(RANK)
            return
        trained = []
        for block in backbone.blocks:
            for layer in (block.attention.query, block.attention.value):
                layer.enable_lora(RANK)
                trained += [layer.lora_kernel_a, layer.lora_kernel_b]
        for weight in backbone.weights:
            weight.trainable = any(weight is factor for factor in trained)


def build_ours(options: argparse.Namespace) -> Measurements:
    """Our models on the active backend."""
    from keras_nlp import models

    return measure(options, Keras(options, models, "BertClassifier", "auto"))


def build_keras_hub(options: argparse.Namespace) -> Measurements:
    """KerasHub's models on the active backend."""
    from keras_hub import models

    return measure(options, Keras(options, models, "BertTextClassifier", is_hub=True))


# --- torch ----------------------------------------------------------------------------


class Transformers:
    """The models of `transformers`, eager, with fused attention."""

    def __init__(self, options: argparse.Namespace) -> None:
        import torch

        self._options = options
        self._size = SIZES[options.size]
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        if not options.gpu:
            torch.set_num_threads(1)

    def train(self, model: str, ids: np.ndarray) -> Any:
        """Returns a function that makes one step."""
        import torch

        module = self._module(model).train()
        if model != "bert" and self._options.size == "paper":
            # As many low-rank factors; their libraries' adapters are an extra.
            for parameter in module.parameters():
                parameter.requires_grad_(False)
            for layer in module.model.layers:
                for name in ("q_proj", "v_proj"):
                    setattr(
                        layer.self_attn, name, _lora(getattr(layer.self_attn, name))
                    )
        trained = [p for p in module.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=5e-5, fused=True)
        tensor = torch.from_numpy(ids).long().to(self._device)
        labels = tensor if model != "bert" else tensor[:, 0] % CLASSES

        def step() -> float:
            optimizer.zero_grad()
            loss = module(input_ids=tensor, labels=labels).loss
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    def predict(self, model: str) -> Any:
        """Returns a function of ids."""
        import torch

        module = self._module(model).eval()

        def run(ids: np.ndarray) -> Any:
            tensor = torch.from_numpy(ids).long().to(self._device)
            with torch.inference_mode():
                if model == "bert":
                    return module(input_ids=tensor).logits.float().cpu().numpy()
                return (
                    module.generate(
                        tensor,
                        attention_mask=torch.ones_like(tensor),
                        do_sample=False,
                        min_new_tokens=ids.shape[1],
                        max_new_tokens=ids.shape[1],
                        pad_token_id=0,
                    )
                    .cpu()
                    .numpy()
                )

        return run

    def train_sam(self, size: str, pixels: int, batch: int) -> Any:
        """Returns a function that makes one step."""
        module = sam.transformers_model(size, pixels, self._size["dtype"])
        return sam.transformers_step(module, pixels, batch)

    def predict_sam(self, size: str, pixels: int, batch: int) -> Any:
        """Returns a function that predicts."""
        import torch

        module = sam.transformers_model(size, pixels, self._size["dtype"]).eval()
        inputs = sam.transformers_inputs(module, pixels, batch)

        def run() -> Any:
            with torch.inference_mode():
                return module(**inputs).pred_masks.float().cpu().numpy()

        return run

    def _module(self, model: str) -> Any:
        import torch
        import transformers

        size = self._size[model]
        shared = {
            "vocab_size": size["vocabulary"],
            "hidden_size": size["width"],
            "num_hidden_layers": size["layers"],
            "num_attention_heads": size["heads"],
            "intermediate_size": size["inner"],
            "attn_implementation": "sdpa",
        }
        if model == "bert":
            config = transformers.BertConfig(**shared, num_labels=CLASSES)
            kind = transformers.AutoModelForSequenceClassification
        else:
            more = {"num_key_value_heads": size["kept"], "head_dim": size["head"]}
            of = {
                "gemma": transformers.GemmaConfig,
                "mistral": transformers.MistralConfig,
            }
            config = of[model](**shared, **more)
            kind = transformers.AutoModelForCausalLM
        dtype = getattr(torch, self._size["dtype"])
        with torch.device(self._device):
            return kind.from_config(config, dtype=dtype)


def _lora(linear: Any) -> Any:
    """Returns a linear layer with low-rank factors beside it."""
    import torch

    class Lora(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            like = {"device": linear.weight.device, "dtype": linear.weight.dtype}
            self.linear = linear
            self.a = torch.nn.Parameter(torch.randn(RANK, linear.in_features, **like))
            self.b = torch.nn.Parameter(torch.zeros(linear.out_features, RANK, **like))

        def forward(self, x: Any) -> Any:
            return self.linear(x) + x @ self.a.T @ self.b.T

    return Lora()


def build_transformers(options: argparse.Namespace) -> Measurements:
    """The models of `transformers`."""
    return measure(options, Transformers(options))


# --- the command ----------------------------------------------------------------------

BACKENDS = ("torch", "jax", "tensorflow")
CONTENDERS = [
    *(
        Contender(
            f"ours-{backend}",
            build_ours,
            {"KERAS_BACKEND": backend},
            ("keras", backend),
            (f"keras-hub-{backend}", "transformers"),
        )
        for backend in BACKENDS
    ),
    *(
        Contender(
            f"keras-hub-{backend}",
            build_keras_hub,
            {"KERAS_BACKEND": backend},
            ("keras-hub",),
        )
        for backend in BACKENDS
    ),
    Contender("transformers", build_transformers, packages=("transformers",)),
]


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds what to measure."""
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--sam", choices=sam.SIZES, help="default: as --size says")
    parser.add_argument(
        "--models",
        type=lambda text: text.split(","),
        default=list(MODELS),
        help=f"of {', '.join(MODELS)}; default: all",
    )


if __name__ == "__main__":
    harness.main(__doc__, CONTENDERS, configure)
