import numpy as np
import pytest

from domain_core.arrays.ragged import Ragged
from domain_core.text.rows.context_windows import overlapping, pack_windows, token_spans
from domain_core.text.rows.multi_segment_packer import MultiSegmentPacker


def test_windows_cover_every_token():
    lengths = np.arange(0, 40)
    for room in (1, 5, 8):
        for stride in (1, 3, 5, 100):
            rows, first, counts = overlapping(lengths, np.full(40, room), stride)
            assert (np.diff(rows) >= 0).all()
            for row, length in enumerate(lengths):
                mine = rows == row
                starts, ends = first[mine], first[mine] + counts[mine]
                covered = {
                    i for s, e in zip(starts, ends, strict=True) for i in range(s, e)
                }
                assert covered == set(range(length))
                assert starts[0] == 0 and ends[-1] == length
                assert (counts[mine] == min(room, length)).all()
                assert (np.diff(starts) <= min(stride, room)).all()
                assert (np.diff(starts) > 0).all()


@pytest.fixture
def packed():
    questions = Ragged.from_rows([[5, 6], [7], [8]])
    contexts = Ragged.from_rows([range(10, 19), [20, 21], []])
    offsets = Ragged.from_rows(
        [[(2 * i, 2 * i + 1) for i in range(n)] for n in contexts.lengths],
        np.dtype((np.int32, 2)),
    )
    packer = MultiSegmentPacker(10, [1, 1], 2, sep_value=3)
    return pack_windows(questions, contexts, offsets, packer, stride=2)


def test_packs_windows_behind_their_question(packed):
    assert packed.sample.tolist() == [0, 0, 0, 0, 1, 2]
    assert packed.inputs["token_ids"].tolist() == [
        [1, 1, 5, 6, 3, 10, 11, 12, 13, 2],
        [1, 1, 5, 6, 3, 12, 13, 14, 15, 2],
        [1, 1, 5, 6, 3, 14, 15, 16, 17, 2],
        [1, 1, 5, 6, 3, 15, 16, 17, 18, 2],
        [1, 1, 7, 3, 20, 21, 2, 0, 0, 0],
        [1, 1, 8, 3, 2, 0, 0, 0, 0, 0],
    ]
    ids, mask = packed.inputs["token_ids"], packed.context_mask
    assert (ids[mask] >= 10).all() and (ids[~mask] < 10).all()
    np.testing.assert_array_equal(packed.inputs["padding_mask"], ids != 0)
    assert packed.inputs["segment_ids"][4].tolist() == [0, 0, 0, 0, 1, 1, 1, 0, 0, 0]
    # Token 10 + i of the first context stands at character 2 i.
    first = packed.sample == 0
    inside = mask & first[:, None]
    np.testing.assert_array_equal(packed.offsets[inside][:, 0], 2 * (ids[inside] - 10))
    assert not packed.offsets[~mask].any()
    assert set(ids[inside].tolist()) == set(range(10, 19))


def test_chooses_the_window_with_most_context(packed):
    starts = packed.first_token[packed.sample == 0].tolist()
    for first, last in [(0, 0), (3, 3), (4, 5), (8, 8)]:
        chosen = packed.best_for(np.array([first, 0, 0]), np.array([last, 1, -1]))
        margins = [min(first - s, s + 3 - last) for s in starts]
        assert margins[chosen[0]] == max(margins) >= 0
        assert packed.sample[chosen].tolist() == [0, 1, 2]
    # Neither a span longer than a window nor no span: the first window.
    assert packed.best_for(np.array([0, 1, 0]), np.array([8, 0, -1]))[0] == 0


def test_takes_some(packed):
    part = packed.take(np.array([4, 0]))
    assert len(part) == 2
    assert part.sample.tolist() == [1, 0]
    assert (
        part.inputs["token_ids"][0].tolist() == packed.inputs["token_ids"][4].tolist()
    )


def test_finds_the_tokens_of_characters():
    pairs = [(0, 3), (4, 6), (6, 9), (10, 13)]
    offsets = Ragged.from_rows([pairs] * 6 + [[]], np.dtype((np.int32, 2)))
    start = np.array([0, 4, 5, 2, 9, 0, 0])
    end = np.array([3, 9, 6, 11, 10, 0, 4])
    first, last = token_spans(offsets, start, end)
    assert list(zip(first.tolist(), last.tolist(), strict=True))[:4] == [
        (0, 0),
        (1, 2),
        (1, 1),
        (0, 3),
    ]
    assert (last[4:] < first[4:]).all()


def test_refuses_a_question_without_room():
    rows = Ragged.from_rows([[5] * 8])
    offsets = Ragged.from_rows([[(0, 1)] * 8], np.dtype((np.int32, 2)))
    with pytest.raises(ValueError, match="leave room for the context"):
        pack_windows(rows, rows, offsets, MultiSegmentPacker(10, 1, 2), stride=2)
