"""Text to ids: ours beside the compiled tokenizers, KerasHub and TensorFlow's ops.

    python benchmarks/text.py                       one core, 15 minutes
    python benchmarks/text.py --cores 2             two cores
    python benchmarks/text.py --megabytes 2         quicker, other ratios
    python benchmarks/text.py --markdown            the tables of RESULTS.md

One call tokenizes 8 MB of English, docstrings of the installed packages, in batches of
256 texts, and ends with lists of ids (compiled tokenizers), ragged arrays in memory
(ours, as preprocessors use them), or ragged tensors (`tf.data`). A MB is 10^6 bytes.

  word-piece cold, byte-pair cold
                     with a tokenizer that has seen no text yet. (What `tokenizers`
                     remembers by itself, it forgets too.)
  word-piece, byte-pair
                     the same text again and again: all of it is known.
  sentence-piece     a unigram model; nothing is remembered.
  pipeline           texts to BERT's inputs of 128 tokens: tokenize, pack, batch.

The vocabularies are trained on docstrings of the standard library, 8,000 tokens each.

  tokenizers         `encode_batch_fast` of the package our tokenizers are built on.
  sentencepiece      `encode` of the package of that name, which gives lists.
  tiktoken           `encode_ordinary_batch`, with as many threads as cores.
  keras-hub-tf.data  KerasHub, mapped over batches of a `tf.data.Dataset`.
  fast-bert          `tensorflow_text.FastBertTokenizer`, one fused op, mapped likewise.
  ours               `encode_batch` of our tokenizers.
  ours-lists         a call with a list of texts, which gives lists.
  ours-tf.data       mapped over batches of a `tf.data.Dataset`: one host call each.
  ours-graph         likewise with `graph=True`.
"""

import argparse
import ast
import functools
import os
import pathlib
import site
import sysconfig
from collections.abc import Callable, Iterator
from typing import Any

import harness
from harness import Contender, Measurements

BATCH, VOCABULARY_SIZE = 256, 8000
SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]

Batches = list[list[str]]
Run = Callable[[], object]
Make = Callable[[Batches], Run]


def docstrings(folder: str, pattern: str) -> Iterator[str]:
    """Yields the docstrings of Python files, each once, in the same order each time."""
    seen = set()
    for path in sorted(pathlib.Path(folder).glob(pattern)):
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        kinds = ast.FunctionDef | ast.ClassDef | ast.Module
        for node in ast.walk(tree):
            text = ast.get_docstring(node) if isinstance(node, kinds) else None
            if text and len(text) > 40 and text not in seen:
                seen.add(text)
                yield text


def read_batches(options: argparse.Namespace) -> list[list[str]]:
    """Returns the texts to tokenize."""
    texts, size = [], 0
    for text in docstrings(site.getsitepackages()[0], "*/*.py"):
        texts.append(text)
        size += len(text.encode())
        if size >= options.megabytes * 1e6:
            break
    return [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]


@functools.cache
def vocabularies() -> tuple[dict[str, int], list[str], list[str]]:
    """Returns byte-pair ids and merges, and WordPiece tokens."""
    from keras_nlp.tokenizers import (
        compute_byte_pair_vocabulary,
        compute_word_piece_vocabulary,
    )

    texts = list(docstrings(sysconfig.get_paths()["stdlib"], "*.py"))
    ids, merges = compute_byte_pair_vocabulary(iter(texts), VOCABULARY_SIZE)
    tokens = compute_word_piece_vocabulary(iter(texts), VOCABULARY_SIZE, lowercase=True)
    return ids, merges, tokens


@functools.cache
def sentence_piece_model() -> bytes:
    """Returns a unigram model."""
    from keras_nlp.tokenizers import compute_sentence_piece_proto

    texts = docstrings(sysconfig.get_paths()["stdlib"], "*.py")
    return compute_sentence_piece_proto(texts, VOCABULARY_SIZE)


