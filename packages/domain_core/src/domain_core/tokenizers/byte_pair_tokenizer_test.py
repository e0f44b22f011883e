"""Equal to tiktoken and transformers on real vocabularies; and all around the ids."""

import gzip
import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from domain_core.testing import NASTY_TEXTS
from domain_core.testing.texts import mixed_corpus
from domain_core.tokenizers import BytePairTokenizer, compute_byte_pair_vocabulary

DATA = next(
    (
        folder / "shared/data/tokenizers"
        for folder in Path(__file__).parents
        if (folder / "shared/data/tokenizers").is_dir()
    ),
    None,
)
real = pytest.mark.skipif(DATA is None, reason="shared/data/tokenizers is not there")

VOCABULARY = {"butter": 1, "fly": 2, "<s>": 0}
MERGES = ["b u", "t t", "e r", "bu tt", "butt er", "f l", "fl y"]
GPT2 = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""


@pytest.fixture(scope="module")
def gpt2():
    return BytePairTokenizer.from_tiktoken(
        DATA / "gpt2.tiktoken", pattern="gpt2", special_tokens={"<|endoftext|>": 50256}
    )


@pytest.fixture(scope="module")
def clip_vocabulary():
    text = gzip.decompress((DATA / "bpe_simple_vocab_16e6.txt.gz").read_bytes())
    merges = text.decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    # CLIP numbers bytes in the order of GPT-2's table, those of a word's end behind.
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = [*map(chr, printable), *(chr(0x100 + i) for i in range(68))]
    tokens = [*letters, *(f"{c}</w>" for c in letters)]
    tokens += ["".join(merge.split()) for merge in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(tokens)}, merges


@pytest.fixture(scope="module")
def trained():
    """Returns a small vocabulary for each pattern asked for."""
    made = {}

    def get(pattern, **options):
        if pattern not in made:
            texts = iter(mixed_corpus()[::2])
            made[pattern] = compute_byte_pair_vocabulary(
                texts, 1400, pattern=pattern, special_tokens=["<pad>", "<end>"]
            )
        options = {"unsplittable_tokens": ["<pad>", "<end>"], **options}
        return BytePairTokenizer(*made[pattern], pattern=pattern, **options)

    return get


@real
def test_equals_tiktoken_on_gpt2s_vocabulary(gpt2, corpus):
    tiktoken = pytest.importorskip("tiktoken")
    load = pytest.importorskip("tiktoken.load").load_tiktoken_bpe
    reference = tiktoken.Encoding(
        "gpt2",
        pat_str=GPT2,
        mergeable_ranks=load(str(DATA / "gpt2.tiktoken")),
        special_tokens={},
    )
    # Its letters are those of an older Unicode; the corpus has none of the newer.
    texts = list(corpus)
    assert gpt2(texts) == reference.encode_ordinary_batch(texts, num_threads=1)


@real
def test_equals_transformers_on_gpt2s_vocabulary(gpt2, corpus, tmp_path):
    transformers = pytest.importorskip("transformers")
    gpt2.save_assets(tmp_path)
    reference = transformers.GPT2TokenizerFast(
        vocab=str(tmp_path / "vocabulary.json"), merges=str(tmp_path / "merges.txt")
    )
    texts = [*corpus, "<|endoftext|>a<|endoftext|> <|endoftext|", "a" * 300]
    ids = gpt2(texts)
    assert ids == reference(texts, verbose=False)["input_ids"]
    assert gpt2.detokenize(ids) == texts
    expected = reference(texts[-3000:], return_offsets_mapping=True, verbose=False)
    _, offsets = gpt2.tokenize_with_offsets(texts[-3000:])
    pairs = [[tuple(pair) for pair in row.tolist()] for row in offsets]
    assert pairs == expected["offset_mapping"]


@real
def test_equals_transformers_on_clips_vocabulary(clip_vocabulary, corpus):
    transformers = pytest.importorskip("transformers")
    vocabulary, merges = clip_vocabulary
    tokenizer = BytePairTokenizer(
        vocabulary,
        merges,
        pattern="clip",
        unsplittable_tokens=["<|startoftext|>", "<|endoftext|>"],
    )
    pairs = [tuple(merge.split()) for merge in merges]
    reference = transformers.CLIPTokenizerFast(vocab=vocabulary, merges=pairs)
    texts = [*corpus, "A <|endoftext|><|StartOfText|>!<|startoftext|>"]
    ids = tokenizer(texts)
    expected = reference(texts, add_special_tokens=False, verbose=False)["input_ids"]
    assert ids == expected
    assert tokenizer.detokenize(tokenizer("A photo, of\n2 CATS")) == (
        "a photo , of 2 cats"
    )


