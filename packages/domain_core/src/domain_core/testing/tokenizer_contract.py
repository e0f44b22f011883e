"""What every tokenizer promises.

```python
class TestBytes(TokenizerContract):
    cls = ByteTokenizer
    lossless = True

    @classmethod
    def make(cls, **options):
        return ByteTokenizer(lowercase=False, **options)
```
"""

from __future__ import annotations

import copy
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from domain_core.testing.tokenizer_case import corpus
from domain_core.testing.tokenizer_files_contract import TokenizerFilesContract
from domain_core.testing.tokenizer_graph_contract import TokenizerGraphContract
from domain_core.testing.tokenizer_inputs_contract import TokenizerInputsContract
from domain_core.testing.tokenizer_policy_contract import TokenizerPolicyContract
from domain_core.text import StreamDecoder, TruncationWarning

_HALF = "\ufffd"


class TokenizerContract(
    TokenizerInputsContract,
    TokenizerPolicyContract,
    TokenizerFilesContract,
    TokenizerGraphContract,
):
    """Inherited by the test of a tokenizer; `TokenizerCase` says what it states."""

    def test_outputs(self, tokenizer: Any) -> None:
        texts = list(corpus())
        ids = tokenizer(texts)
        pad = tokenizer.encode(["a", "a a"], pad_to=50).token_ids[0, -1]
        for length in (1, 7):
            found = self.make(sequence_length=length)(texts)
            rows = [[*row, *[pad] * length][:length] for row in ids]
            assert (found.dtype, found.tolist()) == (np.int32, rows)
            single = self.make(sequence_length=length)(texts[3])
            assert (single.shape, single.tolist()) == ((length,), rows[3])
        tokens = self.make(dtype="string")
        expected = [[tokenizer.id_to_token(i) for i in row] for row in ids[:50]]
        assert tokens(texts[:50]) == expected
        assert tokens(texts[3]) == expected[3]
        padded = self.make(dtype="string", sequence_length=7)(texts[:50])
        assert padded == [[*row, *[""] * 7][:7] for row in expected]

    def test_dtypes_hold_the_ids_or_say_so(self, tokenizer: Any) -> None:
        for dtype in ("int8", "uint8", "int16", "uint16", "int64", "uint64"):
            made = self.make(dtype=dtype)
            for text in corpus()[::10]:
                ids = tokenizer(text)
                if ids.max(initial=0) <= np.iinfo(dtype).max:
                    found = made(text)
                    assert (found.dtype, found.tolist()) == (dtype, ids.tolist())
                else:
                    with pytest.raises(ValueError, match=f"'{dtype}'"):
                        made(text)

    def test_offsets(self, tokenizer: Any) -> None:
        texts = list(corpus())
        ids, offsets = tokenizer.tokenize_with_offsets(texts)
        assert [row.tolist() for row in ids] == tokenizer(texts)
        encoding = tokenizer.encode(texts, return_offsets=True)
        for row, (text, spans) in enumerate(zip(texts, offsets, strict=True)):
            assert (ids[row].dtype, spans.dtype) == (np.int32, np.int32)
            assert spans.shape == (len(ids[row]), 2)
            np.testing.assert_array_equal(encoding.offsets[row, : len(spans)], spans)
            assert not encoding.offsets[row, len(spans) :].any()
            assert (spans[:, 0] <= spans[:, 1]).all() and (spans >= 0).all()
            assert (np.diff(spans, axis=0) >= 0).all(), text
            assert spans.max(initial=0) <= len(text)
            if self.lossless:
                # No gap: tokens that share a character have it both.
                starts, ends = spans[:, 0].tolist(), spans[:, 1].tolist()
                assert [*starts[:1], *ends[-1:]] == ([0, len(text)] if text else [])
                assert all(i <= j for i, j in zip(starts[1:], ends, strict=False))

    def test_encodes_windows(self, tokenizer: Any) -> None:
        texts = list(corpus()[:100])
        ids = tokenizer(texts)
        for length, stride in ((1, None), (5, None), (5, 2), (64, 100)):
            encoding = tokenizer.encode(
                texts, max_length=length, truncate="window", stride=stride
            )
            expected: list[tuple[int, list[int]]] = []
            for sample, row in enumerate(ids):
                last = max(len(row) - length, 0)
                step = min(stride or length, length)
                firsts = [*range(0, last, step), last]
                expected += [(sample, row[i : i + length]) for i in firsts]
            assert encoding.sample.tolist() == [sample for sample, _ in expected]
            assert _unpadded(encoding) == [row for _, row in expected]

    def test_encodes_rows(self, tokenizer: Any) -> None:
        texts = list(corpus()[:100])
        ids = tokenizer(texts)
        longest = max(map(len, ids))
        for side, edge in (("right", 0), ("left", -1)):
            wide = tokenizer.encode(texts, padding_side=side, pad_to=[1, 600, 1500])
            assert wide.token_ids.shape == (100, 600 if longest <= 600 else 1500)
            assert _unpadded(wide) == ids
            mask = wide.padding_mask
            np.testing.assert_array_equal(mask[:, edge], mask.any(1))
            assert (np.diff(mask.astype(int), axis=1) != 0).sum() <= len(texts)
        whole, kept = sum(map(len, ids)), sum(min(len(row), 6) for row in ids)
        share = f"^{100 * (whole - kept) / whole:.1f}% of the tokens"
        for truncate in ("right", "left"):
            with pytest.warns(TruncationWarning, match=share):
                cut = tokenizer.encode(texts, max_length=6, truncate=truncate)
            part = slice(6) if truncate == "right" else slice(-6, None)
            assert _unpadded(cut) == [row[part] for row in ids]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tokenizer.encode(texts, max_length=longest)
        with pytest.raises(ValueError, match=f"at least {longest}"):
            tokenizer.encode(texts, pad_to=[1, longest - 1])

    def test_encodes_between_its_ends(self, tokenizer: Any) -> None:
        texts = list(corpus()[:50])
        ends = [getattr(tokenizer, f"{n}_token_id", None) for n in ("start", "end")]
        if ends == [None, None]:
            with pytest.raises(ValueError, match="has none"):
                tokenizer.encode(texts, add_special_tokens=True)
            return
        encoding = tokenizer.encode(texts, add_special_tokens=True, return_offsets=True)
        start, end = ([] if i is None else [i] for i in ends)
        expected = [[*start, *row, *end] for row in tokenizer(texts)]
        assert _unpadded(encoding) == expected
        if start:
            assert not encoding.offsets[:, 0].any()
        assert tokenizer.decode(encoding.token_ids, skip_special_tokens=True) == (
            tokenizer.decode(tokenizer(texts), skip_special_tokens=True)
        )

    def test_decodes(self, tokenizer: Any) -> None:
        texts = list(corpus())
        ids = tokenizer(texts)
        decoded = tokenizer.decode(ids)
        assert [tokenizer.decode(row) for row in ids] == decoded
        dense = tokenizer.encode(texts[5]).token_ids
        assert tokenizer.decode(dense.astype("uint16")) == [decoded[5]]
        assert tokenizer.detokenize(np.array(ids[5], "int64")) == decoded[5]
        if self.lossless:
            gone = "\0" if self.drops_nul else ""
            assert decoded == [text.replace(gone, "") for text in texts]

    def test_streams(self, tokenizer: Any) -> None:
        for skip in (True, False):
            self._check_streams(tokenizer, skip)

    def _check_streams(self, tokenizer: Any, skip: bool) -> None:
        decoder = StreamDecoder(tokenizer, skip_special_tokens=skip)
        special = tokenizer.special_token_ids
        texts = [text[:60] for text in corpus()[::2]]
        for number, ids in enumerate(tokenizer(texts)):
            for place, token in enumerate(special):
                ids.insert((number + place) * 7 % (len(ids) + 1), token)
            whole = tokenizer.decode(ids, skip_special_tokens=skip)
            size = 1 + number % 3
            parts = [decoder.push(ids[i : i + size]) for i in range(0, len(ids), size)]
            assert "".join([*parts, decoder.flush()]) == whole
            if _HALF not in whole:
                assert _HALF not in "".join(parts)

    def test_streams_again_after_an_error(self, tokenizer: Any) -> None:
        decoder = StreamDecoder(tokenizer)
        first, second = tokenizer("ab cd"), tokenizer("cd").tolist()
        parts = [decoder.push(first)]
        refused: tuple[Any, ...] = (-1, 2**40, 1.5, "a", None)
        for wrong in refused:
            with pytest.raises(ValueError, match="Expected"):
                decoder.push(wrong)
        parts += [decoder.push(second), decoder.flush()]
        assert "".join(parts) == tokenizer.decode([*first, *second])

    def test_copies_are_equal(self, tokenizer: Any) -> None:
        texts = list(corpus())
        expected = tokenizer(texts)
        config = tokenizer.get_config()
        stored = keras.saving.serialize_keras_object(tokenizer)
        for copied in (
            type(tokenizer).from_config(config),
            from_json(to_json(tokenizer)),
            pickle.loads(pickle.dumps(tokenizer)),
            copy.copy(tokenizer),
            copy.deepcopy(tokenizer),
            keras.saving.deserialize_keras_object(stored),
        ):
            assert type(copied) is type(tokenizer)
            assert copied(texts) == expected
            assert copied.get_config() == config
            assert copied.decode(expected) == tokenizer.decode(expected)
            assert copied.special_token_ids == tokenizer.special_token_ids

    def test_threads(self) -> None:
        tokenizer, texts = self.make(), list(corpus())
        parts = [texts[i::4] for i in range(4)] * 4
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(tokenizer, parts))
            texts_again = list(pool.map(tokenizer.decode, found))
        assert found == [tokenizer(part) for part in parts]
        assert texts_again == [tokenizer.decode(rows) for rows in found]


def _unpadded(encoding: Any) -> list[list[int]]:
    return [
        row[mask].tolist()
        for row, mask in zip(encoding.token_ids, encoding.padding_mask, strict=True)
    ]