def measure(
    options: argparse.Namespace,
    word_piece: Make | None = None,
    byte_pair: Make | None = None,
    sentence_piece: Make | None = None,
    pipeline: Make | None = None,
    *,
    cold: bool = True,
) -> Measurements:
    """Measures new tokenizers, and such that know the text."""
    batches = read_batches(options)
    measurements: Measurements = {}
    for name, make in {"sentence-piece": sentence_piece, "pipeline": pipeline}.items():
        if make is not None:
            measurements[name] = make(batches)
    for name, make in {"word-piece": word_piece, "byte-pair": byte_pair}.items():
        if make is None:
            continue
        if cold:
            measurements[f"{name} cold"] = functools.partial(_cold, make, batches)
        measurements[name] = make(batches)
    return measurements


def _cold(make: Make, batches: Batches) -> object:
    return make(batches)()


def each(function: Callable[[list[str]], Any], batches: Batches) -> Run:
    """Calls a function for each batch."""
    return lambda: [function(batch) for batch in batches]


def mapped(function: Callable[[Any], Any], batches: Batches) -> Run:
    """Maps a function over a dataset of batches."""
    import tensorflow as tf

    texts = tf.data.Dataset.from_tensor_slices(tf.ragged.constant(batches))
    dataset = texts.map(function, num_parallel_calls=_cores()).prefetch(1)
    return lambda: sum(1 for _ in dataset)


def build_tokenizers(options: argparse.Namespace) -> Measurements:
    """The package `tokenizers` itself."""
    import tokenizers
    from tokenizers import models, normalizers, pre_tokenizers

    ids, merges, tokens = vocabularies()
    pairs = [tuple(merge.split(" ")) for merge in merges]

    def encode(tokenizer: Any, batches: Batches) -> Run:
        run = functools.partial(tokenizer.encode_batch_fast, add_special_tokens=False)
        return each(lambda batch: [encoding.ids for encoding in run(batch)], batches)

    def word_piece(batches: Batches) -> Run:
        vocabulary = {token: index for index, token in enumerate(tokens)}
        model = models.WordPiece(vocabulary, unk_token="[UNK]")
        tokenizer = tokenizers.Tokenizer(model)
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        return encode(tokenizer, batches)

    def byte_pair(batches: Batches) -> Run:
        tokenizer = tokenizers.Tokenizer(models.BPE(ids, pairs))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        return encode(tokenizer, batches)

    return measure(options, word_piece, byte_pair)


def build_sentencepiece(options: argparse.Namespace) -> Measurements:
    """The package `sentencepiece` itself."""
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=sentence_piece_model())
    run = functools.partial(processor.encode, num_threads=_cores())
    return measure(options, sentence_piece=functools.partial(each, run))


def build_tiktoken(options: argparse.Namespace) -> Measurements:
    """OpenAI's byte-pair tokenizer, with the ranks of our merges."""
    import tiktoken

    from domain_core.text.byte_pair.byte_level import token_to_bytes
    from domain_core.text.byte_pair.patterns import PATTERNS

    ids, _, _ = vocabularies()
    encoding = tiktoken.Encoding(
        "ours",
        pat_str=PATTERNS["gpt2"].regex,
        mergeable_ranks={token_to_bytes(token): rank for token, rank in ids.items()},
        special_tokens={},
    )
    run = functools.partial(encoding.encode_ordinary_batch, num_threads=_cores())
    return measure(options, byte_pair=functools.partial(each, run))


def build_keras_hub(options: argparse.Namespace) -> Measurements:
    """KerasHub, in a dataset; on lists it is slower by far."""
    from keras_hub import models, tokenizers

    ids, merges, tokens = vocabularies()

    def pipeline(batches: Batches) -> Run:
        tokenizer = models.BertTokenizer(tokens, lowercase=True)
        preprocessor = models.BertTextClassifierPreprocessor(tokenizer, 128)
        return mapped(preprocessor, batches)

    return measure(
        options,
        lambda b: mapped(tokenizers.WordPieceTokenizer(tokens, lowercase=True), b),
        lambda b: mapped(tokenizers.BytePairTokenizer(ids, merges), b),
        lambda b: mapped(tokenizers.SentencePieceTokenizer(sentence_piece_model()), b),
        pipeline,
        cold=False,
    )


