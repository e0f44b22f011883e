"""BERT, `predict` and one `fit` step: ours beside keras-hub and transformers.

    python benchmarks/bert.py                  everything: 15 minutes, 15 GiB of memory
    python benchmarks/bert.py --contenders 'ours-*,transformers' --reps 5 --sizes MiniLM
    python benchmarks/bert.py --sessions 2 --markdown      the tables of RESULTS.md

Every contender gets the same model: L4 H256 or MiniLM's size (L6 H384), vocabulary
30522, sequence 128, batch 8, a head of 4 classes, dropout 0.1 on features and on
attention probabilities, float32, random weights; and the same work on the same arrays:

  predict  NumPy int32 ids, mask and segments in, NumPy logits out. Keras:
           `predict_on_batch`; torch: `eval()`, a forward under `no_grad`.
  fit      one optimizer step on that batch and 8 labels, the loss as a Python float
           out. Adam at 5e-5 everywhere. Keras: `train_on_batch`, without metrics;
           torch: zero_grad, forward, backward, `Adam(fused=True)`.

keras-hub and ours are compiled as Keras does by default on a CPU (`jit_compile="auto"`:
XLA on JAX only). Ours trains with its own default optimizer: Keras' Adam, run by
torch's fused kernel on torch; `ours-torch-keras-adam` runs Keras' own step. GELU is the
tanh form of the published BERT, except in `transformers-exact` and `ours-torch-exact`:
torch computes the exact form four times faster on a CPU; keras-hub's BERT lacks it.

`floor` is not a library: plain torch, one packed projection for query, key and value,
no module overhead, to show what is left to gain.
"""

import argparse
import functools
import math
from typing import Any

import harness
import numpy as np
from harness import Contender, Measurements

SIZES = {
    "L4-H256": {"layers": 4, "width": 256, "heads": 4, "inner": 1024},
    "MiniLM": {"layers": 6, "width": 384, "heads": 12, "inner": 1536},
}
VOCABULARY, POSITIONS, CLASSES = 30522, 512, 4
BATCH, TIME = 8, 128
DROPOUT, LEARNING_RATE = 0.1, 5e-5


def make_batch() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Returns one batch of ids, with padding of different lengths, and labels."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(TIME // 2, TIME + 1, BATCH)
    mask = (np.arange(TIME) < lengths[:, None]).astype("int32")
    ids = generator.integers(0, VOCABULARY, (BATCH, TIME)).astype("int32") * mask
    labels = generator.integers(0, CLASSES, BATCH).astype("int32")
    segments = np.zeros_like(mask)
    return {"token_ids": ids, "padding_mask": mask, "segment_ids": segments}, labels


# --- Keras ----------------------------------------------------------------------------


def build_ours(
    options: argparse.Namespace,
    gelu: str = "gelu_approximate",
    keras_adam: bool = False,
) -> Measurements:
    """Our `BertClassifier` on the active backend."""
    import keras

    import keras_nlp

    def make(layers: int, width: int, heads: int, inner: int) -> Any:
        backbone = keras_nlp.models.BertBackbone(
            vocabulary_size=VOCABULARY,
            num_layers=layers,
            num_heads=heads,
            hidden_dim=width,
            intermediate_dim=inner,
            dropout=DROPOUT,
            max_sequence_length=POSITIONS,
            activation=gelu,
        )
        model = keras_nlp.models.BertClassifier(backbone, num_classes=CLASSES)
        optimizer = keras.optimizers.Adam(LEARNING_RATE) if keras_adam else "auto"
        model.compile(optimizer=optimizer, metrics=None)
        return model

    return measure_keras(options, make)


def build_keras_hub(options: argparse.Namespace) -> Measurements:
    """keras-hub's `BertTextClassifier` on the active backend."""
    import keras
    import keras_hub

    def make(layers: int, width: int, heads: int, inner: int) -> Any:
        backbone = keras_hub.models.BertBackbone(
            vocabulary_size=VOCABULARY,
            num_layers=layers,
            num_heads=heads,
            hidden_dim=width,
            intermediate_dim=inner,
            dropout=DROPOUT,
            max_sequence_length=POSITIONS,
        )
        model = keras_hub.models.BertTextClassifier(
            backbone=backbone, num_classes=CLASSES, preprocessor=None
        )
        model.compile(
            optimizer=keras.optimizers.Adam(LEARNING_RATE),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=None,
        )
        return model

    return measure_keras(options, make)


