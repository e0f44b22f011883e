"""Attention over maps, in as many products as memory allows."""

import numpy as np
import pytest

from domain_core.testing import assert_close
from keras_cv.layers import map_attention
from keras_cv.layers.map_attention import MapAttention


@pytest.mark.backends
def test_heads_in_groups_are_all_heads(monkeypatch):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(2, 3, 4, 30)).astype("float32")
    layer = MapAttention(5, use_rel_pos=True)
    layer.build(x.shape)
    for weight in (layer.row_positions, layer.column_positions):
        weight.assign(draw.normal(size=weight.shape))
    expected = layer(x)
    monkeypatch.setattr(map_attention, "_MOST_SCORES", 2 * 12**2)
    assert layer._groups(3, 4) == [slice(0, 2), slice(2, 4), slice(4, 6)]
    assert_close(layer(x), expected, rtol=1e-5, atol=1e-6)
