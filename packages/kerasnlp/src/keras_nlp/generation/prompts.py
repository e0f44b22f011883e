"""What people ask to be written on, and their answers, in the forms they come in."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from domain_core.arguments import as_positive_int

_ADVICE = (
    "Pass texts to a model with a preprocessor, or a dict of 'token_ids' and "
    "'padding_mask'."
)


@dataclasses.dataclass(frozen=True)
class Prompts:
    """The prompts of one call.

    Attributes:
        rows: ids of each, repeated where several answers are asked for.
        limits: number of tokens that may follow each.
        repeats: number of answers to each prompt; None for one that is no list.
        single: whether there was one prompt, not a list.
        width: length of the rows of ids to answer with; None to answer with texts.
        preprocessor: what turns ids into texts.
        stop: texts that end an answer.
        sources: ids that an encoder reads, one for each prompt; None without one.
        prefix: what the names of ids begin with.
    """

    rows: list[np.ndarray]
    limits: list[int]
    repeats: int | None
    single: bool
    width: int | None
    preprocessor: Any
    stop: tuple[str, ...]
    sources: list[np.ndarray] | None = None
    prefix: str = ""

    def is_over(self, row: int, new: np.ndarray) -> bool:
        """Whether the answer to a row holds a text that ends it."""
        return bool(self.stop) and self._cut(row, new)[1] is not None

    def answer(self, new: list[np.ndarray], strip_prompt: bool) -> Any:
        """Returns the answers in the form of the prompts.

        Args:
            new: ids that follow each row.
            strip_prompt: leave the prompts out.
        """
        if self.width is not None:
            return self._as_ids(new, strip_prompt)
        return self.nested(
            [self._as_text(row, ids, strip_prompt) for row, ids in enumerate(new)]
        )

    def nested(self, answers: list[Any]) -> Any:
        """Returns what belongs to each row in the form of the prompts."""
        if self.repeats is not None:
            starts = range(0, len(answers), self.repeats)
            answers = [answers[start : start + self.repeats] for start in starts]
        return answers[0] if self.single else answers

    def _as_ids(
        self, new: list[np.ndarray], strip_prompt: bool
    ) -> dict[str, np.ndarray]:
        if strip_prompt:
            rows, width = new, max(map(len, new), default=0)
        else:
            pairs = zip(self.rows, new, strict=True)
            rows, width = [np.concatenate(pair) for pair in pairs], self.width or 0
        ids = np.zeros((len(rows), max(width, *map(len, rows), 0)), "int32")
        mask = np.zeros_like(ids)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        answer = {
            f"{self.prefix}token_ids": ids,
            f"{self.prefix}padding_mask": mask,
        }
        if self.single and self.repeats is None:
            return {key: value[0] for key, value in answer.items()}
        return answer

    def _as_text(self, row: int, new: np.ndarray, strip_prompt: bool) -> str:
        text, end = self._cut(row, new)
        text = text[:end]
        if strip_prompt:
            return text
        return self.preprocessor.texts([self.rows[row]])[0] + text

    def _cut(self, row: int, new: np.ndarray) -> tuple[str, int | None]:
        """Returns the text of what is new, and where a text that ends it begins."""
        whole, before = self.preprocessor.texts(
            [np.concatenate((self.rows[row], new)), self.rows[row]]
        )
        if not whole.startswith(before):  # half a letter was at its end
            before = whole[: len(before)]
        text = whole[len(before) :]
        found = [place for stop in self.stop if (place := text.find(stop)) >= 0]
        return text, min(found, default=None)


def read_prompts(
    inputs: Any,
    preprocessor: Any,
    backbone: Any,
    *,
    max_length: int | None,
    max_new_tokens: int | None,
    stop: str | Sequence[str] | None,
    repeats: int | None,
    before: list[np.ndarray] | None = None,
) -> Prompts:
    """Reads prompts in any form.

    Args:
        inputs: as `CausalLM.generate` takes them, but no dataset.
        preprocessor: a `CausalLMPreprocessor`, or None.
        backbone: what generates; with `max_sequence_length` if there is a limit.
        max_length: the most tokens of a prompt and its answer; None for what there is
            room for.
        max_new_tokens: the most tokens of an answer; None for what there is room for.
        stop: texts that end an answer.
        repeats: number of answers to each prompt; None for one.
        before: ids that the prompts follow; None where they begin texts.

    Raises:
        ValueError: if a prompt is empty, too long or holds ids that the model lacks;
            or an argument is out of range.
    """
    asked = _Asked(max_length, max_new_tokens, repeats, _as_stop(stop))
    width = None
    if isinstance(inputs, dict):
        rows, single, width = _read_ids(inputs)
        asked.check_ids()
    elif hasattr(preprocessor, "prompts"):
        rows, single = preprocessor.prompts(inputs, begins=before is None)
    else:
        raise ValueError(
            f"Expected a dict of 'token_ids' and 'padding_mask' for a model without a "
            f"preprocessor that tokenizes, received {type(inputs).__name__}. {_ADVICE}"
        )
    if before is not None:
        rows = _after(before, rows, repeats)
        width = None if width is None else width + max(map(len, before))
    return asked.prompts(rows, single, width, preprocessor, backbone)


def read_pairs(
    inputs: Any,
    preprocessor: Any,
    backbone: Any,
    *,
    max_length: int | None,
    max_new_tokens: int | None,
    stop: str | Sequence[str] | None,
    repeats: int | None,
) -> Prompts:
    """Reads sources in any form, and how the answers begin.

    Args:
        inputs: as `Seq2SeqLM.generate` takes them, but no dataset.
        preprocessor: a `Seq2SeqLMPreprocessor`, or None.
        backbone: what generates; with `max_sequence_length` if there is a limit.
        max_length: the most tokens of an answer; None for what there is room for.
        max_new_tokens: likewise, those that it begins with left out.
        stop: texts that end an answer.
        repeats: number of answers to each source; None for one.

    Raises:
        ValueError: as `read_prompts`; or if a source is too long.
    """
    asked = _Asked(max_length, max_new_tokens, repeats, _as_stop(stop))
    width = None
    if isinstance(inputs, dict) and "encoder_token_ids" in inputs:
        sources, single, _ = _read_ids(inputs, "encoder_")
        rows, _, width = _read_ids(inputs, "decoder_")
        if len(rows) != len(sources):
            raise ValueError(
                f"Expected as many beginnings as sources, received {len(rows)} rows of "
                f"'decoder_token_ids' and {len(sources)} of 'encoder_token_ids'."
            )
        asked.check_ids()
    elif hasattr(preprocessor, "sources"):
        sources, rows, single = preprocessor.sources(inputs)
    else:
        raise ValueError(
            "Expected a dict of 'encoder_token_ids' and 'decoder_token_ids' for a "
            "model without a preprocessor that tokenizes, received "
            f"{type(inputs).__name__}. Pass such a dict, or texts to a model with one."
        )
    _check_ids(sources, backbone, "source")
    positions = getattr(backbone, "max_sequence_length", None)
    longest = max(map(len, sources), default=0)
    if positions is not None and longest > positions:
        raise ValueError(
            f"Expected sources of at most {positions} tokens, all that the model has "
            f"positions for; one has {longest}. Shorten it."
        )
    prompts = asked.prompts(rows, single, width, preprocessor, backbone)
    return dataclasses.replace(prompts, sources=sources, prefix="decoder_")


@dataclasses.dataclass(frozen=True)
class _Asked:
    """What a call says beside its prompts; see `read_prompts`."""

    max_length: int | None
    max_new_tokens: int | None
    repeats: int | None
    stop: tuple[str, ...]

    def __post_init__(self) -> None:
        for name, number in (
            ("max_length", self.max_length),
            ("max_new_tokens", self.max_new_tokens),
            ("num_return_sequences", self.repeats),
        ):
            if number is not None:
                as_positive_int(name, number, 10**8)

    def check_ids(self) -> None:
        """Raises ValueError for what ids can't have."""
        if self.stop:
            raise ValueError(
                f"Expected texts as prompts, to stop at {self.stop[0]!r:.80}; received "
                f"ids. {_ADVICE}"
            )

    def prompts(
        self,
        rows: list[np.ndarray],
        single: bool,
        width: int | None,
        preprocessor: Any,
        backbone: Any,
    ) -> Prompts:
        """Returns the prompts, with how much may follow each."""
        _check_ids(rows, backbone)
        room = self.max_length
        if room is None and self.max_new_tokens is None:
            room = preprocessor.sequence_length if width is None else width
        positions = getattr(backbone, "max_sequence_length", None)
        limits = [
            _limit(len(row), room, self.max_length, self.max_new_tokens, positions)
            for row in rows
        ]
        times = self.repeats or 1
        return Prompts(
            [row for row in rows for _ in range(times)],
            [limit for limit in limits for _ in range(times)],
            self.repeats,
            single,
            None if width is None else self.max_length or width,
            preprocessor,
            self.stop,
        )


