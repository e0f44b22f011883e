"""Exported BERTs, loaded by `transformers` and by ourselves."""

import json

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
    TextClassifierPreprocessor,
)

torch = pytest.importorskip("torch", reason="the reference runs on torch")
transformers = pytest.importorskip("transformers", reason="the reference")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "##ly", "film"]
TEXTS = ["goodly film", "BAD Film, bäd", "bad\u0300 film 中 good\t[SEP] bad"]
MLM = {"intermediate_activation": "gelu_approximate", "layer_norm_epsilon": 1e-12}


def make_backbone(**options):
    backbone = BertBackbone(
        len(WORDS), 2, 4, 32, 48, **{"max_sequence_length": 12, **options}
    )
    randomize(backbone)
    return backbone


def randomize(model):
    rng = np.random.default_rng(1)
    for weight in model.weights:  # no zero biases, no unit norms
        if "seed" not in weight.name:
            weight.assign(rng.normal(size=weight.shape, scale=0.2))


@pytest.fixture(scope="module")
def backbone():
    return make_backbone()


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


def theirs(auto, folder, ids):
    """Loads a folder with `transformers`: nothing may be missing; returns outputs."""
    model, info = auto.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"] and not info["mismatched_keys"]
    assert all(".pooler." in name for name in info["unexpected_keys"])
    with torch.no_grad():
        return model.eval()(
            input_ids=torch.tensor(ids["token_ids"]).long(),
            token_type_ids=torch.tensor(ids["segment_ids"]).long(),
            attention_mask=torch.tensor(ids["padding_mask"]).long(),
        )


def assert_same(again, model):
    """Asserts that config and weights are equal, bit for bit."""
    ours, config = model.get_config(), again.get_config()
    for key in ("name", "backbone", "preprocessor"):
        ours.pop(key, None), config.pop(key, None)
    assert config == ours
    received = {w.path.split("/", 1)[-1]: to_numpy(w) for w in again.weights}
    expected = {w.path.split("/", 1)[-1]: to_numpy(w) for w in model.weights}
    assert_close(received, expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"activation": "gelu", "layer_norm_epsilon": 1e-6},
        {"activation": "relu", "dropout": 0.2, "attention_dropout": 0.3},
    ],
    ids=str,
)
def test_backbone(tmp_path, ids, options):
    backbone = make_backbone(**options)
    backbone.export_to_transformers(tmp_path / "out")
    expected = theirs(transformers.AutoModel, tmp_path / "out", ids)
    received = to_numpy(backbone(ids))
    real = ids["padding_mask"].astype(bool)
    assert_close(
        received["sequence_output"][real], expected.last_hidden_state.numpy()[real]
    )
    assert_close(received["pooled_output"], expected.pooler_output.numpy())
    assert_same(BertBackbone.from_preset(tmp_path / "out"), backbone)


def test_backbone_without_pooler(tmp_path):
    backbone = make_backbone(include_pooler=False)
    backbone.export_to_transformers(tmp_path / "out")
    assert_same(BertBackbone.from_preset(tmp_path / "out"), backbone)


def test_equal_dropouts_may_be_given_twice(tmp_path):
    options = {"dropout": 0.2, "attention_dropout": 0.2}
    make_backbone(**options).export_to_transformers(tmp_path / "out")
    config = BertBackbone.from_preset(tmp_path / "out").get_config()
    assert config["dropout"] == 0.2
    assert config["attention_dropout"] in (None, 0.2)


def test_classifier(tmp_path, backbone, ids):
    tokenizer = BertTokenizer(WORDS, lowercase=True)
    task = BertClassifier(
        backbone,
        3,
        TextClassifierPreprocessor(tokenizer, 12),
        dropout=0.3,
        class_names=["no", "so so", "yes"],
    )
    task.export_to_transformers(tmp_path / "out")
    auto = transformers.AutoModelForSequenceClassification
    assert_close(task(ids), theirs(auto, tmp_path / "out", ids).logits.numpy())
    again = TextClassifier.from_preset(tmp_path / "out")
    assert type(again) is BertClassifier
    assert_same(again, task)
    assert again.decode_predictions([[0.0, 9.0, 0.0]])[0][0][0] == "so so"
    config = transformers.AutoConfig.from_pretrained(tmp_path / "out")
    assert config.id2label == {0: "no", 1: "so so", 2: "yes"}
    pipeline = transformers.pipeline("text-classification", str(tmp_path / "out"))
    probabilities = to_numpy(again.predict(["bad film"], verbose=0))
    best = again.decode_predictions(probabilities, top=1)[0][0]
    (answer,) = pipeline(["bad film"])
    assert answer["label"] == best[0]
    assert answer["score"] == pytest.approx(best[1], abs=1e-5)


def test_labels_without_names(tmp_path, backbone):
    TextClassifier(backbone, 5).export_to_transformers(tmp_path / "out")
    assert transformers.AutoConfig.from_pretrained(tmp_path / "out").num_labels == 5
    again = TextClassifier.from_preset(tmp_path / "out", preprocessor=None)
    assert (again.num_classes, again.class_names) == (5, None)


@pytest.mark.filterwarnings("ignore:The head of")
def test_asking_for_classes_leaves_the_names_out(tmp_path, backbone):
    task = BertClassifier(backbone, 2, class_names=["no", "yes"])
    task.export_to_transformers(tmp_path / "out")

    def load(**options):
        options["preprocessor"] = None
        return BertClassifier.from_preset(tmp_path / "out", **options)

    assert load().class_names == ["no", "yes"]
    assert load(num_classes=2).class_names is None
    assert load(num_classes=2, class_names=["a", "b"]).class_names == ["a", "b"]


