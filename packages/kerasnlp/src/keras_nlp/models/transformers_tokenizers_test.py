"""Tokenizers in folders as `transformers` 5 writes them, and 4 wrote them."""

import functools
import json
import shutil
import warnings

import pytest

import keras_nlp
from domain_core import PresetCorruptError
from domain_core.testing import sentence_piece_model

transformers = pytest.importorskip("transformers", reason="the reference")
tokenizers = pytest.importorskip("tokenizers", reason="writes folders")

models = keras_nlp.models
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the fox Fox f o x t h e é ##ly ##e cov ##id"
WORDS = WORDS.split()
IDS = {word: index for index, word in enumerate(WORDS)}
NEW = len(WORDS)
TEXTS = [
    "the Fox, foxly [E1] THÉ",
    "the COVID19 covid19 Covid19ly xcovid19 covid\u03011 9",
    "a [MASK] b <mask> c  <mask>d  the [e1] x",
    "covid19",
    "ｃｏｖｉｄ19 the\tcovid19 covid19",
]


def add(content, **flags):
    entry = dict.fromkeys(("lstrip", "rstrip", "single_word", "special"), False)
    return {"content": content, **entry, "normalized": True, **flags}


def write(folder, name, value):
    (folder / name).write_text(json.dumps(value))


@functools.cache
def byte_pairs():
    vocabulary, merges = keras_nlp.tokenizers.compute_byte_pair_vocabulary(
        iter(["a quick fox the covid"] * 3),
        280,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    )
    return dict(vocabulary), list(merges)


CONFIGS = {
    "Bert": transformers.BertConfig(vocab_size=NEW),
    "DistilBert": transformers.DistilBertConfig(vocab_size=NEW),
    "Roberta": transformers.RobertaConfig(vocab_size=280),
    "XLMRoberta": transformers.XLMRobertaConfig(vocab_size=202),
}


