"""Writing on sources, greedily, and a training step: ours beside its peers.

    python benchmarks/seq2seq.py                        both models, batches 1 and 8
    python benchmarks/seq2seq.py --sizes t5-small --contenders 'ours-*,transformers'
    python benchmarks/seq2seq.py --sizes t5-tiny,bart-tiny --reps 1 --calls 1    a try

Every contender gets the same model, float32, random weights. It reads sources of 64
random tokens and writes 64 more; no token ends an answer. Sizes:

  t5-small   T5 1.0: 6 + 6 layers x 512, 8 heads, MLP 2048 of ReLU, vocabulary 32128
  bart-base  BART: 6 + 6 layers x 768, 12 heads, MLP 3072 of GELU, vocabulary 50265
  t5-tiny, bart-tiny   the same of 2 + 2 layers x 64, to see that all of it runs

ours                `Seq2SeqLM.generate` on a dict of ids; `-compiled` with
                    `jit_compile=True` (on JAX and TensorFlow always), without training.
transformers        `generate` with its dynamic cache and fused attention; `-compiled`:
                    with its static cache, through `torch.compile`.
keras-hub           `generate` of its tasks on the same ids.

The time of a generation is that of one call, source included. "first call" holds
compilation.

"training step" is one on 8 sources and targets of 64 tokens, without dropout: Adam at
5e-5, cross-entropy, the loss as a number out. Keras: `train_on_batch`, without metrics,
ours with its own default optimizer; torch: zero_grad, forward, backward,
`Adam(fused=True)`.
"""

import argparse
import functools
from typing import Any

import harness
import numpy as np
from harness import Contender, Measurements

SIZES = {
    "t5-small": {"layers": 6, "width": 512, "heads": 8, "inner": 2048, "v": 32128},
    "bart-base": {"layers": 6, "width": 768, "heads": 12, "inner": 3072, "v": 50265},
    "t5-tiny": {"layers": 2, "width": 64, "heads": 4, "inner": 128, "v": 1000},
    "bart-tiny": {"layers": 2, "width": 64, "heads": 4, "inner": 128, "v": 1000},
}
SOURCE, NEW = 64, 64
BATCH, LEARNING_RATE = 8, 5e-5


def is_t5(size: str) -> bool:
    """Returns whether a size is one of T5, else it is one of BART."""
    return size.startswith("t5")


def start_of(size: str) -> int:
    """Returns the id that the decoder begins with."""
    return 0 if is_t5(size) else 2


def draw_ids(size: str, batch: int, seed: int = 0) -> np.ndarray:
    """Returns ids of sources, int32 `(batch, SOURCE)`."""
    draw = np.random.default_rng(seed)
    return draw.integers(3, SIZES[size]["v"], (batch, SOURCE)).astype("int32")


def shifted(targets: np.ndarray, size: str) -> np.ndarray:
    """Returns what the decoder reads to learn targets."""
    return np.pad(targets[:, :-1], ((0, 0), (1, 0)), constant_values=start_of(size))


def measure(
    options: argparse.Namespace, make: Any, trained: Any = None
) -> Measurements:
    """Returns the measurements of both, or of one alone.

    `make(size)` returns a function of sources that gives `NEW` ids for each of them;
    `trained(size)` one of `(sources, decoder ids, targets)` that makes a step.
    """
    measurements: Measurements = {}
    for size in options.sizes:
        generate = make(size)
        for batch in options.batches:
            measurements[f"{size} batch {batch}, {NEW} tokens"] = functools.partial(
                _generate, generate, draw_ids(size, batch)
            )
        if trained is None:
            continue
        targets = draw_ids(size, BATCH, seed=1)
        measurements[f"{size} training step"] = functools.partial(
            trained(size), draw_ids(size, BATCH), shifted(targets, size), targets
        )
    return measurements


def _generate(generate: Any, sources: np.ndarray) -> None:
    found = generate(sources)
    assert found.shape == (len(sources), NEW), found.shape


