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
    """

    rows: list[np.ndarray]
    limits: list[int]
    repeats: int | None
    single: bool
    width: int | None
    preprocessor: Any
    stop: tuple[str, ...]

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
        answer = {"token_ids": ids, "padding_mask": mask}
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
    for name, number in (
        ("max_length", max_length),
        ("max_new_tokens", max_new_tokens),
        ("num_return_sequences", repeats),
    ):
        if number is not None:
            as_positive_int(name, number, 10**8)
    stop = _as_stop(stop)
    width = None
    if isinstance(inputs, dict):
        rows, single, width = _read_ids(inputs)
        if stop:
            raise ValueError(
                f"Expected texts as prompts, to stop at {stop[0]!r:.80}; received ids. "
                f"{_ADVICE}"
            )
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
    _check_ids(rows, backbone)
    room = max_length
    if room is None and max_new_tokens is None:
        room = preprocessor.sequence_length if width is None else width
    positions = getattr(backbone, "max_sequence_length", None)
    limits = [
        _limit(len(row), room, max_length, max_new_tokens, positions) for row in rows
    ]
    times = repeats or 1
    return Prompts(
        [row for row in rows for _ in range(times)],
        [limit for limit in limits for _ in range(times)],
        repeats,
        single,
        None if width is None else max_length or width,
        preprocessor,
        stop,
    )


def _read_ids(inputs: dict[str, Any]) -> tuple[list[np.ndarray], bool, int]:
    if "token_ids" not in inputs:
        raise ValueError(
            f"Expected a dict with 'token_ids', received {sorted(inputs)}. {_ADVICE}"
        )
    ids = keras.ops.convert_to_numpy(inputs["token_ids"])
    mask = inputs.get("padding_mask")
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


def _check_ids(rows: list[np.ndarray], backbone: Any) -> None:
    size = backbone.token_embedding.input_dim
    for index, row in enumerate(rows):
        if not len(row):
            raise ValueError(
                f"Expected prompts of at least one token, prompt {index} has none, and "
                "no start token stands before it. Pass some text."
            )
        if row.min() < 0 or row.max() >= size:
            wrong = row[(row < 0) | (row >= size)][0]
            raise ValueError(
                f"Expected ids from 0 to {size - 1}, those of the model; prompt "
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