def vocabulary_files(folder, name):
    """Writes what version 4 wrote of a slow tokenizer."""
    CONFIGS[name].save_pretrained(folder)
    if name == "Roberta":
        vocabulary, merges = byte_pairs()
        write(folder, "vocab.json", vocabulary)
        lines = ["#version: 0.2", *merges]
        (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    elif name == "XLMRoberta":
        (folder / "sentencepiece.bpe.model").write_bytes(sentence_piece_model())
    else:
        (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")


def size(name):
    return {"Roberta": len(byte_pairs()[0]), "XLMRoberta": 202}.get(name, NEW)


def ours(name, folder, **options):
    # As there, special tokens in texts mean themselves.
    return getattr(models, f"{name}Tokenizer").from_preset(
        folder, special_tokens=True, **options
    )


def assert_same_ids(name, folder, texts=TEXTS):
    peer = transformers.AutoTokenizer.from_pretrained(folder)
    expected = peer(texts, add_special_tokens=False).input_ids
    tokenizer = ours(name, folder)
    assert [list(ids) for ids in tokenizer(texts)] == expected
    assert tokenizer.vocabulary_size() == len(peer)
    return tokenizer


every = pytest.mark.parametrize("name", CONFIGS)
TOKENIZERS = {
    "vocabulary files alone": {},
    "version 4": {
        "tokenizer_config": {
            "clean_up_tokenization_spaces": True,
            "model_max_length": 512,
        },
        "special_tokens_map": {"pad_token": ...},
    },
    "added_tokens.json": {"added_tokens": {"covid19": 0}},
    "added_tokens.json and a list": {
        "added_tokens": {"covid19": 0, "[E1]": 1},
        "special_tokens_map": {"additional_special_tokens": ["[E1]"]},
    },
    "added_tokens_decoder": {
        "decoder": [
            add("covid19"),
            add("[E1]", special=True, normalized=False),
        ],
    },
    "upper case": {"decoder": [add("Covid19"), add("[E1]", normalized=False)]},
    "found as written": {"decoder": [add("covid19", normalized=False)]},
    "swallows blanks": {"decoder": [add("covid19", normalized=False, lstrip=True)]},
    "a list of strings": {
        "tokenizer_config": {"additional_special_tokens": ["[E1]", "<x>"]},
    },
    "a list by another name": {
        "tokenizer_config": {"extra_special_tokens": ["[E1]"]},
    },
}


def settle(folder, name, case):
    """Writes the small files of a case for a family."""
    options = dict(case.get("tokenizer_config", {}))
    if "decoder" in case:
        options["added_tokens_decoder"] = {
            str(size(name) + place): entry
            for place, entry in enumerate(case["decoder"])
        }
    if options:
        write(folder, "tokenizer_config.json", options)
    if "added_tokens" in case:
        ids = {
            token: size(name) + place for token, place in case["added_tokens"].items()
        }
        write(folder, "added_tokens.json", ids)
    if "special_tokens_map" in case:
        pad = "[PAD]" if "Bert" in name else "<pad>"
        named = {
            key: pad if value is ... else value
            for key, value in case["special_tokens_map"].items()
        }
        write(folder, "special_tokens_map.json", named)


@every
@pytest.mark.parametrize("case", TOKENIZERS)
def test_vocabulary_files_and_what_stands_beside(name, case, tmp_path):
    vocabulary_files(tmp_path, name)
    settle(tmp_path, name, TOKENIZERS[case])
    assert_same_ids(name, tmp_path)


@every
@pytest.mark.parametrize("case", TOKENIZERS)
def test_tokenizer_json_alone_as_version_5_writes_it(name, case, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    vocabulary_files(source, name)
    settle(source, name, TOKENIZERS[case])
    folder = tmp_path / "folder"
    CONFIGS[name].save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    assert not list(folder.glob("*.txt")) + list(folder.glob("*.model"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # all that `transformers` writes is known
        assert_same_ids(name, folder)


@every
@pytest.mark.parametrize("case", ["added_tokens_decoder", "swallows blanks"])
def test_exported_tokenizers(name, case, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    vocabulary_files(source, name)
    settle(source, name, TOKENIZERS[case])
    write(source, "config.json", {**CONFIGS[name].to_dict(), "vocab_size": 300})
    tokenizer = getattr(models, f"{name}Tokenizer").from_preset(source)
    arguments = {"num_heads": 2, "hidden_dim": 8, "intermediate_dim": 8}
    backbone = getattr(models, f"{name}Backbone")(
        vocabulary_size=300, num_layers=1, **arguments
    )
    preprocessor = getattr(models, f"{name}ClassifierPreprocessor")(tokenizer, 16)
    task = getattr(models, f"{name}Classifier")(backbone, 2, preprocessor)
    if name in ("Bert", "DistilBert") and case == "swallows blanks":
        assert list(tokenizer("the   covid19")) == [IDS["the"], NEW]
    task.export_to_transformers(tmp_path / "folder")
    assert_same_ids(name, tmp_path / "folder")
    again = type(task).from_preset(tmp_path / "folder").preprocessor.tokenizer
    assert again(TEXTS) == tokenizer(TEXTS)


def test_mask_of_an_exported_roberta(tmp_path):
    vocabulary, merges = byte_pairs()
    tokenizer = models.RobertaTokenizer(vocabulary, merges)
    backbone = models.RobertaBackbone(tokenizer.vocabulary_size(), 1, 2, 8, 16)
    preprocessor = models.RobertaMaskedLMPreprocessor(tokenizer, 16)
    task = models.RobertaMaskedLM(backbone, preprocessor)
    task.export_to_transformers(tmp_path / "folder")
    assert assert_same_ids("Roberta", tmp_path / "folder")(TEXTS) == tokenizer(TEXTS)
    assert tokenizer("a <mask>").tolist() == [vocabulary["a"], vocabulary["<mask>"]]


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("cls", ["PreTrainedTokenizerFast", "BertTokenizer", None])
@pytest.mark.parametrize("option", [True, False, None])
def test_who_says_what_case_is(lowercase, cls, option, tmp_path):
    CONFIGS["Bert"].save_pretrained(tmp_path)
    rust = tokenizers.Tokenizer(tokenizers.models.WordPiece(IDS, unk_token="[UNK]"))
    rust.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lowercase)
    rust.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    rust.add_tokens(["covid19"])
    rust.save(str(tmp_path / "tokenizer.json"))
    options = {"tokenizer_class": cls, "do_lower_case": option}
    given = {key: value for key, value in options.items() if value is not None}
    if given:
        write(tmp_path, "tokenizer_config.json", given)
    texts = [text for text in TEXTS if "[MASK]" not in text]  # none is named there
    assert_same_ids("Bert", tmp_path, texts)


def of_version_4(folder):
    """A RoBERTa as version 4 saved it."""
    vocabulary_files(folder, "Roberta")
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    data = json.loads((folder / "tokenizer.json").read_text())
    for entry in data["added_tokens"]:
        entry["lstrip"] = entry["content"] == "<mask>"
        entry["normalized"] = entry["content"] != "<mask>"
    write(folder, "tokenizer.json", data)
    mask = add("<mask>", lstrip=True, normalized=False)
    write(folder, "special_tokens_map.json", {"bos_token": "<s>", "mask_token": mask})


def test_roberta_of_version_4(tmp_path):
    of_version_4(tmp_path)
    tokenizer = assert_same_ids("Roberta", tmp_path)
    assert len(tokenizer("a <mask>")) == 2
    path = tmp_path / "tokenizer.json"
    again = models.RobertaTokenizer.from_tokenizer_json(path)
    assert again(TEXTS) == tokenizer(TEXTS)


REFUSED = {
    "tokenizer_class": "BertJapaneseTokenizer",
    "cls_token": "the",
    "pad_token": add("fox"),
    "mask_token": "<mask>",
    "never_split": ["Fox"],
    "do_basic_tokenize": False,
    "split_special_tokens": True,
    "padding_side": "left",
    "added_tokens_decoder": {str(NEW + 3): add("covid19")},
    "additional_special_tokens": "[E1]",
    "do_lower_case": "no",
    "strip_accents": [],
    "unk_token": 1,
}


@pytest.mark.parametrize("key", REFUSED)
def test_what_is_not_here_is_refused_by_name(key, tmp_path):
    vocabulary_files(tmp_path, "Bert")
    write(tmp_path, "tokenizer_config.json", {key: REFUSED[key]})
    expected = "covid19" if key == "added_tokens_decoder" else key
    with pytest.raises(PresetCorruptError, match=expected):
        models.BertTokenizer.from_preset(tmp_path)


def test_a_class_that_only_the_config_names(tmp_path):
    vocabulary_files(tmp_path, "Bert")
    config = json.loads((tmp_path / "config.json").read_text())
    config["tokenizer_class"] = "BertJapaneseTokenizer"
    write(tmp_path, "config.json", config)
    with pytest.raises(PresetCorruptError, match="BertJapaneseTokenizer"):
        models.BertTokenizer.from_preset(tmp_path)


def test_unknown_keys_are_named_in_one_warning(tmp_path):
    vocabulary_files(tmp_path, "Bert")
    options = {"mecab_kwargs": {}, "subword": "character", "model_max_length": 5}
    write(tmp_path, "tokenizer_config.json", options)
    with pytest.warns(UserWarning, match=r"\['mecab_kwargs', 'subword'\]") as caught:
        models.BertTokenizer.from_preset(tmp_path)
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"normalizer": {"type": "Lowercase"}}, "'normalizer'.*Lowercase"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "'pre_tokenizer'.*Whitespace"),
        ({"post_processor": {"type": "BertProcessing", "cls": ["the", 5]}}, "'post_p"),
        ({"model": {"type": "BPE"}}, "WordPiece"),
    ],
    ids=str,
)
@pytest.mark.parametrize("cls", ["PreTrainedTokenizerFast", "BertTokenizer"])
def test_other_rules_in_tokenizer_json(changes, message, cls, tmp_path):
    vocabulary_files(tmp_path, "Bert")
    transformers.AutoTokenizer.from_pretrained(tmp_path).save_pretrained(tmp_path)
    data = json.loads((tmp_path / "tokenizer.json").read_text())
    write(tmp_path, "tokenizer.json", {**data, **changes})
    write(tmp_path, "tokenizer_config.json", {"tokenizer_class": cls})
    with pytest.raises(PresetCorruptError, match=message):
        models.BertTokenizer.from_preset(tmp_path)


def test_a_vocabulary_with_a_gap(tmp_path):
    vocabulary_files(tmp_path, "Roberta")
    vocabulary, merges = byte_pairs()
    gap = {**vocabulary, max(vocabulary, key=vocabulary.get): 400}
    tokenizer = models.RobertaTokenizer(gap, merges)
    backbone = models.RobertaBackbone(len(gap), 1, 2, 8, 16)
    with pytest.raises(ValueError, match="gives 400"):
        models.RobertaTextEmbedder(
            backbone, models.RobertaTextEmbedderPreprocessor(tokenizer, 16)
        )


def test_merges_of_unknown_tokens(tmp_path):
    vocabulary_files(tmp_path, "Roberta")
    with (tmp_path / "merges.txt").open("a") as file:
        file.write("q zzz\n")
    with pytest.raises(PresetCorruptError, match="'q zzz'"):
        models.RobertaTokenizer.from_preset(tmp_path)


VALUES = [None, True, 0, -1, 1.5, "x", "", [], [1], [[]], {}, {"a": 1}, [{}], {"0": []}]


def places(value, path=()):
    """Yields the path of every value in a file, of lists the first two."""
    yield path
    if isinstance(value, dict):
        for key in [*value][:12]:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value[:2]):
            yield from places(inner, (*path, place))


