"""What every tokenizer does with inputs: those it takes, and those it refuses."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from domain_core.testing.tokenizer_case import TokenizerCase, corpus

_NO_TEXTS: tuple[tuple[Any, str], ...] = (
    (None, "received None of type NoneType"),
    (3, "received 3 of type int"),
    (float("nan"), "received nan of type float"),
    (True, "received True of type bool"),
    ({"a": 1}, "of type dict"),
    ({"a"}, "of type set"),
    (iter(["a"]), "iterator"),
    (b"caf\xe9", "UTF-8"),
    (["a", None], r"`inputs\[1\]` to be a string, received None"),
    (["a", 3], r"`inputs\[1\]` to be a string, received 3"),
    (["a", float("nan")], r"`inputs\[1\]` to be a string, received nan"),
    (("a", b"\xff"), r"`inputs\[1\]` to be UTF-8"),
    ([b"a", b"\xff"], r"`inputs\[1\]` to be UTF-8"),
    ([["a"], ["b"]], r"`inputs\[0\]` to be a string"),
    (["a", ["b", "c"]], r"`inputs\[1\]` to be a string"),
    (["a", np.array("b")], r"`inputs\[1\]` to be a string"),
    (np.array(["a", None]), r"`inputs\[1\]` to be a string, received None"),
    (np.array([["a"]]), r"array of shape \(1, 1\)"),
    (np.array(None), "received None"),
    (np.array([1, 2]), "received array"),
)
_NO_IDS: tuple[Any, ...] = (
    None,
    3,
    1.5,
    "abc",
    ["a"],
    [["a"], ["b"]],
    [65, "a"],
    [65, None],
    [65.0, 66.0],
    [float("nan")],
    [True],
    [[65], 66],
    [[[65]]],
    np.array([65.5]),
    np.array(65),
    np.full((1, 1, 1), 65),
    np.array([[65], None], object),
)
_TOO_GREAT = (-1, 2**31 - 1, 2**31, 2**32, 2**32 + 65, 2**63, 2**70, -(2**63))
# Texts that regular expressions, normalizers and merges may take the square of.
_UNITS = ("aé漢👍x", " ", "\n  \t", "e\u0301", "\u0315\u0300", "\ufe0f", "\u1100\u1161")


def _seconds(function: Any, *arguments: Any) -> float:
    """Of processors, whatever else they do meanwhile."""
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


class TokenizerInputsContract(TokenizerCase):
    """Bad input gives a defined result or a clear `ValueError`."""

    def test_refuses_what_is_no_text(self, tokenizer: Any) -> None:
        for use in (tokenizer, tokenizer.encode, tokenizer.tokenize_with_offsets):
            for inputs, message in _NO_TEXTS:
                with pytest.raises(ValueError, match=message):
                    use(inputs)

    def test_lone_surrogates(self, tokenizer: Any) -> None:
        texts = ["a b", "x \ud83d\ude00y", "\udfff", "z", "<\ud800s> [\ud800MASK]"]
        for use in (tokenizer, tokenizer.encode, tokenizer.tokenize_with_offsets):
            with pytest.raises(ValueError, match="text 1 at character 2"):
                use(texts)
        expected = [text.encode("utf-16", "surrogatepass") for text in texts]
        for errors, instead in (("replace", "\ufffd"), ("ignore", "")):
            repaired = [
                "".join(instead if _is_half(c) else c for c in t) for t in texts
            ]
            found = self.with_policy("text", errors=errors)
            assert found(texts) == tokenizer(repaired)
            assert found(texts[2]).tolist() == tokenizer(repaired[2]).tolist()
            ids, offsets = found.tokenize_with_offsets(texts)
            again, spans = tokenizer.tokenize_with_offsets(repaired)
            assert [row.tolist() for row in ids] == [row.tolist() for row in again]
            # Places in the text as it was given.
            for text, rest, row, span in zip(
                texts, repaired, offsets, spans, strict=True
            ):
                cut = ["".join(c for c in text[i:j] if not _is_half(c)) for i, j in row]
                assert cut == [rest[i:j].replace("\ufffd", "") for i, j in span]
                assert not row.size or (row >= 0).all() and row.max() <= len(text)
        # And leaves what it was given alone.
        assert [t.encode("utf-16", "surrogatepass") for t in texts] == expected

    def test_empty_inputs(self, tokenizer: Any) -> None:
        nothings: list[Any] = [[], (), np.array([], object), np.array([], str)]
        for nothing in nothings:
            assert tokenizer(nothing) == []
            assert self.make(sequence_length=3)(nothing).shape == (0, 3)
            assert self.make(dtype="string")(nothing) == []
            assert tokenizer.encode(nothing).token_ids.shape == (0, 0)
            assert tokenizer.tokenize_with_offsets(nothing) == ([], [])
        assert tokenizer("").shape == (0,)
        assert tokenizer(["", "a", ""])[::2] == [[], []]
        assert tokenizer.decode([]) == ""
        assert tokenizer.decode([[], []]) == ["", ""]
        assert tokenizer.decode(np.zeros((2, 0), "int32")) == ["", ""]
        ids, offsets = tokenizer.tokenize_with_offsets("")
        assert (ids.shape, offsets.shape) == ((0,), (0, 2))

    def test_forms_of_inputs(self, tokenizer: Any) -> None:
        texts = [text for text in corpus() if not text.endswith("\0")]  # NumPy's own
        expected = tokenizer(texts)
        assert [tokenizer(text).tolist() for text in texts] == expected
        assert tokenizer(texts[::-1]) == expected[::-1]
        data = [text.encode() for text in texts]
        forms: list[Any] = [
            tuple(texts),
            data,
            np.array(texts),
            np.array(texts, object),
        ]
        forms += [np.array(data), list(np.array(texts))]
        for form in forms:
            assert tokenizer(form) == expected
        for single in (data[-1], np.array(texts[-1]), np.array(data[-1], object)):
            assert tokenizer(single).tolist() == expected[-1]
        assert tokenizer(np.array(texts[-1], object)[()]).tolist() == expected[-1]

    def test_pandas(self, tokenizer: Any) -> None:
        pandas = pytest.importorskip("pandas")
        texts = list(corpus())
        for dtype in (object, "string", "category"):
            assert tokenizer(pandas.Series(texts, dtype=dtype)) == tokenizer(texts)
        with pytest.raises(ValueError, match=r"`inputs\[1\]` to be a string"):
            tokenizer(pandas.Series(["a", None], dtype="string"))

    def test_nul_is_a_character(self, tokenizer: Any) -> None:
        texts = ["\0", "a\0", "\0a", "a\0b", "\0\0"]
        ids = tokenizer(texts)
        assert [tokenizer(text).tolist() for text in texts] == ids
        if self.lossless and not self.drops_nul:
            assert tokenizer.decode(ids) == texts

    @pytest.mark.parametrize(
        "longest", [1_000_000, pytest.param(10_000_000, marks=pytest.mark.large)]
    )
    def test_time_is_linear(self, tokenizer: Any, longest: int) -> None:
        tokenizer("a")
        few, many = "x" * (longest // 20), "x" * longest
        base, long = _seconds(tokenizer, few), _seconds(tokenizer, many)
        # 20 times as many: a square would be 400 times as long. The bounds leave room
        # for a busy machine; what they are about takes minutes where it goes wrong.
        assert long < 150 * base + 5
        assert _seconds(tokenizer, " " * 1_000_000) < 20
        for unit in _UNITS:
            assert _seconds(tokenizer, "a" + unit * (100_000 // len(unit))) < 20
            text = "a" + unit * (20_000 // len(unit))
            assert _seconds(tokenizer.tokenize_with_offsets, text) < 20

    def test_refuses_what_is_no_ids(self, tokenizer: Any) -> None:
        for inputs in _NO_IDS:
            with pytest.raises(ValueError, match="Expected"):
                tokenizer.decode(inputs)

    def test_refuses_ids_that_are_none(self, tokenizer: Any) -> None:
        good = tokenizer("a").tolist()[:1]
        for wrong in _TOO_GREAT:
            for ids in ([wrong], [good, [*good, wrong]], np.array([wrong])):
                for skip in (False, True):
                    with pytest.raises(ValueError, match=f"received.*{wrong}"):
                        tokenizer.decode(ids, skip_special_tokens=skip)
            with pytest.raises(ValueError, match="Expected an id"):
                tokenizer.id_to_token(wrong)

    def test_refuses_options(self) -> None:
        refused: list[tuple[str, Any, str]] = [
            *(("sequence_length", n, "`seq") for n in (0, -1, 1.5, True, "3")),
            *(("dtype", d, "dtype") for d in ("float32", "bool", "words", None)),
            *(("errors", e, "`errors` to be one of") for e in ("loud", None)),
            ("special_tokens", "maybe", "to be one of"),
        ]
        for name, value, message in refused:
            with pytest.raises(ValueError, match=message):
                self.make(**{name: value})
        with pytest.raises(TypeError, match="sequence_lenght"):
            self.make(sequence_lenght=3)


def _is_half(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"
