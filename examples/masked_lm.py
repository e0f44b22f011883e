"""Trains a masked language model from scratch, with a vocabulary it computes itself.

    hatch run python examples/masked_lm.py --data PATH/tinyshakespeare.txt

A WordPiece vocabulary is computed from the text, then a small BERT learns to guess
hidden pieces of it. A tenth of the text is held out. Always guessing the most frequent
piece is right for about one in twenty; the script promises three in ten. It takes ten
minutes on one core.
"""

import argparse
import collections
import os
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_nlp

PROMISED = 0.3
LENGTH = 48


def main() -> None:
    """Trains, evaluates, fills gaps, and fails below the promised accuracy."""
    options = parse_options()
    keras.utils.set_random_seed(options.seed)
    started = time.perf_counter()
    passages = read_passages(options.data)
    held_out = passages[::10]
    training = [p for i, p in enumerate(passages) if i % 10]

    vocabulary = keras_nlp.tokenizers.compute_word_piece_vocabulary(
        iter(training), options.vocabulary_size, lowercase=True
    )
    tokenizer = keras_nlp.models.BertTokenizer(
        vocabulary, lowercase=True, special_tokens_in_strings=True
    )
    preprocessor = keras_nlp.models.BertMaskedLMPreprocessor(
        tokenizer, LENGTH, mask_selection_length=8, seed=options.seed
    )
    backbone = keras_nlp.models.BertBackbone(
        vocabulary_size=len(vocabulary),
        num_layers=3,
        num_heads=4,
        hidden_dim=128,
        intermediate_dim=512,
        dropout=0.0,
        max_sequence_length=LENGTH,
    )
    model = keras_nlp.models.BertMaskedLM(backbone, preprocessor)
    steps = -(-len(training) // options.batch_size) * options.epochs
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=2e-3, warmup_steps=steps // 10
    )
    model.compile(optimizer=keras.optimizers.AdamW(schedule, weight_decay=0.01))
    model.fit(training, batch_size=options.batch_size, epochs=options.epochs, verbose=2)

    accuracy = model.evaluate(held_out, verbose=0, return_dict=True)[
        "sparse_categorical_accuracy"
    ]
    baseline = most_frequent(tokenizer, held_out)
    seconds = time.perf_counter() - started
    print(f"{accuracy:.3f} of the hidden pieces right, {seconds:.0f} s")
    print(f"{baseline:.3f} by always guessing the most frequent one")
    for text in ("my noble [MASK], i thank thee", "what is thy [MASK], good sir?"):
        print(f"  {text}  ->  {', '.join(fill(model, text))}")
    assert accuracy >= PROMISED, f"expected at least {PROMISED}"
    assert accuracy >= 3 * baseline


def read_passages(path: Path) -> list[str]:
    """Cuts a text into passages of a few lines, at most about 150 characters each."""
    passages, current = [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if current and (not line or len(current) + len(line) > 150):
            passages.append(current)
            current = ""
        current = f"{current} {line}".strip()
    return [*passages, current] if current else passages


def most_frequent(tokenizer: keras_nlp.models.BertTokenizer, texts: list[str]) -> float:
    """Returns the share of the most frequent token."""
    counts = collections.Counter(i for ids in tokenizer(texts) for i in ids)
    return counts.most_common(1)[0][1] / counts.total()


def fill(model: keras_nlp.models.BertMaskedLM, text: str) -> list[str]:
    """Returns the three likeliest pieces at the [MASK] of a text."""
    tokenizer = model.preprocessor.tokenizer
    encoding = tokenizer.encode([text], add_special_tokens=True)
    place = np.argwhere(encoding.token_ids == tokenizer.mask_token_id)[:, 1:]
    scores = model(
        {
            "token_ids": encoding.token_ids,
            "padding_mask": encoding.padding_mask.astype("int32"),
            "segment_ids": np.zeros_like(encoding.token_ids),
            "mask_positions": place.astype("int32"),
        }
    )
    best = np.argsort(-keras.ops.convert_to_numpy(scores)[0, 0])[:3]
    return [tokenizer.id_to_token(int(i)) for i in best]


def parse_options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a text file")
    parser.add_argument("--vocabulary-size", type=int, default=800)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
