import warnings

import numpy as np
import pytest

from domain_core.arrays.ragged import Ragged
from domain_core.text import StreamDecoder, TruncationWarning
from domain_core.tokenizers.tokenizer import Tokenizer


class Letters(Tokenizer):
    """One id per letter, 3 for "a"; decodes pairs of "~" to one "é"."""

    named_tokens = {"pad_token": "_", "start_token": "^", "end_token": "$"}

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._set_special_token_ids()

    def encode_batch(self, texts):
        return Ragged.from_rows([[self.token_to_id(c) for c in text] for text in texts])

    def encode_batch_with_offsets(self, texts):
        rows = [[(i, i + 1) for i in range(len(text))] for text in texts]
        spans = Ragged.from_rows(rows, np.dtype((np.int32, 2)))
        return self.encode_batch(texts), spans

    def decode_batch(self, rows):
        texts = ["".join(map(self.id_to_token, row)) for row in rows.to_list()]
        return [text.replace("~~", "é").replace("~", "\ufffd") for text in texts]

    def get_vocabulary(self):
        return list("_^$abcdefghij~")

    def id_to_token(self, id):
        return self.get_vocabulary()[id]

    def token_to_id(self, token):
        return self.get_vocabulary().index(token)


@pytest.fixture
def letters():
    return Letters()


def test_pads_to_the_longest_row(letters):
    encoding = letters.encode(["abc", "a", ""])
    assert encoding.token_ids.tolist() == [[3, 4, 5], [3, 0, 0], [0, 0, 0]]
    assert encoding.token_ids.dtype == np.int32
    assert encoding.padding_mask.tolist() == [
        [True] * 3,
        [True, False, False],
        [False] * 3,
    ]
    assert encoding.sample.tolist() == [0, 1, 2]
    assert encoding.offsets is None
    left = letters.encode(["abc", "a"], padding_side="left")
    assert left.token_ids.tolist() == [[3, 4, 5], [0, 0, 3]]
    assert left.padding_mask.tolist() == [[True] * 3, [False, False, True]]
    assert letters.encode("ab").token_ids.tolist() == [[3, 4]]
    assert letters.encode([]).token_ids.shape == (0, 0)


@pytest.mark.parametrize("side", ["right", "left"])
def test_special_tokens_and_widths(letters, side):
    encoding = letters.encode(
        ["abc", "a"],
        add_special_tokens=True,
        pad_to=[4, 6, 8],
        padding_side=side,
        return_offsets=True,
    )
    rows = {"right": [1, 3, 2, 0, 0, 0], "left": [0, 0, 0, 1, 3, 2]}
    assert encoding.token_ids.tolist()[1] == rows[side]
    mask = [False] * 3 + [True] * 3
    assert encoding.padding_mask.tolist()[1] == (mask if side == "left" else mask[::-1])
    place = rows[side].index(3)
    assert encoding.offsets.shape == (2, 6, 2)
    assert encoding.offsets[1, place].tolist() == [0, 1]
    assert encoding.offsets[1].sum() == 1
    assert letters.encode(["a"], pad_to=5).token_ids.shape == (1, 5)


def test_cuts_and_says_so(letters):
    with pytest.warns(
        TruncationWarning, match=r"33\.3% .* up to 4 tokens, max_length=2"
    ):
        encoding = letters.encode(["abcd", "ef"], max_length=2)
    assert encoding.token_ids.tolist() == [[3, 4], [7, 8]]
    with pytest.warns(TruncationWarning, match="50.0%"):
        encoding = letters.encode(
            ["abcd"],
            max_length=4,
            add_special_tokens=True,
            truncate="left",
            return_offsets=True,
        )
    assert encoding.token_ids.tolist() == [[1, 5, 6, 2]]
    assert encoding.offsets.tolist() == [[[0, 0], [2, 3], [3, 4], [0, 0]]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        letters.encode(["abcd"], max_length=4)


def test_windows(letters):
    encoding = letters.encode(
        ["abcde", "f", ""],
        max_length=4,
        truncate="window",
        stride=1,
        add_special_tokens=True,
        return_offsets=True,
    )
    assert encoding.sample.tolist() == [0, 0, 0, 0, 1, 2]
    assert encoding.token_ids[:4, 1:3].tolist() == [[3, 4], [4, 5], [5, 6], [6, 7]]
    assert encoding.token_ids[4:].tolist() == [[1, 8, 2, 0], [1, 2, 0, 0]]
    assert encoding.offsets[3, 1:3].tolist() == [[3, 4], [4, 5]]
    whole = letters.encode(["abcde"], max_length=2, truncate="window")
    assert whole.token_ids.tolist() == [[3, 4], [5, 6], [6, 7]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 0}, "received 0"),
        ({"truncate": "middle"}, "received 'middle'"),
        ({"padding_side": "top"}, "received 'top'"),
        ({"truncate": "window"}, "`max_length`, the length of a window"),
        ({"stride": 2, "max_length": 2}, "only with truncate='window'"),
        ({"stride": 0, "max_length": 2, "truncate": "window"}, "received 0"),
        ({"pad_to": [1, 2]}, "at least 3"),
        ({"pad_to": 0}, "received 0"),
        ({"max_length": 1, "add_special_tokens": True}, "at least 2"),
        (
            {"max_length": 2, "add_special_tokens": True, "truncate": "window"},
            "leave room for text",
        ),
    ],
)
def test_refuses(letters, options, message):
    with pytest.raises(ValueError, match=message):
        letters.encode(["abc"], **options)


def test_decodes_without_special_tokens(letters):
    ids = letters.encode(["ab", "c"], add_special_tokens=True).token_ids
    assert letters.decode(ids) == ["^ab$", "^c$_"]
    assert letters.decode(ids, skip_special_tokens=True) == ["ab", "c"]
    assert letters.decode([[], []]) == ["", ""]


def test_streams_whole_characters(letters):
    half = letters.token_to_id("~")
    decoder = StreamDecoder(letters)
    assert [decoder.push(i) for i in (1, 3, half, half, half)] == ["", "a", "", "é", ""]
    assert decoder.flush() == "\ufffd"
    assert decoder.push([3, 4]) == "ab"
    assert StreamDecoder(letters, skip_special_tokens=False).push([1, 3]) == "^a"
