"""Real text found on any machine, and text that trips tokenizers up."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import io
import random
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

# In the standard library of every Python, and quickly imported.
_MODULES = (
    "argparse ast bisect calendar collections configparser contextlib copy csv "
    "datetime decimal difflib doctest email.message fractions functools gettext "
    "glob heapq html.parser http.client inspect io itertools json locale logging "
    "mimetypes numbers optparse os pathlib pdb pickletools platform pprint queue "
    "random re sched shelve shutil socket sqlite3 statistics string subprocess "
    "tarfile tempfile textwrap threading timeit tokenize traceback types typing "
    "unittest.mock urllib.request uuid weakref zipfile "
).split()

NASTY_TEXTS = (
    "",
    " ",
    "\r\n\t\x0b\x0c\x1c\x85\u2028\u2029",
    "line one\r\nline two\rline three\n",
    "no\u00a0break, thin\u2009space, ideographic\u3000space",
    "zero\u200bwidth, soft\u00adhyphen, \ufeffbyte order mark, bell\x07 and null\x00.",
    "cafe\u0301 and café, Ångström, A\u030angstro\u0308m, İstanbul, ſtraße, ΌΔΥΣΣΕΎΣ",
    "ﬁne ﬂags, ½ of №１２, Ｆｕｌｌ ｗｉｄｔｈ, ⅷ, ㎏, …!",
    "family 👨‍👩‍👧‍👦, flag 🇩🇪, heart ❤️, thumb 👍🏽, astral 𝒳 𐐀",
    "漢字かな交じり文、한국어도 and 𠀀𠀁 together中文",
    "שָׁלוֹם עולם, مرحبا بالعالم \u202eright to left\u202c",
    "ภาษาไทยไม่มีช่องว่างระหว่างคำเลยแม้แต่น้อย हिन्दी में",
    "don't-stop... 'quoted' “curly” ‘single’ — dash_and_underscore $5.00 + 3 ≠ 4 < 5",
    "[CLS] [MASK]in[SEP] [PAD][UNK] [cls] [ MASK ]",
    "##ing ## #hash @@x",
    "ünïcödé" * 14,
    "a" * 100 + " " + "a" * 101 + " " + "é" * 50 + " " + "é" * 51,
    "x" * 10_000,
    "word " * 2_000,
)


@functools.cache
def real_texts(count: int = 1000) -> tuple[str, ...]:
    """Returns different paragraphs of the standard library's docstrings.

    Raises:
        ValueError: if there are not so many.
    """
    found: dict[str, None] = {}
    for name in _MODULES:
        module = importlib.import_module(name)
        for value in [module, *vars(module).values()]:
            members = vars(value).values() if inspect.isclass(value) else ()
            for documented in (value, *members):
                doc = inspect.getdoc(documented) or ""
                paragraphs = re.split(r"\n\s*\n", doc)
                found.update(dict.fromkeys(p for p in paragraphs if len(p) > 20))
        if len(found) >= count:
            return tuple(found)[:count]
    raise ValueError(f"Expected {count} docstrings at least, found {len(found)}.")


# First and last characters of scripts, and how many of them make a word.
_SCRIPTS = (
    ("a", "z", 8),
    ("à", "ÿ", 6),
    ("α", "ω", 7),
    ("а", "я", 7),
    ("א", "ת", 5),
    ("ا", "ي", 5),
    ("अ", "ह", 5),
    ("ก", "ฮ", 9),
    ("ა", "ჰ", 7),
    ("぀", "ヿ", 4),
    ("一", "龥", 3),
    ("가", "힣", 3),
    ("𐐀", "𐑏", 4),
    ("𝐀", "𝟿", 3),
    ("０", "９", 3),
    ("0", "9", 5),
)
_EMOJI = (
    *("👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "❤️", "🇩🇪🇫🇷", "🧑🏿‍🚀", "1️⃣", "😀", "🤷🏻‍♀️"),
    *("™", "©️", "→", "…", "“", "”", "—", "№", "½"),
)
_SPACES = (
    " ",
    " ",
    " ",
    " ",
    "  ",
    "   ",
    "\t",
    "\n",
    "\r\n",
    "\u00a0",
    "\u3000",
    "\u2028",
)
_CONTROLS = (
    "\x00",
    "\x07",
    "\x1b",
    "\x7f",
    "\x85",
    "\u200b",
    "\u200d",
    "\u202e",
    "\ufeff",
)
_PUNCTUATION = tuple(".,;:!?'\"()[]{}<>/\\|@#$%^&*-_=+~`") + (
    "'s",
    "n't",
    "'LL",
    "...",
    "¿",
    "。",
)


@functools.cache
def mixed_corpus(count: int = 2000) -> tuple[str, ...]:
    """Returns lines that mix what tokenizers disagree about, the same each time.

    Prose and code of the standard library; words of 16 scripts with spaces, control
    characters, punctuation, emoji with joiners; canonical composition and decomposition
    of all of that; one line of 100 kB.
    """
    draw = random.Random(0)
    lines: dict[str, None] = dict.fromkeys(NASTY_TEXTS)
    for text in real_texts():
        lines.update(dict.fromkeys((text, *text.splitlines())))
    for name in _MODULES:
        with contextlib.suppress(TypeError):  # compiled modules
            code = inspect.getsource(importlib.import_module(name)).splitlines()
            lines.update(dict.fromkeys(code[:400]))
    found = list(lines)[: count // 2]
    while len(found) < count - 1:
        line = "".join(_random_words(draw))
        form: Any = draw.choice((None, None, "NFC", "NFD"))
        found.append(line if form is None else unicodedata.normalize(form, line))
    words = " ".join(found[::-1])
    return (*found, words[:100_000])


def _random_words(draw: random.Random) -> list[str]:
    parts = []
    first, last, longest = draw.choice(_SCRIPTS)
    for _ in range(draw.randint(1, 14)):
        if draw.random() < 0.2:
            first, last, longest = draw.choice(_SCRIPTS)
        letters = range(draw.randint(1, longest))
        word = "".join(chr(draw.randint(ord(first), ord(last))) for _ in letters)
        word = draw.choice((word, word, word.upper(), word.title()))
        parts += [draw.choice(_SPACES), word]
        if draw.random() < 0.3:
            parts.append(draw.choice(_PUNCTUATION))
        if draw.random() < 0.08:
            parts.append(draw.choice(_EMOJI))
        if draw.random() < 0.03:
            parts.append(draw.choice(_CONTROLS))
    return parts


@functools.cache
def sentence_piece_model(vocab_size: int = 200, **options: Any) -> bytes:
    """Returns a SentencePiece model, trained on real texts; the same at each call.

    Args:
        vocab_size: number of pieces.
        **options: of SentencePiece's trainer.
    """
    import pytest

    sentencepiece = pytest.importorskip("sentencepiece")
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(real_texts(300)),
        model_writer=file,
        vocab_size=vocab_size,
        minloglevel=2,
        num_threads=1,
        **options,
    )
    return file.getvalue()


def byte_fallback_model(vocab_size: int = 400) -> bytes:
    """Returns a SentencePiece model such as Llama's.

    It merges byte pairs, keeps all white space, and writes what it lacks as bytes.
    """
    return sentence_piece_model(
        vocab_size,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        character_coverage=0.98,
    )


def byte_level_vocabulary(special: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Returns vocabulary and merges of a byte-level tokenizer: few words, all bytes.

    Args:
        special: tokens whose ids follow all others.
    """
    merges = ["Ġ f", "i l", "Ġf il", "Ġfil m", "o o", "g oo", "goo d", "Ġ goo", "1 2"]
    letters = [chr(i) for i in (*range(33, 127), *range(161, 173), *range(174, 256))]
    letters += [chr(256 + i) for i in range(68)]
    tokens = [*letters, *(merge.replace(" ", "") for merge in merges), *special]
    return {token: index for index, token in enumerate(tokens)}, merges
