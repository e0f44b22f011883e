import json
import tracemalloc

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.folder import LocalFolder
from domain_core.presets.safetensors_reader import TensorFiles
from domain_core.presets.safetensors_writer import Tensor, write_tensors

NAME = "model.safetensors"


def as_tensors(arrays):
    return {
        name: Tensor(array.dtype.name, array.shape, lambda array=array: array)
        for name, array in arrays.items()
    }


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    arrays = {
        np.dtype(dtype).name: rng.integers(0, 100, (3, 5)).astype(dtype)
        for dtype in (
            *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32"),
            *("uint64", "int64", "float16", "float32", "float64"),
            ml_dtypes.bfloat16,
        )
    }
    strided = np.arange(12, dtype="float32").reshape(3, 4).T
    return {**arrays, "empty": np.zeros((0, 4)), "scalar": np.array(3.5), "s": strided}


def read_all(folder):
    with TensorFiles(LocalFolder(folder), NAME) as tensors:
        shapes = dict(tensors.shapes())
        return shapes, {name: tensors.read(name) for name in shapes}


def assert_equal(received, expected):
    assert set(received) == set(expected)
    for name, array in expected.items():
        assert received[name].dtype == array.dtype
        np.testing.assert_array_equal(received[name], array)


@pytest.mark.parametrize("limit", [None, 40, 10**6])
def test_what_was_written_is_read(tmp_path, arrays, limit):
    write_tensors(tmp_path, NAME, as_tensors(arrays), max_shard_bytes=limit)
    shapes, received = read_all(tmp_path)
    assert shapes == {name: array.shape for name, array in arrays.items()}
    assert_equal(received, arrays)
    assert (tmp_path / NAME).exists() == (limit != 40)
    seen = {}
    for path in tmp_path.glob("*.safetensors"):
        seen |= load_file(path)
    assert_equal(seen, arrays)


def test_what_the_package_wrote_is_read(tmp_path, arrays):
    ordered = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    ordered["scalar"] = arrays["scalar"]
    save_file(ordered, tmp_path / NAME, metadata={"format": "np"})
    assert_equal(read_all(tmp_path)[1], arrays)


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_8_bit_floats(tmp_path, dtype):  # the package writes but does not read them
    expected = {"a": np.arange(6).astype(getattr(ml_dtypes, dtype))}
    write_tensors(tmp_path, NAME, as_tensors(expected))
    assert_equal(read_all(tmp_path)[1], expected)


def test_an_index_names_files_of_the_preset(tmp_path):
    index = {"weight_map": {"a": "../secret.safetensors"}}
    (tmp_path / f"{NAME}.index.json").write_text(json.dumps(index))
    with pytest.raises(PresetCorruptError, match="to hold '../secret.safetensors'"):
        read_all(tmp_path)


def header(entries, data=b"\0" * 16):
    text = json.dumps(entries).encode() if isinstance(entries, dict) else entries
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(4,), offsets=(0, 16)):
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


BROKEN = {
    "empty file": b"",
    "short length": b"\x10\0\0",
    "no header": (100).to_bytes(8, "little"),
    "header of an exabyte": (2**60).to_bytes(8, "little") + b"{}",
    "no JSON": header(b"hello"),
    "no object": header(b"[]"),
    "not UTF-8": header(b'{"\xff": 1}'),
    "no offsets": header(b'{"a": {"dtype": "F32", "shape": [4]}}'),
    "a type of its own": header(entry(dtype="F1")),
    "negative shape": header(entry(shape=(-4,))),
    "offsets beyond the end": header(entry(offsets=(0, 17))),
    "offsets backwards": header(entry(offsets=(16, 0))),
    "shape and offsets differ": header(entry(shape=(5,))),
    "shape overflows": header(entry(shape=(2**62, 2**62))),
    "a hole": header(entry(offsets=(8, 24), shape=(4,)), b"\0" * 24),
    "bytes behind": header(entry(), b"\0" * 20),
    "twice the same bytes": header(
        {**entry(), "b": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
    ),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_broken_files(tmp_path, content):
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(PresetCorruptError, match=f"safetensors file '{NAME}'"):
        read_all(tmp_path)


def test_a_tensor_in_two_shards(tmp_path):
    save_file({"a": np.zeros(2)}, tmp_path / "x-1.safetensors")
    save_file({"a": np.ones(2), "b": np.ones(2)}, tmp_path / "x-2.safetensors")
    index = {"weight_map": {"a": "x-1.safetensors", "b": "x-2.safetensors"}}
    (tmp_path / "x.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(PresetCorruptError, match=r"\['a'\] are in two"):
        with TensorFiles(LocalFolder(tmp_path), "x.safetensors"):
            pass


def test_one_file_and_shards_beside_it(tmp_path):
    for name in ("x", "x-1"):
        save_file({"a": np.zeros(2)}, tmp_path / f"{name}.safetensors")
    index = tmp_path / "x.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "x-1.safetensors"}}')
    with pytest.raises(PresetCorruptError, match="both are there.*Remove the older"):
        TensorFiles(LocalFolder(tmp_path), "x.safetensors")
    index.write_text('{"weight_map": {"a": "x.safetensors"}}')  # some have that
    with TensorFiles(LocalFolder(tmp_path), "x.safetensors") as tensors:
        assert tensors.shapes() == {"a": (2,)}


def test_half_a_million_tensors(tmp_path):
    one = '"t%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    entries = ",".join(one % i for i in range(500_000)).encode()
    (tmp_path / NAME).write_bytes(header(b"{" + entries + b"}", b""))
    tracemalloc.start()
    try:
        with pytest.raises(PresetCorruptError, match="its header has"):
            read_all(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("code", ["C64", "F4", "F6_E2M3", "F8_E8M0"])
def test_types_that_no_weight_has(tmp_path, code):
    width = {"C64": 8, "F4": 0.5, "F6_E2M3": 0.75, "F8_E8M0": 1}[code]
    end = int(8 * width)
    content = header(entry(code, (8,), (0, end)), bytes(end))
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(PresetCorruptError, match=code):
        read_all(tmp_path)


def test_files_cut_anywhere(tmp_path):
    write_tensors(tmp_path, NAME, as_tensors({"a": np.ones((7, 9), "float32")}))
    content = (tmp_path / NAME).read_bytes()
    for length in np.linspace(0, len(content) - 1, 20).astype(int):
        (tmp_path / NAME).write_bytes(content[:length])
        with pytest.raises(PresetCorruptError, match="safetensors file"):
            read_all(tmp_path)


def test_a_reader_that_gives_something_else(tmp_path):
    tensors = {"a": Tensor("float32", (3,), lambda: np.ones(4, "float32"))}
    with pytest.raises(ValueError, match=r"'a' to be float32 of shape \(3,\)"):
        write_tensors(tmp_path, NAME, tensors)
