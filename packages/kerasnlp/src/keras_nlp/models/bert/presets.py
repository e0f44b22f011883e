"""Published BERT weights: sizes and where they come from.

Where no published config was at hand, sizes match the published number of parameters;
what such a number cannot show is marked `unverified`. (Of `paraphrase_minilm_l3_v2_en`
the published number, 17,066,496, fits no such model; here stands what its sizes give.)
"""

from __future__ import annotations

import dataclasses

from domain_core import Preset

_SIZES = ("num_layers", "num_heads", "hidden_dim", "intermediate_dim")
_TINY, _SMALL, _MEDIUM = (2, 2, 128, 512), (4, 8, 512, 2048), (8, 8, 512, 2048)
_BASE, _LARGE = (12, 12, 768, 3072), (24, 16, 1024, 4096)
_MINI_3, _MINI_6, _MINI_12 = ((layers, 12, 384, 1536) for layers in (3, 6, 12))

# Folder on Kaggle, licence, origin, paper, data.
_BERT = ("bert", "Apache-2.0", "Google", "https://arxiv.org/abs/1810.04805")
_ENGLISH = (*_BERT, "English Wikipedia and BooksCorpus")
_SBERT = "sentence-transformers", "Apache-2.0", "sentence-transformers"
_PAIRS = (*_SBERT, "https://arxiv.org/abs/1908.10084", "pairs of English sentences")
_BAAI = ("bge", "MIT", "BAAI", "https://arxiv.org/abs/2309.07597")
_BGE, _BGE_ZH = (*_BAAI, "pairs of English texts"), (*_BAAI, "pairs of Chinese texts")
_LLM = (*_BAAI[:3], "https://arxiv.org/abs/2310.07554", "retrieval for chat models")
_E5 = ("multilingual-e5", "MIT", "Microsoft", "https://arxiv.org/abs/2402.05672")
_MXBAI = ("mxbai-embed", "Apache-2.0", "Mixedbread", "https://arxiv.org/abs/2309.12871")
_MIXED = (*_MXBAI, "pairs of English texts")

# Sizes, vocabulary, parameters, source, names.
_ROWS = [
    (_TINY, 30522, 4385920, _ENGLISH, "bert_tiny_en_uncased bert_tiny_en_uncased_sst2"),
    (_SMALL, 30522, 28763648, _ENGLISH, "bert_small_en_uncased"),
    (_MEDIUM, 30522, 41373184, _ENGLISH, "bert_medium_en_uncased"),
    (_BASE, 30522, 109482240, _ENGLISH, "bert_base_en_uncased"),
    (_BASE, 28996, 108310272, _ENGLISH, "bert_base_en"),
    (_BASE, 21128, 102267648, (*_BERT, "Chinese Wikipedia"), "bert_base_zh"),
    (_BASE, 119547, 177853440, (*_BERT, "104 Wikipedias"), "bert_base_multi"),
    (_LARGE, 30522, 335141888, _ENGLISH, "bert_large_en_uncased"),
    (_LARGE, 28996, 333579264, _ENGLISH, "bert_large_en"),
    (_MINI_6, 30522, 22713216, _PAIRS, "all_minilm_l6_v2_en all_minilm_l6_v1_en"),
    (_MINI_12, 30522, 33360000, _PAIRS, "all_minilm_l12_v2_en"),
    (_MINI_3, 30522, 17389824, _PAIRS, "paraphrase_minilm_l3_v2_en"),
    (_MINI_6, 30522, 22713216, _PAIRS, "paraphrase_minilm_l6_v2_en"),
    (_MINI_12, 30522, 33360000, _PAIRS, "paraphrase_minilm_l12_v2_en"),
    (_MINI_6, 30522, 22713216, _PAIRS, "multi_qa_minilm_l6_cos_v1_en"),
    (_MINI_6, 30522, 22713216, _PAIRS, "multi_qa_minilm_l6_dot_v1_en"),
    (_MINI_6, 30522, 22713216, _PAIRS, "msmarco_minilm_l6_cos_v5_en"),
    (_MINI_12, 30522, 33360000, _PAIRS, "msmarco_minilm_l12_cos_v5_en"),
    (_MINI_12, 30522, 33360000, _BGE, "bge_small_en bge_small_v1.5_en"),
    (_BASE, 30522, 109482240, _BGE, "bge_base_en bge_base_v1.5_en"),
    (_BASE, 30522, 109482240, _LLM, "bge_llm_embedder"),
    (_LARGE, 30522, 335141888, _BGE, "bge_large_en bge_large_v1.5_en"),
    (_SMALL, 21128, 23953920, _BGE_ZH, "bge_small_v1.5_zh"),
    (_BASE, 21128, 102267648, _BGE_ZH, "bge_base_zh bge_base_v1.5_zh"),
    (_LARGE, 21128, 325522432, _BGE_ZH, "bge_large_zh bge_large_v1.5_zh"),
    (_MINI_12, 250037, 117653760, (*_E5, "100 languages"), "multilingual_e5_small"),
    (_LARGE, 30522, 335141888, _MIXED, "mxbai_embed_large_v1_en"),
    (_LARGE, 30522, 335141888, _MIXED, "mxbai_embed_2d_large_v1_en"),
    (_MINI_6, 30522, 24089472, _MIXED, "mxbai_embed_xsmall_v1_en"),
]

# All models with the vocabulary of 30,522 words lowercase their text.
PRESETS = {
    name: Preset(
        description=f"{sizes[0]}-layer BERT trained on {data}.",
        config={
            "vocabulary_size": vocabulary_size,
            **dict(zip(_SIZES, sizes, strict=True)),
            "max_sequence_length": 4096 if "xsmall" in name else 512,
        },
        handle=f"kaggle://keras/{folder}/keras/{name}/{3 if folder == 'bert' else 1}",
        parameters=parameters,
        licence=licence,
        paper=paper,
        origin=f"{origin}, converted by the Keras team",
        tokenizer={} if folder == _E5[0] else {"lowercase": vocabulary_size == 30522},
        unverified=() if folder == "bert" else ("num_heads", "activation", "dropout"),
    )
    for sizes, vocabulary_size, parameters, source, names in _ROWS
    for folder, licence, origin, paper, data in [source]
    for name in names.split()
}
PRESETS["bert_tiny_en_uncased_sst2"] = dataclasses.replace(
    PRESETS["bert_tiny_en_uncased_sst2"],
    description="2-layer BERT fine-tuned on SST-2 to tell 2 sentiments.",
    handle="kaggle://keras/bert/keras/bert_tiny_en_uncased_sst2/5",
    task="kerasnlp>BertClassifier",
    task_config={"num_classes": 2},
)