@pytest.mark.parametrize("pattern", ["gpt2", "llama3", "bloom", "qwen", "neox"])
def test_gives_texts_back(trained, pattern):
    tokenizer = trained(pattern, special_tokens="text")
    texts = [*mixed_corpus(), *NASTY_TEXTS, "<pad> <end>"]
    expected = texts
    if pattern in ("qwen", "neox"):
        expected = [unicodedata.normalize("NFC", text) for text in texts]
    assert tokenizer.detokenize(tokenizer(texts)) == expected
    assert (
        trained(pattern, special_tokens="text", normalization="none").detokenize(
            tokenizer(texts)
        )
        == expected
    )


def test_example_of_upstream():
    tokenizer = BytePairTokenizer(VOCABULARY, MERGES)
    ids = tokenizer("butterfly")
    assert (ids.tolist(), ids.dtype) == ([1, 2], np.int32)
    assert tokenizer(["butterfly", "butter"]) == [[1, 2], [1]]
    tokenizer = BytePairTokenizer(VOCABULARY, MERGES, sequence_length=3)
    assert tokenizer(["butterfly"]).tolist() == [[1, 2, 0]]
    tokenizer = BytePairTokenizer(VOCABULARY, MERGES, dtype="string")
    assert tokenizer(["butterfly"]) == [["butter", "fly"]]
    assert tokenizer.detokenize([1, 2]) == "butterfly"
    assert tokenizer([]) == []
    assert tokenizer("") == []


def test_special_tokens(trained):
    texts = ["a<end>b", "<END> <end", "c"]
    parse, text, error = (
        trained("gpt2", special_tokens=policy) for policy in ("parse", "text", "error")
    )
    end = parse.token_to_id("<end>")
    rows = parse(texts)
    assert rows[0][1] == end and len(rows[0]) == 3
    assert text(texts)[1:] == rows[1:]
    assert not {0, 1} & {i for row in text([*texts, "<pad>", " <pad>"]) for i in row}
    with pytest.raises(ValueError, match="'<end>' in text 1 at character 2"):
        error(["x", "y <end>"])
    ids, offsets = parse.tokenize_with_offsets("é<end> b")
    assert [tuple(o) for o in offsets.tolist()][-2:] == [(1, 6), (6, 8)]
    assert parse.decode(rows[0], skip_special_tokens=True) == "ab"
    assert parse.special_token_ids == [0, 1]


def test_no_text_forges_a_special_token():
    """Not even one that the merges make, or that is a word of the vocabulary."""
    ids = {"<": 0, "s": 1, ">": 2, "<s": 3, "<s>": 4, "end": 5}
    ids |= {letter: 6 + place for place, letter in enumerate("end")}
    merges = ["< s", "<s >"]
    for ignore_merges in (False, True):
        tokenizer = BytePairTokenizer(
            ids,
            merges,
            unsplittable_tokens=["<s>", "end"],
            special_tokens="text",
            ignore_merges=ignore_merges,
            pattern="bloom",
        )
        assert tokenizer(["<s>", "end"]) == [[3, 2], [6, 7, 8]]
    parse = BytePairTokenizer(ids, merges, unsplittable_tokens=["<s>", "end"])
    assert parse(["<s>", "end"]) == [[4], [5]]


def test_added_tokens(trained):
    plain = trained("gpt2")
    size = plain.vocabulary_size()
    tokenizer = trained("gpt2", added_tokens=["  ", "<tool>", "the"])
    assert tokenizer.vocabulary_size() > size
    assert tokenizer.token_to_id("  ") == size
    for policy in ("parse", "text"):
        tokenizer = trained("gpt2", added_tokens=["<tool>"], special_tokens=policy)
        assert tokenizer("a<tool>b").tolist()[1] == size
        assert tokenizer.detokenize(tokenizer("a <tool> b")) == "a <tool> b"
    again = BytePairTokenizer.from_config(tokenizer.get_config())
    assert again.get_vocabulary() == tokenizer.get_vocabulary()


def test_detokenizes():
    tokenizer = BytePairTokenizer({"Ã": 0, "©": 1, "a": 9}, [])
    assert tokenizer.detokenize([[0, 1, 9], [0], []]) == ["éa", "\ufffd", ""]
    for wrong in (-1, 2, 10):
        with pytest.raises(ValueError, match=f"3 ids up to 9; received {wrong}"):
            tokenizer.detokenize([wrong])


