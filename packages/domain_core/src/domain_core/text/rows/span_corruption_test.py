import pickle

import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from domain_core.testing.graphs import in_graph, to_plain
from domain_core.text.rows.span_corruption import SpanCorruption

SENTINELS = list(range(1999, 1899, -1))


def corruption(density=0.15, **options):
    return SpanCorruption(SENTINELS, density, **{"seed": 0, **options})


def counts(length, density, mean):
    """What the paper's authors compute, one row at a time; halves to even."""
    if length < 2:
        return 0, 0
    noise = min(max(int(np.round(length * density)), 1), length - 1)
    return noise, min(max(int(np.round(noise / mean)), 1), noise, length - noise)


def parts(read, written):
    """Returns the spans of a row, and the stretches before them; checks the form."""
    starts = [i for i, token in enumerate(written) if token in SENTINELS]
    order = SENTINELS[: len(starts)]
    assert [written[i] for i in starts] == order
    assert (starts[0], starts[-1]) == (0, len(written) - 1)
    spans = [written[i + 1 : j] for i, j in zip(starts, starts[1:], strict=False)]
    marks = [i for i, token in enumerate(read) if token in SENTINELS]
    assert [read[i] for i in marks] == order[:-1]
    befores = [read[i + 1 : j] for i, j in zip([-1, *marks], marks, strict=False)]
    rest = read[marks[-1] + 1 :] if marks else read
    return spans, befores, rest


def rows_of(outputs):
    return zip(*(map(list, part) for part in outputs.values()), strict=True)


@pytest.mark.parametrize(
    ("density", "mean"), [(0.15, 3.0), (0.5, 1.0), (0.9, 1.0), (0.3, 7.5), (0.01, 2.0)]
)
def test_lengths_and_form(density, mean):
    lengths = [*range(70), 300]
    rows = [list(range(length)) for length in lengths]
    corrupt = corruption(density, mean_noise_span_length=mean)
    if density == 0.5:  # 300 tokens have 150 spans
        rows, lengths = rows[:-1], lengths[:-1]
    for row, length, (read, written) in zip(
        rows, lengths, rows_of(corrupt(rows)), strict=True
    ):
        noise, number = counts(length, density, mean)
        assert (len(read), len(written)) == (
            length - noise + number,
            noise + number + 1,
        )
        assert corrupt.lengths(length) == {
            "encoder_token_ids": len(read),
            "decoder_token_ids": len(written),
        }
        spans, befores, rest = parts(read, written)
        assert len(spans) == number and sum(map(len, spans)) == noise
        assert all(spans) and all(befores)
        # The row comes back when spans take the places of their sentinels.
        pairs = zip(befores, spans, strict=True)
        assert [*(t for pair in pairs for part in pair for t in part), *rest] == row
        assert bool(rest) == (length == 1)


def test_short_rows():
    outputs = corruption()([[], [7], [7, 8]])
    assert [row.tolist() for row in outputs["encoder_token_ids"]] == [
        [],
        [7],
        [7, 1999],
    ]
    assert [row.tolist() for row in outputs["decoder_token_ids"]] == [
        [1999],
        [1999],
        [1999, 8, 1998],
    ]
    for length in range(3):
        single = corruption()(np.arange(length))
        assert [v.shape for v in single.values()] == [
            (length + (length > 1) - (length > 1),),
            (1 + 2 * (length > 1),),
        ]


def test_every_division_is_equally_likely():
    # 4 of 8 tokens in 2 spans: 3 ways to divide those left out, 3 for the others.
    corrupt = corruption(0.5, mean_noise_span_length=2.0)
    found = {}
    for read, written in rows_of(corrupt(np.tile(np.arange(8), (9000, 1)))):
        spans, befores, _ = parts(read, written)
        key = len(spans[0]), len(befores[0])
        found[key] = found.get(key, 0) + 1
    assert sorted(found) == [(i, j) for i in (1, 2, 3) for j in (1, 2, 3)]
    assert max(abs(n - 1000) for n in found.values()) < 5 * 1000**0.5


