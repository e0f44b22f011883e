"""Folders of `sentence-transformers`, as version 6 and as those before wrote them."""

import json
import warnings

import numpy as np
import pytest

import keras_nlp
from domain_core.testing import assert_close

torch = pytest.importorskip("torch", reason="the reference runs on torch")
transformers = pytest.importorskip("transformers", reason="the reference")
sentence_transformers = pytest.importorskip(
    "sentence_transformers", reason="the reference"
)

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the fox f ##o ##x t ##h ##e query : a".split()
TEXTS = ["the fox", "the fox the fox the fox the fox the fox", "a", "", "fox a the"]
MODES = {
    "mean": "mean_tokens",
    "cls": "cls_token",
    "max": "max_tokens",
    "weightedmean": "weightedmean_tokens",
    "lasttoken": "lasttoken",
    "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
}


@pytest.fixture
def save(tmp_path):
    """Writes a folder; returns what made it."""

    def write(mode, *modules, max_length=8, prompts=None, default=None, **pooling):
        torch.manual_seed(0)
        config = transformers.BertConfig(
            vocab_size=len(WORDS),
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            initializer_range=0.3,
            max_position_embeddings=20,
        )
        encoder = tmp_path / "encoder"
        transformers.BertModel(config).save_pretrained(encoder)
        (encoder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sentence_transformers import models as parts

            made = {
                "dense": lambda: parts.Dense(8, 4),
                "plain": lambda: parts.Dense(8, 5, False, torch.nn.Identity()),
                "normalize": lambda: parts.Normalize(),
            }
            peer = sentence_transformers.SentenceTransformer(
                modules=[
                    parts.Transformer(str(encoder), max_seq_length=max_length),
                    parts.Pooling(8, pooling_mode=mode, **pooling),
                    *(made[name]() for name in modules),
                ],
                prompts=prompts,
                default_prompt_name=default,
                device="cpu",
            )
            peer.save(str(tmp_path / "folder"))
        return peer, tmp_path / "folder"

    return write


def edit(path, **changes):
    value = json.loads(path.read_text())
    value.update(changes)
    path.write_text(json.dumps({k: v for k, v in value.items() if v is not ...}))


def embedder(folder, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # all that is written is known
        return keras_nlp.models.TextEmbedder.from_preset(folder, **options)


@pytest.mark.backends
@pytest.mark.parametrize("mode", MODES)
def test_pooling(save, mode):
    peer, folder = save(mode)
    ours = embedder(folder)
    assert type(ours) is keras_nlp.models.BertTextEmbedder
    assert_close(ours.encode(TEXTS), peer.encode(TEXTS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_folders_before_version_6(save, mode):
    peer, folder = save(mode, "normalize")
    flags = {f"pooling_mode_{end}": key == mode for key, end in MODES.items()}
    path = folder / "1_Pooling" / "config.json"
    path.write_text(json.dumps({"word_embedding_dimension": 8, **flags}))
    path = folder / "sentence_bert_config.json"
    path.write_text(json.dumps({"max_seq_length": 8, "do_lower_case": False}))
    edit(folder / "tokenizer_config.json", model_max_length=512)
    (folder / "config_sentence_transformers.json").write_text(
        json.dumps({"__version__": {"sentence_transformers": "2.2.2"}})
    )
    types = ("Transformer", "Pooling", "Normalize")
    modules = json.loads((folder / "modules.json").read_text())
    for module, kind in zip(modules, types, strict=True):
        module["type"] = f"sentence_transformers.models.{kind}"
    (folder / "modules.json").write_text(json.dumps(modules))
    assert_close(embedder(folder).encode(TEXTS), peer.encode(TEXTS), atol=1e-6)


@pytest.mark.parametrize(
    "modules", [("dense",), ("dense", "normalize"), ("plain", "normalize")]
)
def test_dense_layers(save, modules, tmp_path):
    peer, folder = save("mean", *modules)
    ours = embedder(folder)
    expected = peer.encode(TEXTS)
    assert_close(ours.encode(TEXTS), expected, atol=1e-6)
    ours.save_to_preset(tmp_path / "native")
    again = keras_nlp.models.TextEmbedder.from_preset(tmp_path / "native")
    assert_close(again.encode(TEXTS), expected, atol=1e-6)
    assert_close(
        ours.encode(TEXTS, normalize=True),
        expected / np.linalg.norm(expected, axis=1, keepdims=True),
        atol=1e-5,
    )


def test_prompts(save):
    prompts = {"query": "query: ", "other": "a "}
    peer, folder = save("mean", prompts=prompts, default="query", max_length=12)
    ours = embedder(folder)
    for options in ({}, {"prompt_name": "other"}, {"prompt": "fox "}, {"prompt": ""}):
        expected = peer.encode(TEXTS, **options)
        assert_close(ours.encode(TEXTS, **options), expected, atol=1e-6)
    with pytest.raises(ValueError, match="`prompt_name` to be one of"):
        ours.encode(TEXTS, prompt_name="none")


def test_what_the_caller_says_counts(save):
    _, folder = save("max", "dense", "normalize")
    ours = embedder(folder, pooling_mode="mean", normalize=False)
    assert (ours.pooling_mode, ours.normalize) == ("mean", False)
    assert ours.preprocessor.sequence_length == 8
    assert ours.encode("a").shape == (4,)


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("1_Pooling/config.json", {"pooling_mode": ["cls", "mean"]}, "'pooling_mode'"),
        ("1_Pooling/config.json", {"include_prompt": False}, "'include_prompt'"),
        ("1_Pooling/config.json", {"include_prompt": "no"}, "'include_prompt'"),
        ("2_Dense/config.json", {"activation_function": "os.system"}, "'activation_f"),
        ("2_Dense/config.json", {"module_input_name": "x"}, "'module_input_name'"),
        ("2_Dense/config.json", {"out_features": "4"}, "'out_features'"),
        ("config_sentence_transformers.json", {"truncate_dim": 2}, "'truncate_dim'"),
        ("config_sentence_transformers.json", {"prompts": {"a": 1}}, "'prompts'"),
        ("sentence_bert_config.json", {"max_seq_length": "8"}, "'max_seq_length'"),
        ("sentence_bert_config.json", {"transformer_task": "x"}, "'transformer_task'"),
    ],
    ids=str,
)
def test_what_is_not_here(save, file, changes, message):
    _, folder = save("mean", "dense", prompts={"query": "query: "})
    edit(folder / file, **changes)
    with pytest.raises(ValueError, match=message):
        embedder(folder)


def test_other_modules_and_keys(save):
    _, folder = save("mean")
    edit(folder / "1_Pooling" / "config.json", attention_sink=True)
    with pytest.warns(UserWarning, match=r"\['attention_sink'\]"):
        keras_nlp.models.TextEmbedder.from_preset(folder)
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = "sentence_transformers.models.WordWeights"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ValueError, match="WordWeights"):
        keras_nlp.models.TextEmbedder.from_preset(folder)
