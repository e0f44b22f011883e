"""HDF5 weights: written, read, and crafted to do harm."""

import json
import os
import textwrap
import tracemalloc

import h5py
import ml_dtypes
import numpy as np
import pytest

from domain_core.preset_errors import PresetCorruptError, PresetUnsafeError
from domain_core.presets.folder import LocalFolder
from domain_core.presets.keras import hdf5_files
from domain_core.presets.keras.hdf5_files import Hdf5Files, numbered, write_hdf5
from domain_core.testing.fresh_process import run_python
from domain_core.testing.many_processes import light_program
from domain_core.weights.tensor import Tensor

NAME = "model.weights.h5"
SECRET = b"nobody may read this"


def tensors(count=3, dtype="float32"):
    rng = np.random.default_rng(0)
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    arrays = {
        f"layers/dense_{i}/vars/{part}": rng.normal(size=shape).astype(kind)
        for i in range(count)
        for part, shape in enumerate([(4, 3), (3,)])
    }
    return arrays, {
        name: Tensor(dtype, array.shape, lambda array=array: array)
        for name, array in arrays.items()
    }


def contents(directory, name=NAME):
    with Hdf5Files(LocalFolder(directory), name) as files:
        return {key: files.read(key) for key in files.shapes()}


def check_equal(received, expected):
    assert sorted(received) == sorted(expected)
    for name, array in expected.items():
        assert received[name].dtype == array.dtype
        np.testing.assert_array_equal(received[name], array)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int32"])
@pytest.mark.parametrize("limit", [None, 60])
def test_round_trip(tmp_path, dtype, limit):
    arrays, lazy = tensors(dtype=dtype)
    write_hdf5(tmp_path, NAME, lazy, max_shard_bytes=limit)
    check_equal(contents(tmp_path), arrays)
    assert (tmp_path / NAME).is_file() == (limit is None)


def test_shards_beside_an_older_file(tmp_path):
    _, lazy = tensors()
    write_hdf5(tmp_path, NAME, lazy)
    write_hdf5(tmp_path, NAME, lazy, max_shard_bytes=60)
    with pytest.raises(PresetCorruptError, match="both are there.*Remove the older"):
        Hdf5Files(LocalFolder(tmp_path), NAME)


def test_a_value_that_is_not_finite(tmp_path):
    array = np.array([1, np.inf], "float32")
    with pytest.raises(ValueError, match="'x' holds NaN or infinity"):
        write_hdf5(tmp_path, NAME, {"x": Tensor.constant(array)})


@pytest.mark.skipif(os.name == "nt", reason="needs RLIMIT_FSIZE")
def test_a_full_disk_is_an_error_and_no_crash(tmp_path):
    program = """
        import resource, sys
        from pathlib import Path
        import numpy as np
        from domain_core.presets.keras.hdf5_files import write_hdf5
        from domain_core.weights.tensor import Tensor

        folder = Path(sys.argv[1])
        tensors = {f"x{i}": Tensor.constant(np.ones(100_000)) for i in range(4)}
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        for most in (10, 3_000, 1_000_000, 3_199_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
            try:
                write_hdf5(folder, "model.weights.h5", tensors)
            except OSError as error:
                print(error.strerror)
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        write_hdf5(folder, "model.weights.h5", tensors)
        print("written")
    """
    said = run_python(light_program(textwrap.dedent(program)), str(tmp_path))
    assert said.split("\n") == ["File too large"] * 4 + ["written", ""]
    assert contents(tmp_path).keys() == {"x0", "x1", "x2", "x3"}


def test_as_keras_names_them(tmp_path):
    _, lazy = tensors(count=2)
    write_hdf5(tmp_path, NAME, lazy)
    with h5py.File(tmp_path / NAME) as file:
        assert sorted(file["layers"]) == ["dense", "dense_1"]
    assert numbered("layers/a/layers/b_1/vars/0") == "layers/a_0/layers/b_1/vars/0"


