"""Real text found on any machine, and text that trips tokenizers up."""

from __future__ import annotations

import functools
import importlib
import inspect
import re

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