def test_config_and_assets(tmp_path):
    options = {
        "sequence_length": 5,
        "add_prefix_space": True,
        "unsplittable_tokens": ["<s>"],
        "dtype": "int64",
        "pattern": "llama3",
        "special_tokens": "text",
        "added_tokens": ["<tool>"],
        "normalization": "NFC",
        "unk_token": "<s>",
        "ignore_merges": True,
        "errors": "replace",
        "graph": True,
        "name": "pairs",
    }
    tokenizer = BytePairTokenizer(VOCABULARY, MERGES, **options)
    config = tokenizer.get_config()
    vocabulary = {"<s>": 0, "butter": 1, "fly": 2, "<tool>": 3}
    assert config == {"vocabulary": vocabulary, "merges": MERGES, **options}
    assert BytePairTokenizer.from_config(config).get_config() == config
    assert from_json(to_json(tokenizer)).get_config() == config
    tokenizer.save_assets(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == set(tokenizer.file_assets)
    again = BytePairTokenizer(**options)
    again.load_assets(tmp_path)
    assert again.get_config() == config
    assert again(["butter fly"]).tolist() == tokenizer(["butter fly"]).tolist()
    with pytest.raises(ValueError, match="'merges' of a BytePairTokenizer config"):
        BytePairTokenizer.from_config({"vocabulary": {"a": 0}, "merges": "m.txt"})


def test_files(tmp_path):
    vocabulary, merges = tmp_path / "vocab.json", tmp_path / "merges.txt"
    vocabulary.write_text(json.dumps(VOCABULARY))
    merges.write_bytes(
        "\ufeff#version: 0.2\r\n".encode() + "\r\n".join([*MERGES, "# #"]).encode()
    )
    tokenizer = BytePairTokenizer(str(vocabulary), merges)
    assert tokenizer.get_merges() == [*MERGES, "# #"]
    assert tokenizer("butterfly").tolist() == [1, 2]


@pytest.mark.parametrize("pattern", ["gpt2", "llama3", "qwen", "bloom", "neox", "clip"])
def test_tokenizer_json(trained, pattern, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = trained(
        pattern, added_tokens=["  ", "<tool>"], add_prefix_space=pattern == "gpt2"
    )
    path = tmp_path / "tokenizer.json"
    tokenizer.save_tokenizer_json(path)
    texts = [*mixed_corpus()[::2], "a <end><tool>    b"]
    reference = tokenizers.Tokenizer.from_file(str(path))
    assert tokenizer(texts) == [e.ids for e in reference.encode_batch(texts)]
    again = BytePairTokenizer.from_tokenizer_json(path, name=tokenizer.name)
    assert again.get_config() == tokenizer.get_config()
    # And as `tokenizers` writes it.
    reference.save(str(path))
    again = BytePairTokenizer.from_tokenizer_json(path, name=tokenizer.name)
    assert again.get_config() == tokenizer.get_config()


def test_tokenizer_json_with_what_is_not_here(trained, tmp_path):
    path = tmp_path / "tokenizer.json"
    trained("llama3").save_tokenizer_json(path)
    good = json.loads(path.read_text())

    def refused(message, **changes):
        path.write_text(json.dumps({**good, **changes}))
        with pytest.raises(ValueError, match=message):
            BytePairTokenizer.from_tokenizer_json(path)

    model = good["model"]
    split = good["pre_tokenizer"]["pretokenizers"][0]
    evil = {**split, "pattern": {"Regex": "(a+)+$"}}
    refused("'normalizer'.*NFKC", normalizer={"type": "NFKC"})
    refused("'pre_tokenizer'.*Digits", pre_tokenizer={"type": "Digits"})
    refused("'pre_tokenizer'", pre_tokenizer=None)
    sequence = {**good["pre_tokenizer"], "pretokenizers": [evil]}
    refused(r"'pre_tokenizer'.*\(a\+\)", pre_tokenizer=sequence)
    refused("'decoder'.*Metaspace", decoder={"type": "Metaspace"})
    refused("'post_processor'.*Odd", post_processor={"type": "Odd"})
    refused("'model.dropout'.*0.5", model={**model, "dropout": 0.5})
    refused("'model.byte_fallback'", model={**model, "byte_fallback": True})
    refused("'model.end_of_word_suffix'", model={**model, "end_of_word_suffix": "x"})
    refused("BPE model.*Unigram", model={"type": "Unigram"})
    refused("merges of tokens of the voc.*'q z'", model={**model, "merges": ["q z"]})
    refused("`model.vocab` to map tokens", model={**model, "vocab": []})
    refused("with a 'model'", model=None)
    token = {"id": 0, "content": "<pad>", "special": True}
    refused("'added_tokens'.*rstrip", added_tokens=[{**token, "rstrip": True}])
    refused("one id for the added token '<pad>'", added_tokens=[{**token, "id": 7}])
    refused("'content' and 'id'", added_tokens=[{"id": 0}])
    for content in ("", "[1]", "{", '{"a": 1, "a": 2}', '{"a": NaN}', "[" * 100_000):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"`tokenizer.json`"):
            BytePairTokenizer.from_tokenizer_json(path)
    trained("llama3").save_tokenizer_json(path)
    with pytest.raises(ValueError, match=r"does not hold, received \['pattern'\]"):
        BytePairTokenizer.from_tokenizer_json(path, pattern="gpt2")


def test_what_a_tokenizer_json_cannot_hold(trained, tmp_path):
    with pytest.raises(ValueError, match="merges of tokens that the vocabulary lacks"):
        BytePairTokenizer(VOCABULARY, MERGES).save_tokenizer_json(tmp_path / "a")
    with pytest.raises(ValueError, match="add_prefix_space"):
        trained("bloom", add_prefix_space=True).save_tokenizer_json(tmp_path / "a")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vocabulary": {}}, "map tokens to ids"),
        ({"vocabulary": ["a"]}, "map tokens to ids"),
        ({"vocabulary": {"a": 0, "b": 0}}, r"received 0 2 times, for \['a', 'b'\]"),
        ({"vocabulary": {"a": -1}}, "received -1 for 'a'"),
        ({"vocabulary": {"a": 2**31}}, "received 2147483648 for 'a'"),
        ({"vocabulary": {"a": True}}, "received True for 'a'"),
        ({"vocabulary": {"": 0}}, "received '', with the id 0"),
        ({"vocabulary": "no/such/file"}, "no file 'no/such/file'"),
        ({"merges": "no/such/file"}, "no file 'no/such/file'"),
        ({"merges": None}, "received only one of them"),
        ({"merges": ["a b c"]}, "received 'a b c' as number 0"),
        ({"merges": ["ab"]}, "received 'ab' as number 0"),
        ({"merges": [3]}, "received 3 as number 0"),
        ({"merges": ["a b", "a b"]}, "'a b' more than once"),
        ({"unsplittable_tokens": ["<x>"]}, r"lacks \['<x>'\]"),
        ({"unsplittable_tokens": "<s>"}, "to be a list of tokens"),
        ({"unk_token": "<unk>"}, r"lacks \['<unk>'\]"),
        ({"added_tokens": [""]}, "`added_tokens` to be a list"),
        ({"pattern": "gpt5"}, "`pattern` to be one of"),
        ({"normalization": "NFKC"}, "`normalization`"),
        ({"special_tokens": "maybe"}, "`special_tokens` to be one of"),
        ({"sequence_length": 0}, "`sequence_length`"),
    ],
)
def test_refuses_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        BytePairTokenizer(**{"vocabulary": VOCABULARY, "merges": MERGES, **arguments})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "UTF-8"),
        (b'{"a": 0, "b": 1}', "two tokens with a space"),
        (b"#version: 0.2\na b\n\nc d", "received '' as number 1"),
    ],
)
def test_files_that_are_no_merges(tmp_path, content, message):
    (tmp_path / "merges.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        BytePairTokenizer(VOCABULARY, tmp_path / "merges.txt")


def test_files_that_are_not_tiktokens(tmp_path):
    path = tmp_path / "a.tiktoken"
    for content in (
        b"YQ== 0\nYQ== 1\n",
        b"YQ==\n",
        b"!! 0\n",
        b"YQ== x\n",
        b"#v a b\n",
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="in base64 and its rank on each line"):
            BytePairTokenizer.from_tiktoken(path, pattern="gpt2")
    path.write_bytes(b"YQ== 0\nYg== 0\n")
    with pytest.raises(ValueError, match="received 0 2 times"):
        BytePairTokenizer.from_tiktoken(path, pattern="gpt2")
    path.write_bytes(b"YQ== 0\nYg== 1\n\nYWI= 2\n")
    tokenizer = BytePairTokenizer.from_tiktoken(path, pattern="gpt2")
    assert (tokenizer.get_merges(), tokenizer("abb").tolist()) == (["a b"], [2, 1])
    with pytest.raises(ValueError, match="special tokens that .* does not hold"):
        BytePairTokenizer.from_tiktoken(path, pattern="gpt2", special_tokens={"a": 7})


def test_needs_a_vocabulary():
    for use in (
        lambda t: t("a"),
        lambda t: t.detokenize([1]),
        lambda t: t.vocabulary_size(),
        lambda t: t.token_to_id("a"),
    ):
        with pytest.raises(ValueError, match="No vocabulary has been set"):
            use(BytePairTokenizer())


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (None, "None of type NoneType"),
        (["a", 3], r"`inputs\[1\]` to be a string, received 3"),
        ([b"\xff"], r"`inputs\[0\]` to be UTF-8"),
        (["a", "\ud800"], "lone surrogate '.ud800' in text 1 at character 0"),
        (["fly", "x"], "a text with 'x'"),
    ],
)
def test_refuses_inputs(inputs, message):
    with pytest.raises(ValueError, match=message):
        BytePairTokenizer({**VOCABULARY, "a": 3}, MERGES)(inputs)