def test_shards_are_listed(tmp_path):
    arrays, lazy = tensors()
    write_hdf5(tmp_path, NAME, lazy, max_shard_bytes=60)
    index = json.loads((tmp_path / "model.weights.json").read_text())
    assert index["metadata"]["total_size"] == sum(a.nbytes for a in arrays.values())
    assert list(index["weight_map"]) == [
        "/layers/dense/vars",
        "/layers/dense_1/vars",
        "/layers/dense_2/vars",
    ]
    for files in index["weight_map"].values():
        assert all((tmp_path / file).stat().st_size for file in files)


def test_a_tensor_in_two_shards(tmp_path):
    _, lazy = tensors()
    write_hdf5(tmp_path, NAME, lazy, max_shard_bytes=60)
    first = (tmp_path / "model_00000.weights.h5").read_bytes()
    (tmp_path / "model_00001.weights.h5").write_bytes(first)
    with pytest.raises(PresetCorruptError, match="are in two"):
        contents(tmp_path)


@pytest.mark.parametrize("shard", ["../model.weights.h5", "/etc/passwd", "gone.h5"])
def test_a_shard_outside_the_preset(tmp_path, shard):
    (tmp_path / "preset").mkdir()
    write_hdf5(tmp_path, NAME, tensors()[1])
    index = {"weight_map": {"/layers/dense/vars": shard}}
    (tmp_path / "preset" / "model.weights.json").write_text(json.dumps(index))
    with pytest.raises(PresetCorruptError, match="to hold"):
        contents(tmp_path / "preset")


def test_what_is_no_weight(tmp_path):
    with h5py.File(tmp_path / NAME, "w") as file:
        for name in (
            "layers/dense/vars/0",
            "optimizer/vars/0",
            "layers/dropout/seed_generator/vars/0",
            "layers/block/_drop/seed_generator_1/vars/0",
            "_layer_checkpoint_dependencies/dense/vars/0",
        ):
            file[name] = np.ones(2, "float32")
        file.create_group("preprocessor/vars")
        file["layers/dense/vars"].attrs["name"] = "logits"
    assert list(contents(tmp_path)) == ["layers/dense_0/vars/0"]


def test_another_order_of_bytes(tmp_path):
    with h5py.File(tmp_path / NAME, "w") as file:
        file["layers/dense/vars/0"] = np.array([1.5, 2], ">f4")
    array = contents(tmp_path)["layers/dense_0/vars/0"]
    assert array.dtype.isnative
    np.testing.assert_array_equal(array, [1.5, 2])


def soft_link(file, path):
    file["a"] = np.ones(2)
    file["b"] = h5py.SoftLink("/a")


def dangling_link(file, path):
    file["b"] = h5py.SoftLink("/nothing")


def external_link(file, path):
    with h5py.File(path.parent / "other.h5", "w") as other:
        other["a"] = np.ones(2)
    file["b"] = h5py.ExternalLink("other.h5", "/a")


def external_storage(file, path):
    secret = path.parent / "secret"
    secret.write_bytes(SECRET)
    file.create_dataset("b", (len(SECRET),), "uint8", external=str(secret))


def virtual_dataset(file, path):
    layout = h5py.VirtualLayout((2,), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "a", (2,))
    file.create_virtual_dataset("b", layout)


def strings(file, path):
    file.create_dataset("b", data=["a", "b"], dtype=h5py.string_dtype())


def references(file, path):
    file.create_dataset("b", (2,), h5py.ref_dtype)


def compound(file, path):
    file.create_dataset("b", (2,), np.dtype([("x", "f4"), ("y", "i4")]))


def bytes_of_unknown_meaning(file, path):
    file.create_dataset("b", data=np.zeros(2, "V2"))


def complex_numbers(file, path):
    file["b"] = np.ones(2, "complex64")


def truth_values(file, path):
    file["b"] = np.ones(2, bool)