def _read_ids(
    inputs: dict[str, Any], prefix: str = ""
) -> tuple[list[np.ndarray], bool, int]:
    name = f"{prefix}token_ids"
    if name not in inputs:
        raise ValueError(
            f"Expected a dict with {name!r}, received {sorted(inputs)}. {_ADVICE}"
        )
    ids = keras.ops.convert_to_numpy(inputs[name])
    mask = inputs.get(f"{prefix}padding_mask")
    mask = np.ones_like(ids) if mask is None else keras.ops.convert_to_numpy(mask)
    if ids.ndim not in (1, 2) or ids.shape != mask.shape or ids.dtype.kind not in "iu":
        raise ValueError(
            "Expected 'token_ids' and 'padding_mask' to be int (batch, tokens) or "
            f"(tokens,), received {ids.dtype} {ids.shape} and {mask.shape}."
        )
    rows = [
        row[kept]
        for row, kept in zip(np.atleast_2d(ids), np.atleast_2d(mask) != 0, strict=True)
    ]
    return rows, ids.ndim == 1, ids.shape[-1]


def _after(
    before: list[np.ndarray], rows: list[np.ndarray], repeats: int | None
) -> list[np.ndarray]:
    if len(before) != len(rows) or repeats is not None:
        raise ValueError(
            f"Expected as many prompts as the cache has texts, {len(before)}, and one "
            f"answer to each; received {len(rows)}."
        )
    return [
        np.concatenate(pair).astype("int32") for pair in zip(before, rows, strict=True)
    ]