def test_inside_tf_data(tf, trained, few_lines):
    texts = few_lines
    tokenizer = trained("llama3")
    batches = tf.data.Dataset.from_tensor_slices(tf.constant(texts)).batch(64)
    received = [row for batch in batches.map(tokenizer) for row in batch.to_list()]
    assert received == tokenizer(texts)
    decoded = batches.map(tokenizer).map(tokenizer.detokenize)
    assert [t.decode() for batch in decoded for t in batch.numpy()] == (
        tokenizer.detokenize(tokenizer(texts))
    )


@pytest.mark.parametrize("pattern", ["gpt2", "llama3", "qwen", "bloom", "neox", "clip"])
def test_in_a_graph(tf, trained, few_lines, pattern):
    pytest.importorskip("tensorflow_text")
    texts = few_lines
    options = {"unsplittable_tokens": ()}
    tokenizer = trained(pattern, graph=True, **options)
    graph = tf.function(tokenizer, input_signature=[tf.TensorSpec([None], "string")])
    received = [
        row
        for start in range(0, len(texts), 512)
        for row in graph(tf.constant(texts[start : start + 512])).to_list()
    ]
    assert received == tokenizer(texts)
    decode = tf.function(
        tokenizer.detokenize,
        input_signature=[tf.RaggedTensorSpec([None, None], "int32")],
    )
    rows = tokenizer(texts[:200])
    decoded = decode(tf.ragged.constant(rows, "int32"))
    assert [t.decode() for t in decoded.numpy()] == tokenizer.detokenize(rows)


