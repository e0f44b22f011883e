"""Weights and heads in folders as `transformers` writes them, and wrote them."""

import json
import warnings

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import keras_nlp
from domain_core import PresetCorruptError
from domain_core.testing import assert_close, to_numpy

torch = pytest.importorskip("torch", reason="the reference runs on torch")
transformers = pytest.importorskip("transformers", reason="the reference")

models = keras_nlp.models
SIZE = 9
BERT_SIZES = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}
DISTIL_SIZES = {"dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 16}
FAMILIES = {
    "Bert": BERT_SIZES,
    "DistilBert": DISTIL_SIZES,
    "Roberta": BERT_SIZES,
    "XLMRoberta": BERT_SIZES,
}
IDS = np.array([[2, 5, 4, 7, 3]], "int32")
families = pytest.mark.parametrize("name", FAMILIES)


@pytest.fixture
def save(tmp_path):
    """Writes a random checkpoint, and returns the model that it is of."""

    def write(name, head, **options):
        torch.manual_seed(0)
        config = getattr(transformers, f"{name}Config")(
            vocab_size=SIZE, **FAMILIES[name], **options
        )
        model = getattr(transformers, name + head)(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(std=0.3)
        model.save_pretrained(tmp_path)
        return model

    return write


def inputs(name, **more):
    ids = {"token_ids": IDS, "padding_mask": np.ones_like(IDS)}
    if name == "Bert":
        ids["segment_ids"] = np.zeros_like(IDS)
    return {**ids, **more}


def logits(model):
    with torch.no_grad():
        return model(input_ids=torch.tensor(IDS).long())[0].numpy()


def ours(name, part):
    return getattr(models, name + part)


def edit(folder, **changes):
    """Changes keys of a config; ... removes one."""
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not ...}))


def rewrite(folder, change):
    """Changes the tensors of a checkpoint."""
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


@families
def test_layer_norms_by_their_former_names(save, tmp_path, name):
    def former(tensors):
        return {
            key.replace("orm.weight", "orm.gamma").replace(
                "orm.bias", "orm.beta"
            ): value
            for key, value in tensors.items()
        }

    peer = save(name, "ForMaskedLM")
    rewrite(tmp_path, former)
    assert any(
        key.endswith("gamma") for key in load_file(tmp_path / "model.safetensors")
    )
    task = ours(name, "MaskedLM").from_preset(tmp_path, preprocessor=None)
    positions = np.array([[1, 2]], "int32")
    assert_close(task(inputs(name, mask_positions=positions)), logits(peer)[:, 1:3])


def test_both_names_of_a_layer_norm(save, tmp_path):
    save("Bert", "Model")
    key = "embeddings.LayerNorm."
    rewrite(tmp_path, lambda t: {**t, f"{key}gamma": t[f"{key}weight"] + 1})
    with pytest.raises(PresetCorruptError, match="LayerNorm.gamma"):
        models.BertBackbone.from_preset(tmp_path)


@families
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("of_version_4", [False, True])
def test_masked_lms_tied_or_not(save, tmp_path, name, tied, of_version_4):
    peer = save(name, "ForMaskedLM", tie_word_embeddings=tied)
    edit(tmp_path, tie_word_embeddings=... if tied and of_version_4 else tied)
    if of_version_4 and name != "DistilBert":
        # There, one bias goes by two names, of which the file has the first.
        head = peer.cls.predictions if name == "Bert" else peer.lm_head
        with torch.no_grad():
            head.decoder.bias.copy_(head.bias)
        rewrite(
            tmp_path,
            lambda t: {k: v for k, v in t.items() if not k.endswith("decoder.bias")},
        )
    task = ours(name, "MaskedLM").from_preset(tmp_path, preprocessor=None)
    assert task.tie_word_embeddings is tied
    masked = inputs(name, mask_positions=np.array([[1, 2]], "int32"))
    expected = logits(peer)[:, 1:3]
    assert_close(task(masked), expected)
    task.export_to_transformers(tmp_path / "again")
    back, info = getattr(transformers, f"{name}ForMaskedLM").from_pretrained(
        tmp_path / "again", output_loading_info=True
    )
    assert not any(info.values()), info
    assert_close(logits(back.eval())[:, 1:3], expected)
    if not tied:
        task.save_to_preset(tmp_path / "native")
        native = type(task).from_preset(tmp_path / "native")
        assert_close(native(masked), expected)