def _check_ids(rows: list[np.ndarray], backbone: Any, name: str = "prompt") -> None:
    size = backbone.token_embedding.input_dim
    for index, row in enumerate(rows):
        if not len(row):
            raise ValueError(
                f"Expected {name}s of at least one token, {name} {index} has none, and "
                "no start token stands before it. Pass some text."
            )
        if row.min() < 0 or row.max() >= size:
            wrong = row[(row < 0) | (row >= size)][0]
            raise ValueError(
                f"Expected ids from 0 to {size - 1}, those of the model; {name} "
                f"{index} holds {wrong}. Use the model's own tokenizer."
            )


def _limit(
    length: int,
    room: int | None,
    max_length: int | None,
    max_new_tokens: int | None,
    positions: int | None,
) -> int:
    """Returns how many tokens may follow a prompt of a length."""
    if positions is not None:
        asked = max(max_length or 0, length + (max_new_tokens or 0))
        if asked > positions or length >= positions:
            raise ValueError(
                f"Expected at most {positions} tokens, all that the model has "
                f"positions for; the prompt has {length}, and {asked} are asked for "
                "in all. Shorten the prompt, or ask for fewer."
            )
        room = min(room or positions, positions)
    if room is not None and length >= room:
        raise ValueError(
            f"Expected a `max_length` above the prompt's {length} tokens, received "
            f"{room}. It counts the prompt, too; `max_new_tokens` does not."
        )
    limits = [max_new_tokens] if max_new_tokens is not None else []
    return min(limits + ([room - length] if room is not None else []))


def _as_stop(stop: str | Sequence[str] | None) -> tuple[str, ...]:
    stops: tuple[Any, ...] = (stop,)
    if stop is None or isinstance(stop, list | tuple | set):
        stops = tuple(stop or ())
    for text in stops:
        if not isinstance(text, str) or not text:
            raise ValueError(
                f"Expected `stop` to be a text or several, received {text!r:.80}. Pass "
                "ids as `stop_token_ids`."
            )
    return stops
