"""Packing equals KerasHub's where that works; by hand elsewhere."""

import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from domain_core.testing.graphs import in_graph, to_plain
from domain_core.text.rows.start_end_packer import StartEndPacker


@pytest.fixture(scope="module")
def upstream():
    return pytest.importorskip("keras_hub").layers


def random_rows(random, batch, longest):
    return [
        random.integers(10, 100, random.integers(0, longest)).tolist()
        for _ in range(batch)
    ]


@pytest.mark.parametrize("start", [None, 1, [1, 3]])
@pytest.mark.parametrize("end", [None, 2, [2, 4]])
@pytest.mark.parametrize("pad", [None, 7])
def test_start_end_packer_equals_upstream(upstream, start, end, pad):
    rows = random_rows(np.random.default_rng(0), 6, 9)
    options = {
        "sequence_length": 6,
        "start_value": start,
        "end_value": end,
        "pad_value": pad,
        "return_padding_mask": True,
    }
    ours, theirs = StartEndPacker(**options), upstream.StartEndPacker(**options)
    for call in ({}, {"sequence_length": 8, "add_end_value": False}):
        for inputs in (rows, rows[0]):
            for received, expected in zip(
                ours(inputs, **call), theirs(inputs, **call), strict=True
            ):
                np.testing.assert_array_equal(received, expected)


def test_strings():
    tokens, mask = StartEndPacker(
        5, start_value="[S]", end_value="[E]", return_padding_mask=True
    )([["a"], ["b", "c", "d", "e"]])
    assert tokens.tolist() == [
        ["[S]", "a", "[E]", "", ""],
        ["[S]", "b", "c", "d", "[E]"],
    ]
    assert mask.tolist() == [[True, True, True, False, False], [True] * 5]


def test_pads_and_cuts_on_the_left():
    rows = [[5], [5, 6, 7, 8, 9]]
    options = {"end_value": 2, "return_padding_mask": True}
    tokens, mask = StartEndPacker(5, 1, padding_side="left", **options)(rows)
    assert tokens.tolist() == [[0, 0, 1, 5, 2], [1, 5, 6, 7, 2]]
    assert mask.tolist() == [[False, False, True, True, True], [True] * 5]
    tokens, mask = StartEndPacker(5, [1, 3], truncate="left", **options)(rows)
    assert tokens.tolist() == [[1, 3, 5, 2, 0], [1, 3, 8, 9, 2]]
    assert mask.tolist() == [[True] * 4 + [False], [True] * 5]


def test_left_padding_equals_upstream(upstream):
    rows = random_rows(np.random.default_rng(0), 6, 9)
    options = {
        "sequence_length": 8,
        "start_value": [1, 3],
        "end_value": 2,
        "pad_value": 7,
        "return_padding_mask": True,
        "padding_side": "left",
    }
    ours, theirs = StartEndPacker(**options), upstream.StartEndPacker(**options)
    for received, expected in zip(ours(rows), theirs(rows), strict=True):
        np.testing.assert_array_equal(received, expected)