# --- Keras ----------------------------------------------------------------------------


def arguments(size: str) -> dict[str, Any]:
    """Returns those of a backbone, the same here and in keras-hub."""
    s = SIZES[size]
    named: dict[str, Any] = {
        "vocabulary_size": s["v"],
        "num_layers": s["layers"],
        "num_heads": s["heads"],
        "hidden_dim": s["width"],
        "intermediate_dim": s["inner"],
        "dropout": 0.0,
    }
    return {**named, "use_gated_activation": False} if is_t5(size) else named


def inputs_of(sources: np.ndarray, decoder_ids: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the inputs of a model of Keras; nothing is padding."""
    return {
        "encoder_token_ids": sources,
        "encoder_padding_mask": np.ones_like(sources),
        "decoder_token_ids": decoder_ids,
        "decoder_padding_mask": np.ones_like(decoder_ids),
    }


def step_of(model: Any) -> Any:
    """Returns the training step of a compiled model of Keras."""
    return lambda sources, decoder_ids, targets: model.train_on_batch(
        inputs_of(sources, decoder_ids), targets
    )


def build_ours(options: argparse.Namespace, compiled: bool = False) -> Measurements:
    """Our task on the active backend."""
    from keras_nlp import models

    def untrained(size: str) -> Any:
        family = "T5" if is_t5(size) else "Bart"
        backbone = getattr(models, f"{family}Backbone")(**arguments(size))
        # Metrics of a first `compile` stay: Keras takes None for what there was.
        return getattr(models, f"{family}Seq2SeqLM")(backbone, compile=False)

    def trained(size: str) -> Any:
        model = untrained(size)
        model.compile(weighted_metrics=None)
        return step_of(model)

    def make(size: str) -> Any:
        model = untrained(size)
        model.compile(sampler="greedy", **({"jit_compile": True} if compiled else {}))

        def generate(sources: np.ndarray) -> Any:
            start = np.full((len(sources), 1), start_of(size), "int32")
            found = model.generate(
                inputs_of(sources, start), max_new_tokens=NEW, stop_token_ids=None
            )
            return found["decoder_token_ids"][:, 1:]

        return generate

    return measure(options, make, None if compiled else trained)


def build_keras_hub(options: argparse.Namespace) -> Measurements:
    """keras-hub's task on the active backend."""
    import keras
    import keras_hub

    def untrained(size: str) -> Any:
        family = "T5" if is_t5(size) else "Bart"
        backbone = getattr(keras_hub.models, f"{family}Backbone")(**arguments(size))
        task = getattr(keras_hub.models, f"{family}Seq2SeqLM")
        return task(backbone, preprocessor=None, compile=False)

    def trained(size: str) -> Any:
        model = untrained(size)
        model.compile(
            optimizer=keras.optimizers.Adam(LEARNING_RATE),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            weighted_metrics=None,
        )
        return step_of(model)

    def make(size: str) -> Any:
        model = untrained(size)
        model.compile(sampler="greedy")

        def generate(sources: np.ndarray) -> Any:
            start = np.full((len(sources), 1), start_of(size), "int32")
            room = ((0, 0), (0, NEW))
            inputs = inputs_of(sources, start)
            for name in ("decoder_token_ids", "decoder_padding_mask"):
                inputs[name] = np.pad(inputs[name], room)
            outputs = model.generate(inputs, stop_token_ids=None)
            return keras.ops.convert_to_numpy(outputs["decoder_token_ids"])[:, 1:]

        return generate

    return measure(options, make, trained)


# --- torch ----------------------------------------------------------------------------


def build_transformers(
    options: argparse.Namespace, compiled: bool = False
) -> Measurements:
    """Transformers with fused attention, eager or compiled."""
    import torch
    import transformers

    torch.set_num_threads(1)

    def untrained(size: str) -> Any:
        s = SIZES[size]
        if is_t5(size):
            config = transformers.T5Config(
                vocab_size=s["v"],
                d_model=s["width"],
                d_kv=s["width"] // s["heads"],
                d_ff=s["inner"],
                num_layers=s["layers"],
                num_heads=s["heads"],
                dropout_rate=0.0,
                decoder_start_token_id=start_of(size),
            )
        else:
            config = transformers.BartConfig(
                vocab_size=s["v"],
                d_model=s["width"],
                encoder_layers=s["layers"],
                decoder_layers=s["layers"],
                encoder_attention_heads=s["heads"],
                decoder_attention_heads=s["heads"],
                encoder_ffn_dim=s["inner"],
                decoder_ffn_dim=s["inner"],
                dropout=0.0,
                decoder_start_token_id=start_of(size),
                attn_implementation="sdpa",
            )
        return transformers.AutoModelForSeq2SeqLM.from_config(config)

    def trained(size: str) -> Any:
        model = untrained(size)
        model.train()
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
        forward = torch.compile(model) if compiled else model

        def step(*arrays: np.ndarray) -> float:
            sources, decoder_ids, targets = (
                torch.from_numpy(ids).long() for ids in arrays
            )
            optimizer.zero_grad()
            loss = forward(
                input_ids=sources,
                attention_mask=torch.ones_like(sources),
                decoder_input_ids=decoder_ids,
                labels=targets,
            ).loss
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    def make(size: str) -> Any:
        model = untrained(size)
        model.eval()
        config = model.generation_config
        config.eos_token_id = config.forced_eos_token_id = None
        if compiled:
            config.cache_implementation = "static"
            config.disable_compile = True  # it would not on a CPU
            torch._dynamo.config.recompile_limit = 64  # it runs eagerly from there on
            model.forward = torch.compile(model.forward)

        def generate(sources: np.ndarray) -> Any:
            ids = torch.from_numpy(sources).long()
            with torch.inference_mode():
                found = model.generate(
                    ids,
                    attention_mask=torch.ones_like(ids),
                    do_sample=False,
                    max_new_tokens=NEW,
                    pad_token_id=1,
                )
            return found.numpy()[:, 1:]

        return generate

    return measure(options, make, trained)


# --- the command ----------------------------------------------------------------------


def list_contenders() -> list[Contender]:
    """In the order of the table; the first is the baseline."""
    contenders = [
        Contender("transformers", build_transformers, packages=("transformers",)),
        Contender(
            "transformers-compiled",
            functools.partial(build_transformers, compiled=True),
        ),
    ]
    for backend in ("torch", "jax", "tensorflow"):
        environment = {"KERAS_BACKEND": backend}
        peer, packages = f"keras-hub-{backend}", ("keras", "keras-hub", backend)
        contenders += [
            Contender(peer, build_keras_hub, environment, packages),
            Contender(f"ours-{backend}", build_ours, environment, baselines=(peer,)),
        ]
    contenders.append(
        Contender(
            "ours-torch-compiled",
            functools.partial(build_ours, compiled=True),
            {"KERAS_BACKEND": "torch"},
            baselines=("transformers-compiled",),
        )
    )
    return contenders


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds what to measure."""
    parser.add_argument(
        "--sizes",
        type=lambda text: text.split(","),
        default=["t5-small", "bart-base"],
        help=f"of {', '.join(SIZES)}; default: t5-small,bart-base",
    )
    parser.add_argument(
        "--batches",
        type=lambda text: [int(number) for number in text.split(",")],
        default=[1, 8],
        help="numbers of sources; default: 1,8",
    )


def tokens_of(measurement: str) -> int | None:
    """Returns how many tokens each row of a measurement gets; None in training."""
    return NEW if measurement.endswith("tokens") else None


if __name__ == "__main__":
    harness.main(__doc__, list_contenders(), configure, harness.Per("token", tokens_of))
