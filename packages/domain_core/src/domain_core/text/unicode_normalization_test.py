import random
import time
import unicodedata

import pytest

from domain_core.testing.texts import NASTY_TEXTS
from domain_core.text.unicode_normalization import normalize

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
# With marks that are several, and one that is a mark in the compatible forms alone.
MARKS = "\u0300\u0315\u0323\u0338\u0344\u0345\u0f73\u3099\uff9e\u1dfa\U0001d165"


@pytest.mark.parametrize("form", FORMS)
def test_equals_unicodedata(form):
    draw = random.Random(0)
    texts = list(NASTY_TEXTS)
    for _ in range(60):
        letters = draw.choices(MARKS, k=draw.choice((250, 300, 700)))
        for letter in ("a", "\u1100\u1161", "ｶ", "\u0f71", ""):
            place = draw.randint(0, len(letters))
            texts.append("".join([letter, *letters[:place], letter, *letters[place:]]))
    for text in texts:
        assert normalize(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", FORMS)
def test_is_linear(form):
    text = "e" + "\u0315\u0300" * 250_000
    start = time.process_time()
    assert normalize(form, text).endswith("\u0315" * 250_000)
    assert time.process_time() - start < 5  # the other takes minutes