@pytest.mark.parametrize(
    ("pad_to", "lengths", "width"),
    [
        (None, [1, 3], 9),
        ("longest", [1, 3], 4),
        ("longest", [30, 1], 9),
        ("longest", [], 0),
        ([4, 6], [1, 3], 4),
        ((4, 6), [1, 4], 6),
        ([4, 6], [1, 6], 9),
        ([6, 20], [7], 9),
    ],
)
def test_pads_to(pad_to, lengths, width):
    packer = StartEndPacker(9, start_value=1, pad_to=pad_to)
    rows = [[5] * length for length in lengths]
    expected = StartEndPacker(9, start_value=1)(rows or np.zeros((0, 2), int))
    received = packer(rows or np.zeros((0, 2), int))
    np.testing.assert_array_equal(received, expected[:, :width])
    assert received.shape[1] == width


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: StartEndPacker(4, truncate="both"), "`truncate`"),
        (lambda: StartEndPacker(4, padding_side="both"), "`padding_side`"),
        (lambda: StartEndPacker(4, pad_to="shortest"), "`pad_to`"),
        (lambda: StartEndPacker(4, pad_to=[]), "`pad_to`"),
        (lambda: StartEndPacker(4, pad_to=[3, 2]), "ascending"),
        (lambda: StartEndPacker(4, pad_to=[2, 2]), "ascending"),
        (lambda: StartEndPacker(4, pad_to=[0, 2]), "positive"),
        (lambda: StartEndPacker(4, pad_to=3), "`pad_to`"),
        (lambda: StartEndPacker(0), "`sequence_length` to be a positive"),
        (lambda: StartEndPacker(None), "`sequence_length` to be a positive"),
        (lambda: StartEndPacker(4, start_value=1.5), "`start_value` to be a token"),
        (lambda: StartEndPacker(4, end_value=[None]), "`end_value` to be a token"),
        (lambda: StartEndPacker(2, [1, 1], [2])([5]), "at least 3"),
        (lambda: StartEndPacker(2)([5], sequence_length=0), "positive"),
        (lambda: StartEndPacker(2)([1.5]), "integer ids or string tokens"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_config_round_trip():
    packer = StartEndPacker(
        6,
        [1, 3],
        2,
        pad_value=4,
        return_padding_mask=True,
        truncate="left",
        padding_side="left",
        pad_to=(2, 4),
        graph=True,
    )
    clone = from_json(to_json(packer))
    assert clone.get_config() == packer.get_config()
    assert clone.pad_to == [2, 4] and clone.graph and clone.truncate == "left"


def test_inside_tf_data(tf):
    rows = [[5, 6, 7], [8]]
    packer = StartEndPacker(4, 1, 2, return_padding_mask=True)
    mapped = tf.data.Dataset.from_tensors(tf.ragged.constant(rows)).map(packer)
    assert [spec.shape.as_list() for spec in mapped.element_spec] == [[2, 4]] * 2
    received = mapped.get_single_element()
    for array, expected in zip(received, packer(rows), strict=True):
        np.testing.assert_array_equal(array, expected)
    words = tf.data.Dataset.from_tensors(["a", "b"]).map(StartEndPacker(3, "S"))
    assert words.element_spec.shape.as_list() == [3]
    assert words.get_single_element().numpy().tolist() == [b"S", b"a", b"b"]
    longest = StartEndPacker(8, 1, pad_to="longest")
    mapped = tf.data.Dataset.from_tensors(tf.ragged.constant(rows)).map(longest)
    assert mapped.element_spec.shape.as_list() == [2, None]
    assert mapped.get_single_element().numpy().tolist() == [[1, 5, 6, 7], [1, 8, 0, 0]]


INPUTS = {
    "ragged": [[5, 6, 7], [], [8, 9, 4, 3, 2, 6, 7]],
    "dense": np.arange(12).reshape(3, 4),
    "one row": np.arange(7),
    "empty": np.zeros((0, 3), np.int32),
    "words": [["a", "ä"], [], list("defghijk")],
    "one row of words": np.array(["a", "b"]),
}


@pytest.mark.parametrize(
    ("inputs", "options", "call"),
    [
        ("ragged", {"return_padding_mask": True}, {}),
        ("ragged", {"padding_side": "left", "pad_to": [3, 6]}, {}),
        ("ragged", {"truncate": "left"}, {"sequence_length": 6}),
        ("ragged", {"pad_to": [3, 6]}, {"add_start_value": False}),
        ("dense", {"return_padding_mask": True, "pad_to": "longest"}, {}),
        ("one row", {"return_padding_mask": True, "padding_side": "left"}, {}),
        ("empty", {"return_padding_mask": True, "pad_to": "longest"}, {}),
        ("words", {"truncate": "left", "padding_side": "left"}, {}),
        ("words", {"return_padding_mask": True, "pad_to": "longest"}, {}),
        ("one row of words", {}, {"add_end_value": False}),
    ],
)
def test_graph_equals_numpy(tf, inputs, options, call):
    text = "words" in inputs
    start, end = ("[S]", ["é", "[E]"]) if text else (1, [3, 2])
    packer = StartEndPacker(8, start, end, graph=True, **options)
    run = in_graph(lambda x: packer(x, **call), INPUTS[inputs])
    assert to_plain(run()) == to_plain(packer(INPUTS[inputs], **call))


def test_shapes_in_a_graph(tf):
    rows = tf.data.Dataset.from_tensors(tf.ragged.constant(INPUTS["ragged"]))
    for options, width in [({}, 6), ({"pad_to": "longest"}, None)]:
        mapped = rows.map(StartEndPacker(6, 1, graph=True, **options))
        assert mapped.element_spec.shape.as_list() == [3, width]
        assert mapped.element_spec.dtype == tf.int32
    with pytest.raises(ValueError, match="integer ids or string tokens"):
        rows.map(lambda x: StartEndPacker(6, graph=True)(tf.cast(x, "float32")))
    single = tf.data.Dataset.from_tensors(INPUTS["one row"])
    assert single.map(StartEndPacker(6, graph=True)).element_spec.shape == (6,)


def test_exports(tf, tmp_path):
    module = tf.Module()
    packer = StartEndPacker(6, 1, 2, pad_to=[4], graph=True)
    module.pack = tf.function(packer, [tf.RaggedTensorSpec([None, None], "int32")])
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    rows = [[5, 6], [7]]
    np.testing.assert_array_equal(loaded.pack(tf.ragged.constant(rows)), packer(rows))