def test_share_and_length_of_spans():
    ids = np.tile(np.arange(512), (200, 1))
    outputs = corruption()(ids)
    noise, number = counts(512, 0.15, 3.0)
    assert (noise, number) == (77, 26)
    spans = [span for pair in rows_of(outputs) for span in parts(*pair)[0]]
    sizes = np.array(list(map(len, spans)))
    assert sizes.sum() == 200 * 77 and len(sizes) == 200 * 26
    # Of 77 tokens in 26 parts, a part has one with the probability 25 / 76.
    share = 25 / 76
    deviation = (share * (1 - share) / len(sizes)) ** 0.5
    assert abs((sizes == 1).mean() - share) < 5 * deviation
    # Any place but the first may be left out; those at the end rather more often.
    left_out = np.bincount(np.concatenate(spans), minlength=512) / 200
    assert left_out[0] == 0 and left_out[511] == 1
    assert abs(left_out[50:450].mean() - 0.15) < 0.01


def test_inputs_and_outputs():
    ids = np.arange(40, dtype=np.int64).reshape(2, 20)
    outputs = corruption()(ids)
    assert {name: (v.shape, v.dtype.name) for name, v in outputs.items()} == {
        "encoder_token_ids": ((2, 18), "int32"),
        "decoder_token_ids": ((2, 5), "int32"),
    }
    for same in (ids.tolist(), list(ids), tuple(map(tuple, ids))):
        assert to_plain(corruption()(same)) == to_plain(outputs)
    single = corruption()(ids[0])
    assert to_plain(single) == {name: v[0].tolist() for name, v in outputs.items()}
    empty = corruption()(np.zeros((0, 20), np.int32))
    assert [v.shape for v in empty.values()] == [(0, 18), (0, 5)]
    kept = ids.copy()
    corruption()(kept)
    np.testing.assert_array_equal(kept, ids)


def test_padding_is_left_out():
    rows = [list(range(1, 12)), [5, 6, 7], []]
    ids = np.array([[*row, *[0] * 11][:11] for row in rows])
    mask = np.array([[1] * len(row) + [0] * (11 - len(row)) for row in rows])
    expected = to_plain(corruption(0.3)(rows))
    for given in (mask, mask.astype(bool), mask.tolist()):
        assert to_plain(corruption(0.3)(ids, given)) == expected
    single = corruption(0.3)(ids[0], mask[0])
    assert single["encoder_token_ids"].tolist() == expected["encoder_token_ids"][0]
    for wrong in (mask[:, 1:], mask[0], mask[:2]):
        with pytest.raises(ValueError, match="`padding_mask` of the shape"):
            corruption()(ids, wrong)


def test_seeds():
    ids = np.tile(np.arange(60), (4, 1))

    def calls(corrupt):
        return np.stack([corrupt(ids)["encoder_token_ids"] for _ in range(3)])

    first = calls(corruption())
    assert len(np.unique(first.reshape(12, -1), axis=0)) == 12
    np.testing.assert_array_equal(first, calls(corruption()))
    assert (first != calls(corruption(seed=1))).any()
    # A copy goes on where the original stands.
    corrupt = corruption()
    corrupt(ids)
    copy = pickle.loads(pickle.dumps(corrupt))
    np.testing.assert_array_equal(copy(ids)["encoder_token_ids"], first[1])
    np.random.seed(3)
    unseeded = calls(corruption(seed=None))
    assert (unseeded != calls(corruption(seed=None))).any()
    np.random.seed(3)
    np.testing.assert_array_equal(unseeded, calls(corruption(seed=None)))


def test_a_row_does_not_depend_on_the_others():
    rows = [list(range(n)) for n in (9, 4, 0, 30, 1, 12)]
    every = to_plain(corruption(0.4)(rows))
    for count in (1, 3):
        part = to_plain(corruption(0.4)(rows[:count]))
        assert part == {name: v[:count] for name, v in every.items()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sentinel_ids": [5]}, "two or more different ids"),
        ({"sentinel_ids": 5}, "`sentinel_ids`"),
        ({"sentinel_ids": [5, 5]}, "`sentinel_ids`"),
        ({"sentinel_ids": [5, -1]}, "`sentinel_ids`"),
        ({"sentinel_ids": ["<extra_id_0>", "<extra_id_1>"]}, "`sentinel_ids`"),
        ({"noise_density": 0}, "`noise_density`"),
        ({"noise_density": 1.0}, "`noise_density`"),
        ({"noise_density": True}, "`noise_density`"),
        ({"noise_density": float("nan")}, "`noise_density`"),
        ({"mean_noise_span_length": 0.5}, "`mean_noise_span_length`"),
        ({"mean_noise_span_length": float("inf")}, "`mean_noise_span_length`"),
        ({"seed": "a"}, "`seed`"),
    ],
)
def test_refuses_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SpanCorruption(**{"sentinel_ids": [5, 6], **arguments})


