import keras
import numpy as np
import pytest

from domain_core.testing import to_numpy
from domain_core.weights.weight_map import (
    TRANSPOSE,
    Fused,
    IdentityMap,
    Transform,
    WeightMap,
    batch_counters,
)

FLIP = Transform("flip", lambda a: a[::-1].copy(), None)


def variables(**shapes):
    return {
        name.replace("_", "."): keras.Variable(np.zeros(shape, "float32"))
        for name, shape in shapes.items()
    }


def assign(weight_map, ours, tensors):
    shapes = {name: array.shape for name, array in tensors.items()}
    weight_map.assign(ours, shapes, tensors.__getitem__)


MAP = WeightMap(
    {
        "model.{i}.weight": ("blocks.{i}.kernel", TRANSPOSE),
        "norm": "norm.gamma",
    },
    ignored=(r".*position_ids",),
    optional_prefix="bert.",
)


def test_both_directions():
    ours = variables(blocks_0_kernel=(2, 3), blocks_11_kernel=(2, 3), norm_gamma=(4,))
    tensors = {
        "bert.model.0.weight": np.arange(6.0, dtype="float32").reshape(3, 2),
        "model.11.weight": np.ones((3, 2), "float32"),
        "norm": np.full(4, 2.0, "float32"),
        "bert.embeddings.position_ids": np.zeros(512),
    }
    assign(MAP, ours, tensors)
    np.testing.assert_array_equal(
        to_numpy(ours["blocks.0.kernel"]), tensors["bert.model.0.weight"].T
    )
    back = MAP.to_foreign(ours)
    assert sorted(back) == ["model.0.weight", "model.11.weight", "norm"]
    assert back["model.0.weight"].shape == (3, 2)
    np.testing.assert_array_equal(
        back["model.0.weight"].read(), tensors["bert.model.0.weight"]
    )
    assert "bert.norm" in MAP.to_foreign(ours, with_prefix=True)


def test_tensors_are_read_when_their_turn_comes():
    ours = variables(norm_gamma=(4,))
    tensor = MAP.to_foreign(ours)["norm"]
    ours["norm.gamma"].assign(np.full(4, 3.0))
    np.testing.assert_array_equal(tensor.read(), np.full(4, 3.0))


def test_several_weights_in_one_tensor():
    fused = WeightMap({"qkv.{i}": Fused(("q.{i}.kernel", "k.{i}.kernel"), TRANSPOSE)})
    ours = variables(q_0_kernel=(2, 3), k_0_kernel=(2, 1))
    tensors = {"qkv.0": np.arange(8.0, dtype="float32").reshape(4, 2)}
    assign(fused, ours, tensors)
    np.testing.assert_array_equal(to_numpy(ours["q.0.kernel"]), tensors["qkv.0"][:3].T)
    np.testing.assert_array_equal(to_numpy(ours["k.0.kernel"]), tensors["qkv.0"][3:].T)
    back = fused.to_foreign(ours)
    assert [(name, tensor.shape) for name, tensor in back.items()] == [
        ("qkv.0", (4, 2))
    ]
    np.testing.assert_array_equal(back["qkv.0"].read(), tensors["qkv.0"])
    with pytest.raises(ValueError, match=r"k.0.kernel has shape \(2, 1\), .*\(2, 2\)"):
        assign(fused, ours, {"qkv.0": np.ones((5, 2))})
    with pytest.raises(ValueError, match="the model has no k.0.kernel"):
        assign(fused, variables(q_0_kernel=(2, 3)), tensors)


def test_tensors_outside_a_prefix():
    table = {"embed": "embed.table"}
    outside = WeightMap(
        table, optional_prefix="model.", outside={"head": ("embed.head", TRANSPOSE)}
    )
    tensors = {"model.embed": np.ones((3, 2)), "head": np.full((3, 2), 2.0)}
    untied = variables(embed_table=(3, 2), embed_head=(2, 3))
    assign(outside, untied, tensors)
    assert (to_numpy(untied["embed.head"]) == 2).all()
    assert sorted(outside.to_foreign(untied)) == ["head", "model.embed"]
    tied = variables(embed_table=(3, 2))
    assign(outside, tied, tensors)  # of which one repeats the other
    assert sorted(outside.to_foreign(tied)) == ["embed"]


