"""BERT and its heads against `transformers`, from random tiny configs."""

import json
import shutil

import numpy as np
import pytest

from domain_core import PresetUnsafeError
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
    with pytest.warns(UserWarning, match="BertClassifier, logits, is new"):
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


def rewritten(folder, tmp_path, name, **changes):
    """Copies a checkpoint, with other values in one of its JSON files."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    path = copy / name
    value = json.loads(path.read_text()) if path.exists() else {}
    value = {k: v for k, v in {**value, **changes}.items() if v is not ...}
    path.write_text(json.dumps(value))
    return copy


def test_what_would_run_or_read_elsewhere_is_not_looked_at(save, ids, tmp_path):
    model, folder = save("BertModel")
    (tmp_path / "evil.txt").write_text("evil\n")
    code = "raise SystemExit('it ran')"
    options = {
        "vocab_file": str(tmp_path / "evil.txt"),
        "auto_map": {"AutoTokenizer": ["evil.Evil", None]},
    }
    copy = rewritten(
        folder,
        tmp_path,
        "config.json",
        trust_remote_code=True,
        auto_map={"AutoModel": "evil--evil.Evil", "AutoConfig": "evil.Evil"},
    )
    (copy / "evil.py").write_text(code)
    (copy / "tokenizer_config.json").write_text(json.dumps(options))
    plain, again = (BertBackbone.from_preset(path)(ids) for path in (folder, copy))
    assert_close(again["sequence_output"], plain["sequence_output"], rtol=0, atol=0)
    assert BertTokenizer.from_preset(copy).get_vocabulary() == WORDS
    options["tokenizer_class"] = "EvilTokenizer"
    (copy / "tokenizer_config.json").write_text(json.dumps(options))
    with pytest.raises(ValueError, match="EvilTokenizer"):
        BertTokenizer.from_preset(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_hidden_layers": 50_000}, "positive integer of at most 1000"),
        ({"num_hidden_layers": -1}, "`num_layers` to be a positive integer"),
        ({"num_hidden_layers": 900}, "describes a larger one"),
        ({"vocab_size": 2_000_000_000}, "`vocabulary_size` to be a positive integer"),
        ({"vocab_size": 9_000_000}, "describes a larger one"),
        ({"hidden_size": 33}, "num_heads=4 divides"),
        ({"hidden_dropout_prob": 2.0}, r"`dropout` to be a number in \[0, 1\)"),
        ({"num_attention_heads": "4"}, "`num_heads` to be a positive integer"),
        ({"hidden_size": ...}, "hidden_size"),
        ({"hidden_act": "__import__('os')"}, "'hidden_act' to be one of"),
        ({"model_type": "bertt"}, "bert"),
        ({"model_type": ["bert"]}, "'model_type' in 'config.json'"),
    ],
    ids=str,
)
def test_hostile_configs(save, tmp_path, changes, message):
    copy = rewritten(save("BertModel")[1], tmp_path, "config.json", **changes)
    with pytest.raises(ValueError, match=message):
        BertBackbone.from_preset(copy)


def test_a_vocabulary_beyond_the_embedding(save, tmp_path):
    _, folder = save("BertForSequenceClassification", num_labels=2)
    copy = rewritten(folder, tmp_path, "config.json")
    words = "\n".join([*WORDS, "more", "words"])
    (copy / "vocab.txt").write_text(words + "\n")
    with pytest.raises(ValueError, match="ids below 9, the rows of the backbone"):
        BertClassifier.from_preset(copy)


def test_weights_as_a_pickle(save, tmp_path):
    copy = rewritten(save("BertModel")[1], tmp_path, "config.json")
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(PresetUnsafeError, match="pytorch_model.bin"):
        BertBackbone.from_preset(copy)