def test_refuses_inputs():
    with pytest.raises(ValueError, match="integer ids"):
        corruption()(["a", "b"])
    few = SpanCorruption([9, 8, 7], 0.5, mean_noise_span_length=1.0)
    assert len(few([[1] * 4, [1] * 5])["encoder_token_ids"]) == 2  # two spans each
    with pytest.raises(ValueError, match="row of 6 tokens.*than the 3 sentinels"):
        few([[1] * 4, [1] * 6])


def test_config_round_trip():
    corrupt = SpanCorruption(
        np.array([9, 8]), 0.3, mean_noise_span_length=2, seed=5, graph=True
    )
    clone = from_json(to_json(corrupt))
    assert clone.get_config() == corrupt.get_config()
    assert (clone.sentinel_ids, clone.mean_noise_span_length) == ([9, 8], 2)


RAGGED = [[5, 6, 7, 8, 9, 0], [], [0], list(range(5, 60)), [1, 2]]
DENSE = np.arange(120).reshape(4, 30) % 90
OPTIONS = {"seed": 2**33 + 1, "mean_noise_span_length": 2.0}


def test_graph_equals_numpy(tf):
    run = in_graph(corruption(0.4, graph=True, **OPTIONS), RAGGED)
    corrupt = corruption(0.4, **OPTIONS)
    for _ in range(3):
        assert to_plain(run()) == to_plain(corrupt(RAGGED))


def test_graph_of_rows_of_one_length(tf):
    specs = [tf.TensorSpec([None, None], "int64")]
    corrupt = corruption(0.4, graph=True, **OPTIONS)
    run = tf.function(corrupt, autograph=False, input_signature=specs)
    corrupt = corruption(0.4, **OPTIONS)
    for inputs in (DENSE, DENSE[:0], DENSE[:, :1], DENSE[:, :0]):
        assert to_plain(run(inputs)) == to_plain(corrupt(inputs))


def test_graph_of_one_row(tf):
    few = SpanCorruption(SENTINELS[:3], 0.4, graph=True, **OPTIONS)
    specs = [tf.TensorSpec([None], "int32")]
    run = tf.function(few, autograph=False, input_signature=specs)
    assert to_plain(run(DENSE[0, :9])) == to_plain(
        SpanCorruption(SENTINELS, 0.4, **OPTIONS)(DENSE[0, :9])
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="than the 3 sentinels"):
        run(DENSE[0])


def test_graph_with_padding(tf):
    mask = np.arange(30) % 4 > DENSE[:, :1] % 4
    run = in_graph(corruption(0.4, graph=True, **OPTIONS), DENSE, mask)
    corrupt = corruption(0.4, **OPTIONS)
    for _ in range(2):
        assert to_plain(run()) == to_plain(corrupt(DENSE, mask))


def test_inside_tf_data(tf):
    data = tf.data.Dataset.from_tensors(tf.ragged.constant(RAGGED, "int32"))
    found = data.map(corruption(0.4)).get_single_element()
    expected = to_plain(corruption(0.4)(RAGGED))
    assert {name: v.to_list() for name, v in found.items()} == expected
    data = tf.data.Dataset.from_tensors((DENSE, DENSE % 4))
    found = data.map(corruption(0.4)).get_single_element()
    expected = to_plain(corruption(0.4)(DENSE, DENSE % 4))
    assert {name: v.to_list() for name, v in found.items()} == expected
    # Widths of rows of one length are known beforehand.
    data = tf.data.Dataset.from_tensor_slices(DENSE)
    for batches, leading in ((data.batch(4, drop_remainder=True), (4,)), (data, ())):
        mapped = batches.map(corruption(0.4))
        assert {name: tuple(v.shape) for name, v in mapped.element_spec.items()} == {
            "encoder_token_ids": (*leading, 22),
            "decoder_token_ids": (*leading, 17),
        }
    few = SpanCorruption([9, 8], 0.4)
    with pytest.raises(tf.errors.InvalidArgumentError, match="row of 30 tokens"):
        next(iter(data.map(few)))
