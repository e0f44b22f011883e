"""Reading a text and writing another one, with any encoder and decoder."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from domain_core import register_task
from keras_nlp.generation.constraints import Constraints
from keras_nlp.generation.prompts import Prompts, read_pairs
from keras_nlp.models.causal_lm import CausalLM
from keras_nlp.models.seq2seq_backbone import Seq2SeqBackbone
from keras_nlp.models.seq2seq_lm_preprocessor import Seq2SeqLMPreprocessor
from keras_nlp.models.smoothed_crossentropy import SmoothedCrossentropy


def is_seq2seq(backbone: Any) -> str | None:
    """Returns None for an encoder and a decoder in one, else why it is none."""
    if isinstance(backbone, Seq2SeqBackbone):
        return None
    return (
        "Expected a backbone that is a Seq2SeqBackbone, such as a T5Backbone, received "
        f"a {type(backbone).__name__}."
    )


class Seq2SeqLM(CausalLM):
    """Reads a text and writes another: a translation, a summary, an answer.

    It trains on pairs of texts, `fit(sources, targets)`, and writes with
    `generate(sources)`. The output is scores of tokens, `(B, T, vocabulary_size)`.

    Args:
        backbone: a `Seq2SeqBackbone`.
        preprocessor: turns texts into tokens and back; None if inputs come
            preprocessed.
        name: name of the model.
        compile: whether to compile it, with the defaults of `compile`.

    Raises:
        ValueError: if the backbone is not of an encoder and a decoder.
    """

    preprocessor_cls = Seq2SeqLMPreprocessor
    refusal = staticmethod(is_seq2seq)

    @staticmethod
    def scores_of(backbone: Any, outputs: Any) -> Any:
        features = outputs["decoder_sequence_output"]
        return backbone.embeddings(features, reverse=True)

    def compile(
        self,
        optimizer: Any = "auto",
        loss: Any = "auto",
        *,
        weighted_metrics: Any = "auto",
        sampler: Any = "top_k",
        label_smoothing: float = 0.0,
        **kwargs: Any,
    ) -> None:
        """Configures training and generation; everything has a default.

        Args:
            optimizer: "auto" for Adam at 5e-5.
            loss: "auto" for cross-entropy on scores of tokens, padding left out.
            weighted_metrics: "auto" for sparse categorical accuracy.
            sampler: how `generate` chooses tokens: a name, such as "greedy", or a
                `keras_nlp.samplers.Sampler`, such as `BeamSampler(4)`.
            label_smoothing: share of each label that is spread over all tokens, in
                `[0, 1)`, where the loss is "auto".
            **kwargs: as in `keras.Model.compile`; see `CausalLM.compile`, too.

        Raises:
            ValueError: if there is `label_smoothing` for another loss.
        """
        if label_smoothing and not (isinstance(loss, str) and loss == "auto"):
            raise ValueError(
                f"Expected loss='auto' for label_smoothing={label_smoothing}, received "
                f"{loss!r:.80}. Leave one out."
            )
        if label_smoothing:
            loss = SmoothedCrossentropy(label_smoothing)
        super().compile(
            optimizer=optimizer,
            loss=loss,
            weighted_metrics=weighted_metrics,
            sampler=sampler,
            **kwargs,
        )

    def generate(
        self,
        inputs: Any,
        max_length: int | None = None,
        stop_token_ids: Any = "auto",
        strip_prompt: bool = False,
        **options: Any,
    ) -> Any:
        """Writes on sources.

        The encoder reads a source once. Each answer is what it would be alone, whatever
        stands beside it.

        Args:
            inputs: a source, a list or array of sources, a `tf.data.Dataset` of batches
                of them; or a dict of "encoder_text", and "decoder_text" for how the
                answers begin; or, preprocessed, a dict of "encoder_token_ids" and
                "encoder_padding_mask", `(B, S)` or `(S,)`, and the same of "decoder",
                as `generate_preprocess` gives it.
            max_length: the most tokens of an answer, those that all begin with among
                them; by default the preprocessor's `decoder_sequence_length`, or `T` of
                the ids, unless `max_new_tokens` says how many.
            stop_token_ids: ids that end an answer; "auto" for the tokenizer's end token
                and those that the model's `generation_config` names; None for none.
            strip_prompt: leave out how the answers begin.
            **options: as in `CausalLM.generate`: how to choose, how many, rules. There
                is no `cache`. Tokens that the `generation_config` forces at the
                beginning and at the end of an answer are forced.

        Returns:
            The answers, in the form of the inputs: texts, or dicts of
            "decoder_token_ids" and "decoder_padding_mask".

        Raises:
            ValueError: as in `CausalLM.generate`; or if a source is too long.
        """
        if options.get("cache") is not None or options.get("return_cache"):
            raise ValueError(
                "Expected no `cache` and no `return_cache`: an answer is complete, and "
                "nothing is said on. Pass `decoder_text` for how it begins."
            )
        return super().generate(
            inputs, max_length, stop_token_ids, strip_prompt, **options
        )

    def read_prompts(
        self, inputs: Any, *, before: Any = None, **options: Any
    ) -> Prompts:
        del before  # answers are complete
        return read_pairs(inputs, self.preprocessor, self.backbone, **options)

    def constraints(
        self,
        prompts: Prompts,
        no_repeat_ngram_size: int | None,
        min_new_tokens: int | None,
    ) -> Constraints:
        config = self.backbone.generation_config or {}
        if no_repeat_ngram_size is None:
            no_repeat_ngram_size = config.get("no_repeat_ngram_size")
        found = super().constraints(prompts, no_repeat_ngram_size, min_new_tokens)
        first, last = (config.get(f"forced_{at}_token_id") for at in ("bos", "eos"))
        if any(len(row) != 1 for row in prompts.rows):
            first = None  # it is there
        found = dataclasses.replace(
            found, forced_first_token_id=first, forced_last_token_id=last
        )
        size = self.backbone.token_embedding.input_dim
        for token in (first, last):
            if token is not None and token >= size:
                raise ValueError(
                    f"Expected ids below {size}, those of the model, to be forced; the "
                    f"`generation_config` of the backbone says {token}. Mend it with "
                    "`set_generation_config`."
                )
        return found

    def warmup(
        self, batch_size: int = 1, source_length: int = 1, length: int = 64
    ) -> None:
        """Compiles what later calls need.

        Args:
            batch_size: number of sources.
            source_length: number of tokens of the longest.
            length: number of tokens of an answer.
        """
        ids = np.zeros((batch_size, source_length), "int32")
        start = getattr(self.preprocessor, "decoder_start_token_ids", [0])
        inputs = {
            "encoder_token_ids": ids,
            "decoder_token_ids": np.tile(np.array(start, "int32"), (batch_size, 1)),
        }
        self.generate(inputs, max_length=length, stop_token_ids=None)

    def cache_bytes(self, batch_size: int, length: int, source_length: int = 0) -> int:
        """Returns the bytes that keys and values of earlier tokens take.

        See `Engine.cache_bytes` for the formula.

        Args:
            batch_size: number of answers that are written at once.
            length: number of tokens of an answer.
            source_length: number of tokens of a source.
        """
        return self.engine.cache_bytes(batch_size, length, source_length)

    def score(  # type: ignore[override]
        self, sources: Any, targets: Any = None
    ) -> Any:
        """Says how likely targets are, token by token.

        Args:
            sources: texts; or a dict of "encoder_text" and "decoder_text".
            targets: texts, as many; None if `sources` holds them.

        Returns:
            A float32 array for each pair, or for a single one: the logarithm of the
            probability of each token of the target, and of the end token at last, given
            the source and the tokens before.

        Raises:
            ValueError: if there are not as many targets as sources.
        """
        preprocessor = self._require_texts()
        if targets is not None:
            sources = {"encoder_text": sources, "decoder_text": targets}
        if not isinstance(sources, dict) or "decoder_text" not in sources:
            raise ValueError(
                "Expected a target for each source to score. Pass texts as `targets`."
            )
        read, rows, single = preprocessor.sources(sources)
        if not rows:
            return []
        end = preprocessor.tokenizer.end_token_id
        if end is not None:
            rows = [np.append(row, np.int32(end)) for row in rows]
        first = len(preprocessor.decoder_start_token_ids) - 1
        scores = [row[first:] for row in self.engine.score(rows, read)]
        return scores[0] if single else scores

    def _require_texts(self) -> Any:
        if not hasattr(self.preprocessor, "sources"):
            raise ValueError(
                f"Expected a {type(self).__name__} with a preprocessor for texts. Pass "
                "`preprocessor=` to its constructor."
            )
        return self.preprocessor


register_task(Seq2SeqLM, accepts=is_seq2seq, package="kerasnlp")