def test_keras_hub_has_no_untied_masked_lm(tmp_path):
    backbone = models.DistilBertBackbone(SIZE, 1, 2, 8, 16)
    task = models.DistilBertMaskedLM(backbone, tie_word_embeddings=False)
    with pytest.raises(ValueError, match="tie_word_embeddings"):
        task.save_to_preset(tmp_path / "keras", layout="keras")


def test_ties_of_another_type(save, tmp_path):
    save("Bert", "ForMaskedLM")
    edit(tmp_path, tie_word_embeddings="no")
    with pytest.raises(PresetCorruptError, match="tie_word_embeddings"):
        models.BertMaskedLM.from_preset(tmp_path, preprocessor=None)


HEADS = {
    ("Bert", "ForMaskedLM"): "MaskedLM",
    ("Bert", "ForPreTraining"): "MaskedLM",
    ("Bert", "ForSequenceClassification"): "Classifier",
    ("Bert", "ForQuestionAnswering"): "QuestionAnswerer",
    ("DistilBert", "ForMaskedLM"): "MaskedLM",
    ("DistilBert", "ForSequenceClassification"): "Classifier",
    ("Roberta", "ForMaskedLM"): "MaskedLM",
    ("Roberta", "ForSequenceClassification"): "Classifier",
    ("XLMRoberta", "ForSequenceClassification"): "Classifier",
}


@pytest.mark.parametrize(("name", "head"), HEADS)
@pytest.mark.parametrize("architectures", ["as saved", ..., ["MyBertForSomething"]])
def test_the_tensors_say_which_head_is_there(save, tmp_path, name, head, architectures):
    save(name, head)
    if architectures != "as saved":
        edit(tmp_path, architectures=architectures)
    task = ours(name, HEADS[name, head]).from_preset(tmp_path, preprocessor=None)
    stored = load_file(tmp_path / "model.safetensors")
    for path, variable in task.head_weight_paths().items():
        value = to_numpy(variable)
        assert any(
            array.T.shape == value.shape and np.array_equal(array.T, value)
            for array in stored.values()
        ), path


@families
def test_a_new_head_warns_and_is_named(save, tmp_path, name):
    save(name, "Model")
    with pytest.warns(UserWarning, match=r"MaskedLM, mlm_head, is new") as caught:
        ours(name, "MaskedLM").from_preset(tmp_path, preprocessor=None)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # who names a number of classes asks for one
        ours(name, "Classifier").from_preset(tmp_path, preprocessor=None, num_classes=3)
        ours(name, "TextEmbedder").from_preset(tmp_path, preprocessor=None)
        ours(name, "MaskedLM").from_preset(
            tmp_path, preprocessor=None, load_weights=False
        )


def test_heads_of_the_same_names_that_mean_something_else(save, tmp_path):
    save("Bert", "ForTokenClassification", num_labels=2)
    with pytest.raises(ValueError, match="num_classes=2"):
        models.BertClassifier.from_preset(tmp_path, preprocessor=None)
    task = models.BertClassifier.from_preset(tmp_path, preprocessor=None, num_classes=2)
    stored = load_file(tmp_path / "model.safetensors")["classifier.weight"]
    assert not np.allclose(to_numpy(task.logits.kernel), stored.T)


@families
def test_keys_of_a_config(save, tmp_path, name):
    save(name, "Model")
    backbone = ours(name, "Backbone")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        backbone.from_preset(tmp_path)  # all that `transformers` writes is known
    edit(tmp_path, rotary_theta=1.0, sparsity=0.5, output_past=True)
    with pytest.warns(UserWarning, match=r"\['rotary_theta', 'sparsity'\]") as caught:
        ours(name, "TextEmbedder").from_preset(tmp_path, preprocessor=None)
    assert len(caught) == 1
    edit(tmp_path, rotary_theta=..., sparsity=..., quantization_config={"bits": 4})
    with pytest.raises(ValueError, match="quantization_config"):
        backbone.from_preset(tmp_path)