def test_constants_are_written_and_not_read():
    counted = WeightMap(
        {"norm.running_mean": "norm.mean"},
        constants=batch_counters({"norm.running_mean": "norm.mean"}),
        optional_prefix="net.",
    )
    ours = variables(norm_mean=(2,))
    back = counted.to_foreign(ours, with_prefix=True)
    count = back["net.norm.num_batches_tracked"]
    assert (count.dtype, count.shape, count.read()) == ("int64", (), 0)
    mean = np.array([1.0, 2.0], "float32")
    for prefix in ("", "net."):
        names = (f"{prefix}norm.running_mean", f"{prefix}norm.num_batches_tracked")
        assign(counted, ours, dict(zip(names, (mean, np.array(7)), strict=True)))
    np.testing.assert_array_equal(to_numpy(ours["norm.mean"]), mean)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": np.ones(1)}, "extra is not used"),
        ({"model.7.weight": np.ones((3, 2))}, "has no place"),
        ({"norm": np.ones(5)}, r"norm.gamma has shape \(4,\), norm gives \(5,\)"),
        ({"bert.norm": np.ones(4)}, "both write norm.gamma"),
        ({"norm": None}, "norm.gamma is missing"),
    ],
)
def test_strict(change, message):
    ours = variables(blocks_0_kernel=(2, 3), norm_gamma=(4,))
    tensors = {"model.0.weight": np.ones((3, 2)), "norm": np.ones(4), **change}
    tensors = {name: array for name, array in tensors.items() if array is not None}
    with pytest.raises(ValueError, match=message):
        assign(MAP, ours, tensors)
    assert not to_numpy(ours["blocks.0.kernel"]).any(), "nothing is written"


def test_at_most_ten_problems_are_listed():
    tensors = {f"extra.{i}": np.ones(1) for i in range(30)}
    with pytest.raises(ValueError, match="and 21 more") as caught:
        assign(MAP, variables(norm_gamma=(4,)), tensors)
    assert len(str(caught.value)) < 1000


def test_one_way_entries_name_themselves():
    one_way = WeightMap({"norm": ("norm.gamma", FLIP)})
    ours = variables(norm_gamma=(2,))
    assign(one_way, ours, {"norm": np.array([1.0, 2.0])})
    np.testing.assert_array_equal(to_numpy(ours["norm.gamma"]), [2.0, 1.0])
    with pytest.raises(ValueError, match="norm only reads, by 'flip'"):
        one_way.to_foreign(ours)


def test_export_needs_an_entry_for_each_weight():
    ours = variables(lonely_bias=(2,), other_bias=(2,))
    with pytest.raises(ValueError, match=r"lonely\.bias has no entry\n.*other\.bias"):
        MAP.to_foreign(ours)


@pytest.mark.backends
@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", "bfloat16"])
def test_small_floats(dtype):
    ours = variables(a_kernel=(3,))
    assign(IdentityMap(), ours, {"a.kernel": np.array([1.0, 2.0, -3.5], dtype)})
    np.testing.assert_array_equal(to_numpy(ours["a.kernel"]), [1.0, 2.0, -3.5])


def test_identity_map():
    ours = variables(a_kernel=(2,))
    assign(IdentityMap(), ours, {"a.kernel": np.array([3.0, 4.0])})
    np.testing.assert_array_equal(to_numpy(ours["a.kernel"]), [3.0, 4.0])
    with pytest.raises(ValueError, match="a.kernel is missing"):
        assign(IdentityMap(), ours, {"b.kernel": np.ones(2)})