def build_fast_bert(options: argparse.Namespace) -> Measurements:
    """TensorFlow Text's fused op."""
    import tensorflow as tf
    import tensorflow_text

    _, _, tokens = vocabularies()

    tokenizer = tensorflow_text.FastBertTokenizer(
        tokens, token_out_type=tf.int32, lower_case_nfd_strip_accents=True
    )
    run = functools.partial(mapped, lambda texts: tokenizer.tokenize(texts))
    return measure(options, run, cold=False)


def build_ours(options: argparse.Namespace, route: str) -> Measurements:
    """Our tokenizers, by one of the routes."""
    from keras_nlp.models import BertClassifierPreprocessor, BertTokenizer
    from keras_nlp.tokenizers import BytePairTokenizer, SentencePieceTokenizer

    ids, merges, tokens = vocabularies()
    graph = route == "graph"
    in_tf_data = graph or route == "tf.data"

    def over(tokenizer: Any, batches: Batches) -> Run:
        if in_tf_data:
            return mapped(tokenizer, batches)
        return each(tokenizer.encode_batch if route == "arrays" else tokenizer, batches)

    def pipeline(batches: Batches) -> Run:
        tokenizer = BertTokenizer(tokens, lowercase=True, graph=graph)
        preprocessor = BertClassifierPreprocessor(tokenizer, 128)
        return (mapped if in_tf_data else each)(preprocessor, batches)

    return measure(
        options,
        lambda b: over(BertTokenizer(tokens, lowercase=True, graph=graph), b),
        lambda b: over(BytePairTokenizer(ids, merges, graph=graph), b),
        lambda b: over(SentencePieceTokenizer(sentence_piece_model(), graph=graph), b),
        pipeline,
        cold=not in_tf_data,
    )


def on_cores(
    build: Callable[..., Measurements], options: argparse.Namespace
) -> Measurements:
    """Builds with as many cores as asked for; the harness allows one."""
    if options.cores > 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(options.cores))
        os.environ |= {
            "TOKENIZERS_PARALLELISM": "true",
            "RAYON_NUM_THREADS": str(options.cores),
            "TF_NUM_INTRAOP_THREADS": str(options.cores),
            "TF_NUM_INTEROP_THREADS": str(options.cores),
        }
    return build(options)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# --- the table ------------------------------------------------------------------------

TORCH, TENSORFLOW = {"KERAS_BACKEND": "torch"}, {"KERAS_BACKEND": "tensorflow"}
IN_TENSORFLOW = ("keras-hub-tf.data", "fast-bert", "ours-tf.data", "ours-graph")

EAGER = ("tokenizers", "tiktoken", "sentencepiece")

ROUTES = (
    ("ours", "arrays", EAGER),
    ("ours-lists", "lists", EAGER),
    ("ours-tf.data", "tf.data", ("tiktoken", "fast-bert", "keras-hub-tf.data")),
    ("ours-graph", "graph", ("fast-bert", "keras-hub-tf.data")),
)

BUILDS: list[tuple[str, Callable[..., Measurements], tuple[str, ...]]] = [
    ("tokenizers", build_tokenizers, ("tokenizers",)),
    ("sentencepiece", build_sentencepiece, ("sentencepiece",)),
    ("tiktoken", build_tiktoken, ("tiktoken",)),
    ("keras-hub-tf.data", build_keras_hub, ("keras-hub", "tensorflow")),
    ("fast-bert", build_fast_bert, ("tensorflow-text",)),
    *(
        (name, functools.partial(build_ours, route=route), ("keras",))
        for name, route, _ in ROUTES
    ),
]

CONTENDERS = [
    Contender(
        name,
        functools.partial(on_cores, build),
        TENSORFLOW if name in IN_TENSORFLOW else TORCH,
        packages,
        {name: peers for name, _, peers in ROUTES}.get(name, ()),
    )
    for name, build, packages in BUILDS
]


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument(
        "--megabytes", type=float, default=8, help="of text; default: %(default)s"
    )
    parser.add_argument(
        "--cores",
        type=int,
        default=1,
        help="cores per contender, the first ones; with more than one, read the "
        "column of wall time; default: %(default)s",
    )


if __name__ == "__main__":
    harness.main(__doc__, CONTENDERS, configure)