def test_special_tokens_in_a_graph(tf, trained):
    pytest.importorskip("tensorflow_text")
    texts = tf.constant(["a <end>b", "<pad>", "", " x"])

    def rows(policy, inputs=texts):
        tokenizer = trained("gpt2", graph=True, special_tokens=policy)
        return tf.function(tokenizer)(inputs).to_list()

    for policy in ("parse", "text"):
        expected = trained("gpt2", special_tokens=policy)(texts)
        assert rows(policy) == expected
    assert rows("error", texts[2:]) == expected[2:]
    with pytest.raises(tf.errors.InvalidArgumentError, match="without special tokens"):
        rows("error")
    with pytest.raises(tf.errors.InvalidArgumentError, match="Invalid formatting"):
        rows("text", tf.constant([b"\xff"]))


def test_what_a_graph_cannot_do(tf):
    inputs = tf.constant(["butter"])
    tokenizer = BytePairTokenizer(VOCABULARY, MERGES, graph=True)
    assert tf.function(tokenizer)(inputs).to_list() == [[1]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="tokens that merges end"):
        tf.function(tokenizer)(tf.constant(["but"]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="ids of the vocabulary"):
        tf.function(tokenizer.detokenize)(tf.constant([7]))
    tokenizer = BytePairTokenizer(VOCABULARY, MERGES[::-1], graph=True)
    with pytest.raises(ValueError, match="received 'fl y' too early"):
        tf.function(tokenizer)(inputs)


def test_a_graph_is_exported(tf, trained, tmp_path):
    pytest.importorskip("tensorflow_text")
    tokenizer = trained("gpt2", graph=True, unsplittable_tokens=(), sequence_length=8)
    module = tf.Module()
    module.run = tf.function(
        tokenizer, input_signature=[tf.TensorSpec([None], "string")]
    )
    tf.saved_model.save(module, str(tmp_path))
    run = tf.saved_model.load(str(tmp_path)).run
    texts = ["hello  world", ""]
    np.testing.assert_array_equal(run(tf.constant(texts)), tokenizer(texts))