def nothing(file, path):
    file["b"] = h5py.Empty("f4")


def named_type(file, path):
    file["b"] = np.dtype("f4")


def dataset_of_named_type(file, path):
    file["z"] = np.dtype("f4")
    file.create_dataset("b", data=np.ones(2), dtype=file["z"])
    del file["z"]


def two_names(file, path):
    file["a"] = np.ones(2)
    file["b"] = file["a"]


def circle(file, path):
    file.create_group("a/b")
    file["a/b/c"] = file["a"]


def shape_bomb(file, path):
    file.create_dataset("b", (2**31, 2**10), "float32")  # 8 TiB, none allocated


def chunk_bomb(file, path):
    zeros = np.zeros((64, 2**18), "float32")
    file.create_dataset("b", data=zeros, chunks=(1, 2**18), compression="gzip")


def unallocated_chunks(file, path):
    file.create_dataset("b", (2**12, 2**18), "float32", chunks=(1, 2**18))


def whole_model(file, path):
    file.attrs["model_config"] = '{"class_name": "Lambda"}'


@pytest.mark.parametrize(
    ("craft", "why"),
    [
        (soft_link, "'b' is a link"),
        (dangling_link, "'b' is a link"),
        (external_link, "'b' is a link"),
        (external_storage, "'b' has its data in another file"),
        (virtual_dataset, "'b' has its data in another file"),
        (strings, "'b' holds object"),
        (references, "'b' holds object"),
        (compound, "'b' holds .*not plain real numbers"),
        (bytes_of_unknown_meaning, "'b' holds"),
        (complex_numbers, "'b' holds complex64"),
        (truth_values, "'b' holds bool"),
        (nothing, "'b' holds float32"),
        (named_type, "'b' is neither"),
        (dataset_of_named_type, "'b' holds float32, not plain"),
        (two_names, "is a second name"),
        (circle, "'a/b/c' is a second name"),
        (shape_bomb, "'b' of shape .* has more than its bytes"),
        (unallocated_chunks, "'b' of shape .* has more than its bytes"),
        (chunk_bomb, "'b' is compressed"),
        (whole_model, "is a whole model"),
    ],
)
def test_more_than_numbers(tmp_path, craft, why):
    path = tmp_path / "preset" / NAME
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        craft(file, path)
    before = sorted(p.name for p in path.parent.iterdir())
    tracemalloc.start()
    try:
        with pytest.raises(PresetUnsafeError, match=why):
            contents(path.parent)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**20
    assert sorted(p.name for p in path.parent.iterdir()) == before


def test_too_many_objects(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5_files, "_MAX_OBJECTS", 20)
    with h5py.File(tmp_path / NAME, "w") as file:
        for i in range(30):
            file.create_group(f"group_{i}")
    with pytest.raises(PresetUnsafeError, match="more than 20 objects"):
        contents(tmp_path)


def test_damaged_files(tmp_path):
    path = tmp_path / NAME
    arrays, lazy = tensors()
    write_hdf5(tmp_path, NAME, lazy)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    cut = [whole[:n] for n in np.linspace(0, len(whole) - 1, 10).astype(int)]
    for data in (b"", b"PK\x03\x04" + whole, rng.bytes(4096), *cut):
        path.write_bytes(data)
        with pytest.raises(PresetCorruptError, match="Expected an HDF5 file 'model"):
            contents(tmp_path)
    path.write_bytes(whole)
    check_equal(contents(tmp_path), arrays)


def test_flipped_bytes_give_an_error_or_numbers(tmp_path):
    path = tmp_path / NAME
    arrays, lazy = tensors(count=1)
    write_hdf5(tmp_path, NAME, lazy)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    errors = 0
    for place in rng.integers(0, len(whole), 200):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            received = contents(tmp_path)
        except (PresetCorruptError, PresetUnsafeError):
            errors += 1
        else:
            assert all(a.nbytes <= len(whole) for a in received.values())
    assert errors
