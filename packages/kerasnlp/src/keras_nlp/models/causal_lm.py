"""Writing on from a text, with any decoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np

from domain_core import register_task
from domain_core.arguments import check_choices
from domain_core.preprocessor import Preprocessor
from keras_nlp.generation.constraints import Constraints
from keras_nlp.generation.engine import Engine, Request, TextCache
from keras_nlp.generation.prompts import Prompts, read_prompts
from keras_nlp.generation.sampling import merged_sampling
from keras_nlp.models.causal_lm_preprocessor import CausalLMPreprocessor
from keras_nlp.models.decoder_backbone import DecoderBackbone
from keras_nlp.models.text_inputs import check_preprocessor_fits
from keras_nlp.models.token_prediction import TokenPrediction
from keras_nlp.samplers import serialization as samplers


def is_decoder(backbone: Any) -> str | None:
    """Returns None for a decoder, else why it is none."""
    if isinstance(backbone, DecoderBackbone):
        return None
    return (
        "Expected a backbone that is a DecoderBackbone, such as a GPT2Backbone, "
        f"received a {type(backbone).__name__}."
    )


class CausalLM(TokenPrediction):
    """Predicts the next token: it trains on texts, and writes on from prompts.

    The output is scores of tokens, `(B, T, vocabulary_size)`.

    Args:
        backbone: a `DecoderBackbone`.
        preprocessor: turns texts into tokens and back; None if inputs come
            preprocessed.
        name: name of the model.
        compile: whether to compile it, with the defaults of `compile`.

    Raises:
        ValueError: if the backbone is no decoder.
    """

    preprocessor_cls: ClassVar[type | None] = CausalLMPreprocessor
    refusal = staticmethod(is_decoder)

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: Preprocessor | None = None,
        *,
        name: str | None = None,
        compile: bool = True,
    ) -> None:
        if refusal := self.refusal(backbone):
            raise ValueError(refusal)
        check_preprocessor_fits(preprocessor, backbone)
        super().__init__(
            backbone,
            backbone.input,
            self.scores_of(backbone, backbone(backbone.input)),
            preprocessor=preprocessor,
            name=name,
        )
        self._engine: Engine | None = None
        self._calls = 0
        if compile:
            self.compile()

    def compile(
        self,
        optimizer: Any = "auto",
        loss: Any = "auto",
        *,
        weighted_metrics: Any = "auto",
        sampler: Any = "top_k",
        **kwargs: Any,
    ) -> None:
        """Configures training and generation; everything has a default.

        Args:
            optimizer: "auto" for Adam at 5e-5.
            loss: "auto" for sparse categorical cross-entropy on scores of tokens.
            weighted_metrics: "auto" for sparse categorical accuracy.
            sampler: how `generate` chooses tokens: a name, such as "greedy", or a
                `keras_nlp.samplers.Sampler`.
            **kwargs: as in `keras.Model.compile`. On torch, `jit_compile=True` also
                compiles the steps of `generate`: a minute at first, then faster.
        """
        self.sampler = samplers.get(sampler)
        super().compile(
            optimizer=optimizer,
            loss=loss,
            weighted_metrics=weighted_metrics,
            **kwargs,
        )

    def generate(
        self,
        inputs: Any,
        max_length: int | None = None,
        stop_token_ids: Any = "auto",
        strip_prompt: bool = False,
        *,
        max_new_tokens: int | None = None,
        stop: str | Sequence[str] | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        repetition_penalty: float | None = None,
        no_repeat_ngram_size: int | None = None,
        min_new_tokens: int | None = None,
        seed: int | None = None,
        num_return_sequences: int | None = None,
        return_logprobs: bool = False,
        cache: TextCache | None = None,
        return_cache: bool = False,
    ) -> Any:
        """Writes on from prompts.

        Each prompt's text is what it would be alone, whatever stands beside it. What is
        said here of how to choose tokens counts for this call, on top of the sampler
        that the model is compiled with; of that only `no_repeat_ngram_size` and
        `min_new_tokens` compile anything anew, once for each value.

        Args:
            inputs: a text, a list or array of texts, a `tf.data.Dataset` of batches of
                them; or, preprocessed, a dict of "token_ids" and "padding_mask",
                `(B, T)` or `(T,)`, as `generate_preprocess` gives it: the prompts are
                the tokens in the mask, and `T` is the room.
            max_length: the most tokens of a prompt and what follows, together; by
                default the preprocessor's `sequence_length`, or `T`, unless
                `max_new_tokens` says how many.
            stop_token_ids: ids that end a text; "auto" for the tokenizer's end token
                and those that the model's `generation_config` names; None for none.
            strip_prompt: leave the prompts out of the result.
            max_new_tokens: the most tokens that follow a prompt.
            stop: texts that end a text; they, and what follows them, are left out.
            temperature: divides the scores; 0 takes the best token always.
            top_k: choose from so many of the best tokens.
            top_p: choose from the fewest tokens that make up this share of the
                probability, in `(0, 1]`.
            min_p: choose from tokens with at least this share of the best token's
                probability, in `[0, 1]`.
            repetition_penalty: above 1, makes tokens less likely that were there.
            no_repeat_ngram_size: never write so many tokens in a row that the text
                holds in this order, those of the prompt among them; 0 for no such rule.
            min_new_tokens: the least number of tokens that follow a prompt, before one
                of `stop_token_ids` may; texts of `stop` are not held back.
            seed: makes the result reproducible, on every backend the same.
            num_return_sequences: give so many texts for each prompt, in a list; a
                `BeamSampler` gives its best.
            return_logprobs: give a tuple of the texts and the log-probabilities of
                their new tokens, by the scores of the model as they are.
            cache: of a call before: the inputs are what follows its texts, which are
                not computed again. It can be used once, as long as the weights stay.
            return_cache: give a tuple, with a cache at its end.

        Returns:
            The texts, or dicts of ids, in the form of the inputs; with a `cache` what
            came before is a part of them.

        Raises:
            ValueError: if a prompt is empty, or too long for `max_length` or the model;
                if an argument is out of range; if scores are not finite.
        """
        if _is_dataset(inputs):
            options = {k: v for k, v in locals().items() if k not in ("self", "inputs")}
            return self._generate_each(inputs, **options)
        prompts = self.read_prompts(
            inputs,
            max_length=max_length,
            max_new_tokens=max_new_tokens,
            stop=stop,
            repeats=num_return_sequences,
            before=None if cache is None else cache.rows,
        )
        sampling = merged_sampling(
            getattr(self.sampler, "sampling", None),
            self.backbone.token_embedding.input_dim,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            repetition_penalty=repetition_penalty,
        )
        constraints = self.constraints(prompts, no_repeat_ngram_size, min_new_tokens)
        most = max(prompts.limits, default=0)
        if prompts.limits and constraints.min_new_tokens > most:
            raise ValueError(
                f"Expected `min_new_tokens` of at most {most}, the tokens that there "
                f"is room for behind the prompts, received {min_new_tokens}."
            )
        request = Request(
            prompts.rows,
            prompts.limits,
            self._stop_ids(stop_token_ids),
            sampling,
            self.sampler if sampling is None else None,
            self._seed(seed),
            return_logprobs,
            prompts.is_over if prompts.stop else None,
            cache,
            constraints,
            num_return_sequences or 1,
            prompts.sources,
        )
        new, scores, kept = self.engine.generate(request)
        answer = prompts.answer(new, strip_prompt)
        if return_logprobs or return_cache:
            more = [prompts.nested(scores)] if return_logprobs else []
            return (answer, *more, *([kept] if return_cache else []))
        return answer

    @staticmethod
    def scores_of(backbone: Any, outputs: Any) -> Any:
        """Returns the scores `(B, T, V)` of a backbone's outputs."""
        return backbone.embeddings(outputs, reverse=True)

    def read_prompts(self, inputs: Any, **options: Any) -> Prompts:
        """Returns what `generate` is asked; options are those of `read_prompts`."""
        return read_prompts(inputs, self.preprocessor, self.backbone, **options)

    def constraints(
        self,
        prompts: Prompts,
        no_repeat_ngram_size: int | None,
        min_new_tokens: int | None,
    ) -> Constraints:
        """Returns what a call of `generate` rules out."""
        del prompts
        return Constraints(
            0 if no_repeat_ngram_size is None else no_repeat_ngram_size,
            0 if min_new_tokens is None else min_new_tokens,
        )

    @property
    def engine(self) -> Engine:
        """What generates; it knows `compiled`, the number of its programs."""
        compiles = getattr(self, "jit_compile", False) is True
        if self._engine is None or self._engine.jit_compile != compiles:
            self._engine = Engine(self.backbone, jit_compile=compiles)
        return self._engine

    def warmup(
        self, batch_size: int = 1, prompt_length: int = 1, length: int = 64
    ) -> None:
        """Compiles what later calls need.

        Args:
            batch_size: number of prompts.
            prompt_length: number of tokens of the longest.
            length: number of tokens of a prompt and its answer.
        """
        prompts = {"token_ids": np.zeros((batch_size, prompt_length), "int32")}
        self.generate(prompts, max_length=length, stop_token_ids=None)

    def cache_bytes(self, batch_size: int, length: int) -> int:
        """Returns the bytes that keys and values of earlier tokens take.

        See `Engine.cache_bytes` for the formula.

        Args:
            batch_size: number of texts that are generated at once.
            length: number of tokens of a text, with its prompt.
        """
        return self.engine.cache_bytes(batch_size, length)

    def score(
        self,
        inputs: Any,
        padding_mask: Any = None,
        scoring_mode: str = "logits",
        layer_intercept_fn: Callable[[Any, int], Any] | None = None,
        target_ids: Any = None,
    ) -> Any:
        """Says how likely texts are, token by token.

        Args:
            inputs: texts, as for `generate`; or int ids `(B, T)`.
            padding_mask: with ids: int or bool `(B, T)`, nonzero for real tokens.
            scoring_mode: with ids: "logits" for the scores of all tokens, or "loss".
            layer_intercept_fn: with ids: called with the features `(B, T, D)` and the
                number of the block that gave them, -1 for the embedding; what it
                returns takes their place.
            target_ids: with "loss": int `(B, T)`, the tokens to expect.

        Returns:
            For texts: a float32 array for each, the logarithm of the probability of
            each token but the first, given those before it; an array for a single
            text. For ids: a tensor, `(B, T, V)` or, with "loss", `(B, T)`.

        Raises:
            ValueError: if `scoring_mode` is unknown, or "loss" has no targets.
        """
        if not _is_numeric(inputs):
            rows, single = self._require_texts().prompts(inputs)
            scores = self.engine.score(rows)
            return scores[0] if single else scores
        check_choices(scoring_mode=(scoring_mode, ("logits", "loss")))
        if (scoring_mode == "loss") != (target_ids is not None):
            raise ValueError(
                "Expected `target_ids` with scoring_mode='loss', and only then."
            )
        mask = keras.ops.ones_like(inputs) if padding_mask is None else padding_mask
        inputs = {"token_ids": inputs, "padding_mask": mask}
        logits = self.engine.logits(inputs, layer_intercept_fn)
        if target_ids is None:
            return logits
        return keras.losses.sparse_categorical_crossentropy(
            target_ids, logits, from_logits=True
        )

    def make_generate_function(self) -> Callable[..., dict[str, np.ndarray]]:
        """Returns what turns a dict of ids into one; as upstream has it."""
        return self.generate_step

    def generate_step(
        self, inputs: dict[str, Any], stop_token_ids: Any = None
    ) -> dict[str, np.ndarray]:
        """Does what `generate` does for a dict of "token_ids" and "padding_mask"."""
        return self.generate(inputs, stop_token_ids=stop_token_ids)

    def _generate_each(self, dataset: Any, **options: Any) -> Any:
        """Generates for each batch of a dataset, and joins the answers."""
        if options.pop("return_cache") or options.pop("cache") is not None:
            raise ValueError(
                "Expected no `cache` and no `return_cache` with a dataset: a cache is "
                "of one batch. Call `generate` for each."
            )
        seed, answers = options.pop("seed"), []
        for index, x in enumerate(dataset.as_numpy_iterator()):
            # Other draws for each batch.
            own: Any = [seed, index] if index and seed is not None else seed
            answers.append(self.generate(x, **options, seed=own))
        if not options["return_logprobs"]:
            return _joined(answers)
        texts, scores = zip(*answers, strict=True)
        return _joined(texts), _joined(scores)

    def _require_texts(self) -> Any:
        if not hasattr(self.preprocessor, "prompts"):
            raise ValueError(
                f"Expected a {type(self).__name__} with a preprocessor for texts. Pass "
                "`preprocessor=` to its constructor, or ids."
            )
        return self.preprocessor

    def _stop_ids(self, given: Any) -> list[int]:
        if isinstance(given, str) and given == "auto":
            config = self.backbone.generation_config or {}
            ids = np.atleast_1d(config.get("eos_token_id") or []).tolist()
            ids += getattr(self.preprocessor, "stop_token_ids", [])
            if not ids:
                raise ValueError(
                    "Expected a tokenizer with an end token for stop_token_ids='auto'. "
                    "Pass ids, or None to write on to the last."
                )
        else:
            ids = [] if given is None else np.atleast_1d(given).tolist()
        if not all(isinstance(i, int) and i >= 0 for i in ids):
            raise ValueError(
                f"Expected `stop_token_ids` to be ids, 'auto' or None, received "
                f"{given!r:.80}. Pass texts as `stop`."
            )
        return list(dict.fromkeys(ids))

    def _seed(self, seed: int | None) -> Any:
        if seed is not None:
            return seed
        self._calls += 1
        own = getattr(self.sampler, "seed", None)
        # NumPy's, so that `keras.utils.set_random_seed` counts.
        return [own, self._calls] if own is not None else np.random.randint(2**31)


def _is_dataset(inputs: Any) -> bool:
    return hasattr(inputs, "as_numpy_iterator")


def _is_numeric(inputs: Any) -> bool:
    return hasattr(inputs, "dtype") and keras.backend.standardize_dtype(
        inputs.dtype
    ).startswith(("int", "uint"))


def _joined(answers: Sequence[Any]) -> Any:
    if answers and isinstance(answers[0], dict):
        width = max(answer["token_ids"].shape[1] for answer in answers)
        return {
            key: np.concatenate(
                [
                    np.pad(ids, ((0, 0), (0, width - ids.shape[1])))
                    for ids in (answer[key] for answer in answers)
                ]
            )
            for key in answers[0]
        }
    return [text for answer in answers for text in answer]


register_task(CausalLM, accepts=is_decoder, package="kerasnlp")
