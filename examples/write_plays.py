"""Trains a small GPT-2 from scratch, with a vocabulary it computes; it writes on.

    hatch run python examples/write_plays.py --data PATH/tinyshakespeare.txt
    hatch run python examples/write_plays.py      # of docstrings in Python's library

A twentieth of the text is held out. A model that knows nothing but how frequent tokens
are has a perplexity of 200 to 250 there; the script promises less than a quarter of it.
It takes six minutes on one core.
"""

import argparse
import inspect
import os
import pkgutil
import sys
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_nlp

END = "<|endoftext|>"
LENGTH = 96


def main() -> None:
    """Trains, evaluates, writes, and fails above the promised perplexity."""
    options = parse_options()
    keras.utils.set_random_seed(options.seed)
    text = options.data.read_text(encoding="utf-8") if options.data else docstrings()
    started = time.perf_counter()
    model, passages = make_model(text, options.vocabulary_size, layers=4, width=192)
    held_out = passages[::20]
    training = [passage for i, passage in enumerate(passages) if i % 20]
    print(f"{len(training)} passages of up to {LENGTH} tokens")
    learn(model, training, options.epochs, verbose=2)

    results = model.evaluate(held_out, verbose=0, return_dict=True)
    baseline = perplexity_of_frequencies(model.preprocessor, training, held_out)
    seconds = time.perf_counter() - started
    print(f"perplexity {results['perplexity']:.1f} on held-out text, {seconds:.0f} s")
    print(f"{baseline:.1f} by the frequencies of tokens alone\n")
    watch(model, text[:24], tokens=240)
    assert results["perplexity"] < baseline / 4


def make_model(
    text: str, vocabulary_size: int, layers: int, width: int
) -> tuple[keras_nlp.models.GPT2CausalLM, list[str]]:
    """Returns an untrained model of a text, and the text in passages of its length."""
    vocabulary, merges = keras_nlp.tokenizers.compute_byte_pair_vocabulary(
        iter([text]), vocabulary_size, special_tokens=[END]
    )
    tokenizer = keras_nlp.models.GPT2Tokenizer(vocabulary, merges)
    backbone = keras_nlp.models.GPT2Backbone(
        vocabulary_size=len(vocabulary),
        num_layers=layers,
        num_heads=4,
        hidden_dim=width,
        intermediate_dim=4 * width,
        dropout=0.0,
        max_sequence_length=256,
    )
    # A passage is a piece of a longer text: nothing begins or ends with it.
    preprocessor = keras_nlp.models.GPT2CausalLMPreprocessor(
        tokenizer, LENGTH, add_start_token=False, add_end_token=False
    )
    ids = tokenizer(text)
    pieces = [ids[i : i + LENGTH + 1] for i in range(0, len(ids), LENGTH)]
    passages = tokenizer.detokenize(pieces)
    return keras_nlp.models.GPT2CausalLM(backbone, preprocessor), passages


def learn(
    model: keras_nlp.models.GPT2CausalLM,
    passages: list[str],
    epochs: int,
    batch_size: int = 32,
    verbose: int = 1,
) -> list[float]:
    """Trains on passages, with the stock loss; returns the perplexity per epoch."""
    steps = -(-len(passages) // batch_size) * epochs
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=2e-3, warmup_steps=steps // 10
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=0.01),
        weighted_metrics=[keras_nlp.metrics.Perplexity(from_logits=True)],
    )
    history = model.fit(
        passages, batch_size=batch_size, epochs=epochs, verbose=verbose
    ).history
    return history["perplexity"]


def watch(model: keras_nlp.models.GPT2CausalLM, prompt: str, tokens: int) -> str:
    """Prints what the model writes on from a prompt, as it comes."""
    text = prompt
    print(text, end="", flush=True)
    for step in range(0, tokens, 8):
        longer = model.generate(
            text,
            max_new_tokens=8,
            stop_token_ids=None,
            temperature=0.8,
            top_p=0.95,
            seed=step,
        )
        print(longer[len(text) :], end="", flush=True)
        text = longer
    print()
    return text


def perplexity_of_frequencies(
    preprocessor: keras_nlp.models.GPT2CausalLMPreprocessor,
    training: list[str],
    held_out: list[str],
) -> float:
    """Returns the perplexity of guessing tokens by how frequent they are."""
    _, seen, _ = preprocessor(training)
    _, labels, weights = preprocessor(held_out)
    size = preprocessor.tokenizer.vocabulary_size()
    counts = np.bincount(seen.ravel(), minlength=size) + 1
    surprise = -np.log(counts / counts.sum())[labels]
    return float(np.exp((surprise * weights).sum() / weights.sum()))


def docstrings() -> str:
    """Returns the documentation of Python's standard library, one text."""
    texts = []
    for module in pkgutil.iter_modules():
        if module.name in sys.stdlib_module_names and module.name in sys.modules:
            for _, thing in inspect.getmembers(sys.modules[module.name]):
                if inspect.isroutine(thing) or inspect.isclass(thing):
                    texts.append(inspect.getdoc(thing) or "")
    return "\n\n".join(dict.fromkeys(texts))


def parse_options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a text file")
    parser.add_argument("--vocabulary-size", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