def test_masked_lm(tmp_path, backbone, ids):
    task = BertMaskedLM(backbone, **MLM)
    task.export_to_transformers(tmp_path / "out")
    positions = np.array([[1, 3], [0, 2], [11, 4]], "int32")
    expected = theirs(transformers.AutoModelForMaskedLM, tmp_path / "out", ids).logits
    assert_close(
        task({**ids, "mask_positions": positions}),
        np.take_along_axis(expected.numpy(), positions[:, :, None], axis=1),
    )
    assert_same(BertMaskedLM.from_preset(tmp_path / "out", preprocessor=None), task)


def test_question_answerer(tmp_path, backbone, ids):
    task = BertQuestionAnswerer(backbone)
    task.export_to_transformers(tmp_path / "out")
    auto = transformers.AutoModelForQuestionAnswering
    expected = theirs(auto, tmp_path / "out", ids)
    received = to_numpy(task(ids))
    assert_close(received["start"], expected.start_logits.numpy())
    assert_close(received["end"], expected.end_logits.numpy())
    assert_same(
        BertQuestionAnswerer.from_preset(tmp_path / "out", preprocessor=None), task
    )


@pytest.mark.parametrize(
    "options",
    [
        {"lowercase": True},
        {"lowercase": False},
        {"lowercase": True, "strip_accents": False},
        {"lowercase": False, "strip_accents": True, "split_on_cjk": False},
    ],
    ids=str,
)
def test_tokenizer(tmp_path, backbone, options):
    tokenizer = BertTokenizer(WORDS, **options)
    task = BertClassifier(backbone, 2, TextClassifierPreprocessor(tokenizer, 12))
    task.export_to_transformers(tmp_path / "out")
    again = BertTokenizer.from_preset(tmp_path / "out")
    assert again.get_config() == tokenizer.get_config()
    reference = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert reference.model_max_length == 12
    texts = [text.replace("[SEP]", "") for text in TEXTS]  # they parse it in texts
    expected = reference(texts, add_special_tokens=False).input_ids
    assert [list(ids) for ids in tokenizer(texts)] == expected
    packed = reference(texts, padding="max_length", truncation=True)
    ours = task.preprocessor(texts)
    assert ours["token_ids"].tolist() == packed.input_ids
    assert ours["padding_mask"].tolist() == packed.attention_mask
    assert ours["segment_ids"].tolist() == packed.token_type_ids


TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}bot: é{% endif %}"
)


@pytest.mark.parametrize("template", [TEMPLATE, {"default": TEMPLATE, "rag": "x"}])
def test_generation_config_and_chat_template(tmp_path, backbone, template):
    backbone.export_to_transformers(tmp_path / "here")
    theirs = transformers.BertModel.from_pretrained(tmp_path / "here")
    theirs.save_pretrained(tmp_path / "theirs")
    generation = transformers.GenerationConfig(
        eos_token_id=[3, 4], max_new_tokens=7, do_sample=True, top_p=0.9
    )
    generation.save_pretrained(tmp_path / "theirs")
    (tmp_path / "theirs" / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    reference = transformers.BertTokenizerFast.from_pretrained(tmp_path / "theirs")
    reference.chat_template = template
    reference.save_pretrained(tmp_path / "theirs")
    (tmp_path / "theirs" / "vocab.txt").write_text("\n".join(WORDS) + "\n")

    task = TextClassifier.from_preset(tmp_path / "theirs", num_classes=2)
    task.save_to_preset(tmp_path / "ours")
    task = TextClassifier.from_preset(tmp_path / "ours")
    assert task.preprocessor.tokenizer.chat_template == template
    task.export_to_transformers(tmp_path / "out")
    back = transformers.GenerationConfig.from_pretrained(tmp_path / "out")
    assert back.to_dict() == generation.to_dict()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.chat_template == template
    messages = [{"role": "user", "content": "good film"}]
    options = {"tokenize": False, "add_generation_prompt": True}
    text = tokenizer.apply_chat_template(messages, **options)
    assert text == reference.apply_chat_template(messages, **options)
    assert text == "user: good film\nbot: é"
    config = BertBackbone.from_preset(tmp_path / "out").generation_config
    assert config["max_new_tokens"] == 7 and config["eos_token_id"] == [3, 4]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda b: make_backbone(activation="tanh"), "`activation` to be one of"),
        (lambda b: BertClassifier(b, 2, activation="softmax"), "activation='softmax'"),
        (lambda b: TextClassifier(b, 2, pooling="mean"), "pooling='mean'"),
        (lambda b: TextClassifier(b, 2, hidden_dim=8), "hidden_dim=8"),
        (
            lambda b: BertClassifier(make_backbone(include_pooler=False), 2),
            "include_pooler=True",
        ),
        (
            lambda b: BertMaskedLM(b, intermediate_activation="gelu"),
            "intermediate_activation='gelu' .*; layer_norm_epsilon=1e-05",
        ),
        (
            lambda b: BertClassifier(
                b,
                2,
                TextClassifierPreprocessor(
                    BertTokenizer(WORDS, special_tokens_in_strings=True), 12
                ),
            ),
            "special_tokens_in_strings='parse'",
        ),
    ],
)
def test_what_their_config_cannot_express_is_named(tmp_path, backbone, make, message):
    with pytest.raises(ValueError, match=message):
        make(backbone).export_to_transformers(tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_shards(tmp_path, backbone, ids):
    backbone.export_to_transformers(tmp_path / "out", max_shard_size=20e-6)
    index = json.loads((tmp_path / "out/model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 2
    expected = theirs(transformers.AutoModel, tmp_path / "out", ids)
    assert_close(
        to_numpy(backbone(ids))["pooled_output"], expected.pooler_output.numpy()
    )
    assert_same(BertBackbone.from_preset(tmp_path / "out"), backbone)
