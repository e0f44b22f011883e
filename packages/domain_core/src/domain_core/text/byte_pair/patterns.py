"""How families of byte-pair models cut text before they merge.

A family's rule is a regular expression in the dialect of the compiled `tokenizers`,
with a look-ahead and the letters of all scripts. Python's `re` does not know its
classes, RE2 in TensorFlow does not look ahead. So each rule is also given in two steps
that both can do, and tests hold them equal:

1. Chunks: stretches that the rule treats on their own, whatever stands beside them.
   They only depend on where white space is.
2. Words: what the rule makes of a chunk.

In these, `<S>` stands for white space, `<L>` for letters and `<N>` for numbers, all
inside of a character class.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any

from domain_core.text.special_tokens import WHITE_SPACE
from domain_core.text.tokenizers_library import import_tokenizers

_ASCII_SPACES, _ASCII_LETTERS, _ASCII_NUMBERS = "\t-\r ", "A-Za-z", "0-9"


@dataclasses.dataclass(frozen=True)
class BytePairPattern:
    """The rule of a family.

    Attributes:
        name: of the family.
        regex: the rule as `tokenizers` reads it, in one step.
        chunk: a chunk, where it is no gap.
        gap: a stretch between chunks that no chunk begins in; None where it is dropped.
        words: splits of a chunk, one after another; none where chunks are words.
        normalization: "NFC" or "none", what the family's models were trained with.
        byte_level: whether `tokenizers` has the rule built in.
        lowercase: whether white space is dropped and case is folded, as CLIP does.
    """

    name: str
    regex: str
    chunk: str
    gap: str | None
    words: tuple[str, ...]
    normalization: str = "none"
    byte_level: bool = False
    lowercase: bool = False

    @property
    def end_of_word(self) -> str:
        """What the last token of a word ends in."""
        return "</w>" if self.lowercase else ""

    @functools.cached_property
    def chunks(self) -> re.Pattern[str]:
        """Finds the chunks and gaps of a text."""
        parts = [self.chunk] if self.gap is None else [self.chunk, self.gap]
        return re.compile("|".join(parts).replace("<S>", WHITE_SPACE))

    @functools.cached_property
    def ascii_words(self) -> list[re.Pattern[str]]:
        """Finds the words of a chunk that is ASCII and, with `lowercase`, lower."""
        return [
            re.compile(fill(regex, _ASCII_SPACES, _ASCII_LETTERS, _ASCII_NUMBERS))
            for regex in self.words
        ]

    def pre_tokenizer(self) -> Any:
        """Returns the rule as a compiled pre-tokenizer."""
        tokenizers = import_tokenizers()
        kinds, regex = tokenizers.pre_tokenizers, tokenizers.Regex(self.regex)
        if self.byte_level:
            return kinds.ByteLevel(add_prefix_space=False)
        if self.lowercase:
            split = kinds.Split(regex, "removed", invert=True)
            return kinds.Sequence([split, kinds.ByteLevel(add_prefix_space=False)])
        split = kinds.Split(regex, "isolated")
        in_bytes = kinds.ByteLevel(add_prefix_space=False, use_regex=False)
        return kinds.Sequence([split, in_bytes])

    def normalizer(self, normalization: str) -> Any:
        """Returns the compiled normalizer; None if there is nothing to do."""
        tokenizers = import_tokenizers()
        kinds = tokenizers.normalizers
        parts = [kinds.NFC()] if normalization == "NFC" else []
        if self.lowercase:
            blanks = kinds.Replace(tokenizers.Regex(r"\s+"), " ")
            return kinds.Sequence([*parts, blanks, kinds.Lowercase()])
        return parts[0] if parts else None


def fill(regex: str, spaces: str, letters: str, numbers: str) -> str:
    """Puts classes in their places."""
    for place, inside in {"<S>": spaces, "<L>": letters, "<N>": numbers}.items():
        regex = regex.replace(place, inside)
    return regex


def as_pattern(name: Any) -> BytePairPattern:
    """Returns a family's pattern.

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in PATTERNS:
        raise ValueError(
            f"Expected `pattern` to be one of {sorted(PATTERNS)}, received {name!r}. "
            "Name the family whose text was cut the way your vocabulary expects."
        )
    return PATTERNS[name]


# One blank goes with what follows; a run of blanks before it is a gap.
_BLANK_AND_REST = "[<S>]?[^<S>]+"
_BLANKS = "[<S>]+(?![^<S>])"
_BLANKS_IN_LINE = WHITE_SPACE.replace("\t-\r", "\t\x0b\x0c")

# "ſ" is an s, to those who ignore case.
_CONTRACTION = "'(?:[sSſtTmMdD]|[lL][lL]|[vV][eE]|[rR][eE])"

_GPT2_WORDS = "'(?:[sdmt]|ll|ve|re)| ?[<L>]+| ?[<N>]+| ?[^<S><L><N>]+|[<S>]+"


def _after_llama3(name: str, digits: str, normalization: str) -> BytePairPattern:
    """Line feeds end a word of punctuation, and one character goes with letters."""
    # Up to the last line feed of the white space behind, if one comes at once.
    lines = r"(?:[\r\n](?:[<S>]*[\r\n])?)?"
    return BytePairPattern(
        name,
        regex=r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
        rf"\p{{N}}{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        chunk=rf"[{_BLANKS_IN_LINE}]?[^<S>]+{lines}|[<S>]*[\r\n]+",
        gap=_BLANKS,
        words=(
            rf"{_CONTRACTION}|[^\r\n<L><N>]?[<L>]+|[<N>]{digits}|"
            r" ?[^<S><L><N>]+[\r\n]*|[<S>]*[\r\n]+|[<S>]+",
        ),
        normalization=normalization,
    )


# What ends a word of BLOOM's.
_BLOOM_ENDS = "(|.,!?…。，、।۔،)"

_GPT2_REGEX = (
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)

PATTERNS: dict[str, BytePairPattern] = {
    pattern.name: pattern
    for pattern in (
        BytePairPattern(
            "gpt2",
            regex=_GPT2_REGEX,
            chunk=_BLANK_AND_REST,
            gap=_BLANKS,
            words=(_GPT2_WORDS,),
            byte_level=True,
        ),
        BytePairPattern(
            "neox",
            regex=_GPT2_REGEX,
            chunk=_BLANK_AND_REST,
            gap=_BLANKS,
            words=(_GPT2_WORDS,),
            normalization="NFC",
            byte_level=True,
        ),
        _after_llama3("llama3", "{1,3}", "none"),
        _after_llama3("qwen", "", "NFC"),
        BytePairPattern(
            "bloom",
            regex=r" ?[^(\s|[.,!?…。，、।۔،])]+",
            chunk=f" ?[^<S>{_BLOOM_ENDS}]+",
            gap=f"(?:(?! ?[^<S>{_BLOOM_ENDS}])[<S>{_BLOOM_ENDS}])+",
            words=(),
        ),
        BytePairPattern(
            "clip",
            regex=r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|"
            r"[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
            chunk="[^<S>]+",
            gap=None,
            # The compiled rule, too, goes on with GPT-2's.
            words=(
                r"<\|startoftext\|>|<\|endoftext\|>|'(?:[sdmt]|ll|ve|re)|"
                "[<L>]+|[<N>]|[^<S><L><N>]+",
                _GPT2_WORDS,
            ),
            normalization="NFC",
            lowercase=True,
        ),
    )
}