def measure_keras(options: argparse.Namespace, make: Any) -> Measurements:
    """`make` returns a compiled model; predict and fit get one each."""
    inputs, labels = make_batch()
    measurements: Measurements = {}
    for size in options.sizes:
        model, trained = make(**SIZES[size]), make(**SIZES[size])
        measurements[f"{size} predict"] = functools.partial(
            model.predict_on_batch, inputs
        )
        measurements[f"{size} fit"] = functools.partial(
            trained.train_on_batch, inputs, labels
        )
    return measurements


# --- torch ----------------------------------------------------------------------------


def build_transformers(
    options: argparse.Namespace, gelu: str = "gelu_pytorch_tanh", compiled: bool = False
) -> Measurements:
    """Transformers with fused attention, eager or through `torch.compile`."""
    import torch
    import transformers

    inputs, labels = make_batch()
    batch = {
        "input_ids": torch.from_numpy(inputs["token_ids"]).long(),
        "attention_mask": torch.from_numpy(inputs["padding_mask"]).long(),
        "token_type_ids": torch.from_numpy(inputs["segment_ids"]).long(),
    }

    def make(layers: int, width: int, heads: int, inner: int) -> Any:
        config = transformers.BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=inner,
            hidden_act=gelu,
            hidden_dropout_prob=DROPOUT,
            attention_probs_dropout_prob=DROPOUT,
            max_position_embeddings=POSITIONS,
            num_labels=CLASSES,
            attn_implementation="sdpa",
        )
        model = transformers.BertForSequenceClassification(config)
        forward = torch.compile(model) if compiled else model
        return model, lambda: forward(**batch).logits

    return measure_torch(options, make, torch.from_numpy(labels).long())


def build_floor(options: argparse.Namespace) -> Measurements:
    """The hand-written model of `make_floor`."""
    import torch

    inputs, labels = make_batch()
    batch = [torch.from_numpy(x) for x in inputs.values()]

    def make(layers: int, width: int, heads: int, inner: int) -> Any:
        model = make_floor(layers, width, heads, inner)
        return model, lambda: model(*batch)

    return measure_torch(options, make, torch.from_numpy(labels).long())


def measure_torch(options: argparse.Namespace, make: Any, labels: Any) -> Measurements:
    """`make` returns a module and a function that gives the logits of the batch."""
    import torch

    torch.set_num_threads(1)
    measurements: Measurements = {}
    for size in options.sizes:
        module, forward = make(**SIZES[size])
        module.eval()
        measurements[f"{size} predict"] = functools.partial(_predict, forward)

        module, forward = make(**SIZES[size])
        module.train()
        optimizer = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE, fused=True)
        measurements[f"{size} fit"] = functools.partial(
            _step, forward, labels, optimizer
        )
    return measurements


def _predict(forward: Any) -> Any:
    import torch

    with torch.no_grad():
        return forward().numpy()


