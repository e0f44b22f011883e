import re

import numpy as np
import pytest

from domain_core.arrays.ragged import Ragged
from domain_core.text.special_tokens import (
    TextPieces,
    as_policy,
    forbid_tokens,
    token_pattern,
)

IDS = {"<a>": 7, "<a>b": 8, "<mask>": 9}


def letters(texts):
    return Ragged.from_rows([[ord(c) for c in text] for text in texts])


def spans(texts):
    rows = [[(i, i + 1) for i in range(len(text))] for text in texts]
    return Ragged.from_rows(rows, np.dtype((np.int32, 2)))


def cut(texts, strip_left=()):
    return TextPieces.cut(texts, token_pattern(IDS, strip_left), IDS)


def test_cuts_and_joins():
    texts = ["x<a>y", "", "<a><a>b", "no", "<mask>", " <mask>"]
    pieces = cut(texts)
    assert pieces.texts == ["x", "y", "no", " "]
    rows = pieces.join(letters(pieces.texts)).to_list()
    assert rows == [[120, 7, 121], [], [7, 8], [110, 111], [9], [32, 9]]
    offsets = pieces.join_offsets(spans(pieces.texts)).to_list()
    assert offsets[0] == [[0, 1], [1, 4], [4, 5]]
    assert offsets[2] == [[0, 3], [3, 7]]


def test_white_space_before_a_token():
    pieces = cut(["a \t<mask> b", "\u3000<mask>", "<a> <mask>"], strip_left=["<mask>"])
    rows = pieces.join(letters(pieces.texts)).to_list()
    assert rows == [[97, 9, 32, 98], [9], [7, 9]]
    assert pieces.join_offsets(spans(pieces.texts)).to_list()[0][1] == [1, 9]
    # Linear in the length of white space without a token behind it.
    pattern = token_pattern(IDS, ["<mask>"])
    assert pattern.search(" " * 1_000_000) is None


def test_policies():
    assert [as_policy(v) for v in (True, False, "error")] == ["parse", "text", "error"]
    with pytest.raises(ValueError, match="received 'maybe'"):
        as_policy("maybe")
    assert token_pattern([]) is None
    forbid_tokens(["<a>"], None)
    forbid_tokens(["< a>"], token_pattern(IDS))
    message = re.escape("'<a>b' in text 1 at character 2")
    with pytest.raises(ValueError, match=message):
        forbid_tokens(["x", "xx<a>b"], token_pattern(IDS))


@pytest.mark.parametrize("strip_left", [(), ("<mask>",)])
def test_graph_agrees(tf, strip_left):
    pytest.importorskip("tensorflow_text")
    from domain_core.text.graph_special_tokens import encode_around

    texts = ["x<a>y", "", "<a><a>b", "no", " \u2003<mask>é", "a <mask>", "<mask> <a>"]
    pieces = cut(texts, strip_left)
    expected = pieces.join(letters(pieces.texts)).to_list()

    @tf.function
    def encode(texts):
        return encode_around(
            texts, IDS, lambda t: tf.strings.unicode_decode(t, "UTF-8"), strip_left
        )

    assert encode(tf.constant(texts)).to_list() == expected
    assert encode(tf.constant(["plain"])).to_list() == [[112, 108, 97, 105, 110]]
