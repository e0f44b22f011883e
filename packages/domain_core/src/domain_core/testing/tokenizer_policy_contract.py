"""What every tokenizer makes of special tokens that stand in a text."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from domain_core.testing.tokenizer_case import TokenizerCase, corpus


class TokenizerPolicyContract(TokenizerCase):
    """Under "text" nobody can forge a special token; "parse" finds exactly those."""

    @pytest.fixture(scope="class")
    @classmethod
    def plain(cls) -> list[str]:
        """Lines without special tokens."""
        if not cls.special:
            pytest.skip("the tokenizer has no special tokens")
        return [text for text in corpus() if not any(t in text for t in cls.special)]

    def test_names_its_special_tokens(self, tokenizer: Any) -> None:
        assert set(tokenizer.special_tokens) == set(self.special)
        ids = [tokenizer.token_to_id(token) for token in tokenizer.special_tokens]
        assert tokenizer.special_token_ids == ids
        assert len(set(ids)) == len(ids)
        assert [tokenizer.id_to_token(i) for i in ids] == tokenizer.special_tokens

    def test_text_forges_none(self, tokenizer: Any, plain: list[str]) -> None:
        forbidden = self._forbidden(tokenizer)
        draw = random.Random(1)
        texts = list(plain)
        for token in self.special:
            texts += [form for _, form in _forms(token)]
            texts += [token.upper(), token.lower(), "a" + token, token[:-1], token[1:]]
            for line in plain:
                place = draw.randint(0, len(line))
                texts.append(line[:place] + token + line[place:])
        for use in (tokenizer, self.with_policy("error").encode_batch):
            if use is not tokenizer:
                texts = [t for t in texts if not any(s in t for s in self.special)]
            rows = use(texts)
            rows = rows if isinstance(rows, list) else rows.to_list()
            assert not [
                text
                for text, ids in zip(texts, rows, strict=True)
                if not forbidden.isdisjoint(ids)
            ]
        ids, _ = tokenizer.tokenize_with_offsets(texts)
        assert not any(forbidden & set(row.tolist()) for row in ids)

    def test_repair_forges_none(self, tokenizer: Any) -> None:
        """Dropping a surrogate puts together what stood around it."""
        for token in self.special:
            for place in range(len(token) + 1):
                text = f"a {token[:place]}\ud800{token[place:]} b"
                for policy in ("text", "error"):
                    made = self.with_policy(policy, errors="ignore")
                    try:
                        ids = made(text).tolist()
                    except ValueError as error:
                        assert policy == "error" and repr(token) in str(error)
                    else:
                        assert policy == "text"
                        assert self._forbidden(tokenizer).isdisjoint(ids)

    def test_parse_finds_them(self, tokenizer: Any, plain: list[str]) -> None:
        """The ids are those of the token, and of the texts around it on their own."""
        parse = self.with_policy("parse")
        assert parse(plain) == tokenizer(plain)
        draw = random.Random(2)
        for token in self.special:
            samples = [pieces for pieces, _ in _forms(token)]
            for line in plain[::6]:
                place = draw.randint(0, len(line))
                samples.append([line[:place], token, line[place:]])
            self._check_pieces(parse, tokenizer, samples)
        # And all in one text, which takes the longest where two would fit.
        every = [part for token in self.special for part in ("a ", token)]
        self._check_pieces(parse, tokenizer, [every])

    def _check_pieces(
        self, parse: Any, tokenizer: Any, samples: list[list[str]]
    ) -> None:
        texts = ["".join(pieces) for pieces in samples]
        found = parse(texts)
        for pieces, text, ids in zip(samples, texts, found, strict=True):
            expected: list[int] = []
            following = [*pieces[1:], ""]
            for piece, after in zip(pieces, following, strict=True):
                if piece in self.special:
                    expected.append(tokenizer.token_to_id(piece))
                else:
                    rest = piece.rstrip() if after in self.strip_left else piece
                    expected += tokenizer(rest).tolist() if rest else []
            assert ids == expected, text
        rows, offsets = parse.tokenize_with_offsets(texts)
        assert [row.tolist() for row in rows] == found
        for pieces, text, row, spans in zip(samples, texts, rows, offsets, strict=True):
            marks = [piece for piece in pieces if piece in self.special]
            places = [parse.token_to_id(mark) for mark in marks]
            seen = [
                text[start:end].lstrip()
                for index, (start, end) in zip(row, spans, strict=True)
                if index in places
            ]
            if set(marks).isdisjoint(self.unknown):
                assert seen == marks, text

    def test_error_says_where(self) -> None:
        error = self.with_policy("error")
        assert error(["a", "b"])
        for token in self.special:
            message = f"{re.escape(repr(token))} in text 1 at character 3"
            for use in (error, error.encode, error.tokenize_with_offsets):
                with pytest.raises(ValueError, match=message):
                    use(["a", f"é 漢{token}{token}", token])
            with pytest.raises(ValueError, match="in text 0 at character 0"):
                error(token)

    def test_upstream_writes_bools(self, tokenizer: Any) -> None:
        for value, policy in ((True, "parse"), (False, "text")):
            made = self.make(**{self.policy_argument: value})
            assert made.special_token_policy == policy

    def test_decodes_without_them(self, tokenizer: Any, plain: list[str]) -> None:
        rows = tokenizer(plain)
        ends = list(tokenizer.special_token_ids)
        mixed = [[*ends, *row, *ends] for row in rows]
        bare = [[i for i in row if i not in ends] for row in rows]
        expected = tokenizer.decode(bare)
        assert tokenizer.decode(mixed, skip_special_tokens=True) == expected
        assert tokenizer.decode(mixed[3], skip_special_tokens=True) == expected[3]

    def _forbidden(self, tokenizer: Any) -> set[int]:
        unknown = {tokenizer.token_to_id(token) for token in self.unknown}
        return {*tokenizer.special_token_ids} - unknown


def _forms(token: str) -> list[tuple[list[str], str]]:
    """Texts with a token at the start, middle and end, doubled and nested."""
    samples = [
        [token],
        [token, "b"],
        ["a", token, "b"],
        ["a ", token, " b"],
        ["a  \n", token, "\n  b"],
        ["b", token],
        [token, token],
        ["a", token, token, "b"],
        [token, " ", token],
        [token[0], token, token[-1]],
    ]
    return [(pieces, "".join(pieces)) for pieces in samples]