def _step(forward: Any, labels: Any, optimizer: Any) -> float:
    import torch

    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(forward(), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def make_floor(layers: int, width: int, heads: int, inner: int) -> Any:
    """Plain torch BERT: packed projections, native kernels, one module."""
    import torch
    import torch.nn.functional as F

    def weight(*shape: int) -> Any:
        return torch.nn.Parameter(torch.randn(*shape) * 0.02)

    def affine(inputs: int, outputs: int) -> Any:
        return torch.nn.ParameterList(
            [weight(outputs, inputs), torch.nn.Parameter(torch.zeros(outputs))]
        )

    def scale() -> Any:
        return torch.nn.ParameterList(
            [
                torch.nn.Parameter(value)
                for value in (torch.ones(width), torch.zeros(width))
            ]
        )

    class Floor(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = weight(VOCABULARY, width)
            self.positions = weight(POSITIONS, width)
            self.segments = weight(2, width)
            self.norm = scale()
            self.blocks = torch.nn.ModuleList(
                torch.nn.ModuleDict(
                    {
                        "packed": affine(width, 3 * width),
                        "out": affine(width, width),
                        "norm": scale(),
                        "up": affine(width, inner),
                        "down": affine(inner, width),
                        "last_norm": scale(),
                    }
                )
                for _ in range(layers)
            )
            self.pooler = affine(width, width)
            self.head = affine(width, CLASSES)

        def forward(self, ids: Any, mask: Any, segments: Any) -> Any:
            drop = functools.partial(F.dropout, p=DROPOUT, training=self.training)
            normalize = functools.partial(F.layer_norm, normalized_shape=(width,))
            x = F.embedding(ids, self.tokens) + F.embedding(segments, self.segments)
            x = x + self.positions[:TIME]
            x = drop(normalize(x, weight=self.norm[0], bias=self.norm[1]))
            bias = torch.where(mask[:, None, None] > 0, 0.0, -math.inf)
            for block in self.blocks:
                packed = F.linear(x, *block["packed"])
                packed = packed.view(BATCH, TIME, 3, heads, width // heads)
                query, key, value = packed.permute(2, 0, 3, 1, 4)  # (B, H, T, h)
                y = F.scaled_dot_product_attention(
                    query, key, value, bias, DROPOUT if self.training else 0.0
                )
                y = F.linear(
                    y.transpose(1, 2).reshape(BATCH, TIME, width), *block["out"]
                )
                gamma, beta = block["norm"]
                x = normalize(x + drop(y), weight=gamma, bias=beta)
                y = F.gelu(F.linear(x, *block["up"]), approximate="tanh")
                y = drop(F.linear(y, *block["down"]))
                gamma, beta = block["last_norm"]
                x = normalize(x + y, weight=gamma, bias=beta)
            pooled = torch.tanh(F.linear(x[:, 0], *self.pooler))
            return F.linear(drop(pooled), *self.head)

    return Floor()


# --- the table ------------------------------------------------------------------------

BACKENDS = {
    "jax": ("jax", "jaxlib"),
    "tensorflow": ("tensorflow",),
    "torch": ("torch",),
}


def list_contenders() -> list[Contender]:
    """In the order of the table; the first is the baseline."""
    transformers = ("transformers", "torch")
    contenders = [
        Contender("transformers", build_transformers, packages=transformers),
        Contender(
            "transformers-compile",
            functools.partial(build_transformers, compiled=True),
            packages=transformers,
        ),
        Contender(
            "transformers-exact",
            functools.partial(build_transformers, gelu="gelu"),
            packages=transformers,
        ),
        Contender("floor", build_floor, packages=("torch",)),
    ]
    for backend, packages in BACKENDS.items():
        environment = {"KERAS_BACKEND": backend}
        peer = f"keras-hub-{backend}"
        ours = ("keras", "kerasnlp", "domain-core", *packages)
        contenders += [
            Contender(
                peer,
                build_keras_hub,
                environment,
                packages=("keras", "keras-hub", *packages),
            ),
            Contender(
                f"ours-{backend}", build_ours, environment, ours, baselines=(peer,)
            ),
        ]
    # The last backend of the loop is torch, where GELU and the optimizer matter.
    contenders += [
        Contender(
            "ours-torch-exact",
            functools.partial(build_ours, gelu="gelu"),
            environment,
            ours,
            baselines=("transformers-exact",),
        ),
        Contender(
            "ours-torch-keras-adam",
            functools.partial(build_ours, keras_adam=True),
            environment,
            ours,
            baselines=("keras-hub-torch",),
        ),
    ]
    return contenders


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own option."""
    parser.add_argument(
        "--sizes",
        nargs="+",
        choices=SIZES,
        default=list(SIZES),
        help="models to measure; default: all",
    )


if __name__ == "__main__":
    harness.main(__doc__, list_contenders(), configure)
