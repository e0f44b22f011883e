"""BERT and its heads against `transformers`, from random tiny configs."""

import json
import shutil

import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_nlp.models import (
    BertBackbone,
    BertClassifier,
    BertMaskedLM,
    BertQuestionAnswerer,
    BertTokenizer,
    TextClassifier,
)

torch = pytest.importorskip("torch", reason="the reference runs on torch")
transformers = pytest.importorskip("transformers", reason="the reference")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "##ly", "film"]
CONFIG = {
    "vocab_size": len(WORDS),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 12,
    "type_vocab_size": 2,
}


@pytest.fixture(scope="module")
def save(tmp_path_factory):
    """Writes a random checkpoint of a class, and returns it with its folder."""

    def write(name, **options):
        torch.manual_seed(1)
        config = transformers.BertConfig(**{**CONFIG, **options})
        model = getattr(transformers, name)(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(std=0.2)  # no zero biases, no unit norms
        folder = tmp_path_factory.mktemp(name)
        model.save_pretrained(folder)
        (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
        return model, folder

    return write


@pytest.fixture(scope="module")
def ids():
    rng = np.random.default_rng(0)
    mask = np.ones((3, 12), "int32")
    mask[1, 7:] = 0
    return {
        "token_ids": rng.integers(0, len(WORDS), (3, 12)).astype("int32"),
        "segment_ids": np.repeat([[0] * 6 + [1] * 6], 3, 0).astype("int32"),
        "padding_mask": mask,
    }


def reference(model, ids):
    with torch.no_grad():
        return model(
            input_ids=torch.tensor(ids["token_ids"]).long(),
            token_type_ids=torch.tensor(ids["segment_ids"]).long(),
            attention_mask=torch.tensor(ids["padding_mask"]).long(),
        )


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
def test_backbone(save, ids, activation):
    model, folder = save("BertModel", hidden_act=activation, layer_norm_eps=1e-6)
    expected = reference(model, ids)
    received = to_numpy(BertBackbone.from_preset(folder)(ids))
    real = ids["padding_mask"].astype(bool)
    assert_close(
        received["sequence_output"][real], expected.last_hidden_state.numpy()[real]
    )
    assert_close(received["pooled_output"], expected.pooler_output.numpy())


def test_config_carries_every_degree_of_freedom(save):
    _, folder = save(
        "BertModel", hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.2
    )
    config = BertBackbone.from_preset(folder).get_config()
    assert (config["dropout"], config["attention_dropout"]) == (0.3, 0.2)


def test_classifier_head(save, ids):
    model, folder = save("BertForSequenceClassification", num_labels=3)
    for cls in (BertClassifier, TextClassifier):
        task = cls.from_preset(folder)
        assert type(task) is BertClassifier
        assert_close(task(ids), reference(model, ids).logits.numpy())
        assert task.preprocessor.sequence_length == 12


def test_asking_for_classes_makes_a_new_head(save, ids):
    model, folder = save("BertForSequenceClassification", num_labels=3)
    task = BertClassifier.from_preset(folder, num_classes=3)
    assert not np.allclose(to_numpy(task(ids)), reference(model, ids).logits.numpy())
    kernel = to_numpy(task.logits.kernel)
    assert kernel.std() > 0


def test_masked_lm_head(save, ids):
    model, folder = save("BertForMaskedLM")
    task = BertMaskedLM.from_preset(folder)
    positions = np.array([[1, 3], [0, 2], [11, 4]], "int32")
    expected = reference(model, ids).logits.numpy()
    assert_close(
        task({**ids, "mask_positions": positions}),
        np.take_along_axis(expected, positions[:, :, None], axis=1),
    )


def test_question_answering_head(save, ids):
    model, folder = save("BertForQuestionAnswering")
    received = to_numpy(BertQuestionAnswerer.from_preset(folder)(ids))
    expected = reference(model, ids)
    assert_close(received["start"], expected.start_logits.numpy())
    assert_close(received["end"], expected.end_logits.numpy())


def test_tokenizer(save):
    _, folder = save("BertModel")
    tokenizer = BertTokenizer.from_preset(folder)
    assert tokenizer.get_vocabulary() == WORDS
    assert list(tokenizer("Goodly film")) == [5, 7, 8]


def test_values_that_cannot_be_expressed_raise(save, tmp_path):
    _, folder = save("BertModel")
    for key, value in {
        "position_embedding_type": "relative_key",
        "hidden_act": "swish_of_the_day",
        "is_decoder": True,
    }.items():
        changed = tmp_path / key
        shutil.copytree(folder, changed)
        config = json.loads((changed / "config.json").read_text())
        (changed / "config.json").write_text(json.dumps({**config, key: value}))
        with pytest.raises(ValueError, match=key):
            BertBackbone.from_preset(changed)


@pytest.mark.parametrize("name", ["model.safetensors", "vocab.txt"])
def test_a_missing_file_is_named(save, tmp_path, name):
    _, folder = save("BertModel")
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / name).unlink()
    with pytest.raises(ValueError, match=f"to hold '{name}'; it holds"):
        BertClassifier.from_preset(tmp_path / "copy", num_classes=2)


def test_weights_that_do_not_fit_the_config(save, tmp_path):
    _, folder = save("BertModel")
    with pytest.raises(ValueError, match="has no place: the model has no blocks.1"):
        BertBackbone.from_preset(folder, num_layers=1)
    with pytest.raises(ValueError, match=r"blocks.2.attention.key.bias is missing"):
        BertBackbone.from_preset(folder, num_layers=3)