def changed(value, path, new):
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@pytest.mark.large
@pytest.mark.backends("torch")
@every
def test_values_of_other_types(name, tmp_path):
    """Each loads, or is a `PresetCorruptError`; nothing else."""
    folder = tmp_path / "folder"
    folder.mkdir()
    vocabulary_files(folder, name)
    settle(folder, name, TOKENIZERS["added_tokens_decoder"])
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    options = json.loads((folder / "tokenizer_config.json").read_text())
    options["added_tokens_decoder"] = {str(size(name)): add("covid19")}
    options["additional_special_tokens"] = ["[E1]"]
    write(folder, "tokenizer_config.json", options)
    write(folder, "special_tokens_map.json", {"mask_token": add("<mask>")})
    write(folder, "added_tokens.json", {"covid19": size(name)})
    cls = getattr(models, f"{name}Tokenizer")
    for file in sorted(folder.glob("*token*.json")):
        whole = json.loads(file.read_text())
        for path in places(whole):
            if len(path) > 3 and path[0] in ("post_processor", "decoder"):
                continue
            for new in VALUES:
                write(folder, file.name, changed(whole, path, new))
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        cls.from_preset(folder)
                    except PresetCorruptError:
                        pass
                    except Exception as error:
                        raise AssertionError((file.name, path, new)) from error
        write(folder, file.name, whole)
    shutil.rmtree(folder)
