"""Keys that a `config.json` of Hugging Face may hold, whatever the family."""

from __future__ import annotations

from typing import Any

# What would make another model of an encoder.
ONLY: dict[str, Any] = {
    "is_encoder_decoder": False,
    "quantization_config": None,
    "pruned_heads": {},
    "cross_attention_hidden_size": None,
}
# What heads, layout and tokenizers read, and what changes nothing in an encoder's
# features: names and versions, training, generation, and sizes of what is not built.
HARMLESS = (
    *("model_type", "architectures", "dtype", "torch_dtype", "tie_word_embeddings"),
    *("id2label", "label2id", "num_labels", "problem_type", "classifier_dropout"),
    *("tokenizer_class", "_name_or_path", "name_or_path", "transformers_version"),
    *("auto_map", "trust_remote_code", "custom_pipelines", "finetuning_task"),
    *("task_specific_params", "prefix", "use_cache", "output_past", "torchscript"),
    *("return_dict", "use_return_dict", "output_attentions", "output_hidden_states"),
    *("attn_implementation", "_attn_implementation", "use_bfloat16", "tf_legacy_loss"),
    *("_attn_implementation_autoset", "attn_implementation_internal"),
    *("_attn_implementation_internal", "chunk_size_feed_forward"),
    *("initializer_range", "initializer_factor", "gradient_checkpointing"),
    *("bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "cls_token_id"),
    *("mask_token_id", "unk_token_id", "decoder_start_token_id", "tie_encoder_decoder"),
    *("bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample"),
    *(
        "early_stopping",
        "encoder_no_repeat_ngram_size",
        "exponential_decay_length_penalty",
    ),
    *("forced_bos_token_id", "forced_eos_token_id", "length_penalty", "max_length"),
    *("min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams"),
    *("num_return_sequences", "output_scores", "remove_invalid_values"),
    *("repetition_penalty", "return_dict_in_generate", "suppress_tokens"),
    *("temperature", "top_k", "top_p", "typical_p", "cache_implementation"),
    *("summary_type", "summary_use_proj", "summary_activation", "n_ctx"),
    *("summary_first_dropout", "summary_proj_to_labels"),
)
