import numpy as np
import pytest

from domain_core.text.training_texts import training_texts


def test_files(tmp_path):
    (tmp_path / "a.txt").write_bytes("one\r\né".encode("utf-8-sig"))
    (tmp_path / "b.txt").write_text("")
    paths = [str(tmp_path / "a.txt"), tmp_path / "b.txt"]
    assert list(training_texts(paths)) == ["one\r\né", ""]


def test_iterables_of_texts():
    assert list(training_texts(iter(["a", b"b", np.str_("c")]))) == ["a", "b", "c"]
    assert list(training_texts(np.array(["a", "é"]))) == ["a", "é"]
    assert list(training_texts(text for text in ())) == []


def test_datasets(tf):
    dataset = tf.data.Dataset.from_tensor_slices(["a", "é", "c"])
    assert list(training_texts(dataset)) == ["a", "é", "c"]
    assert list(training_texts(dataset.batch(2))) == ["a", "é", "c"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("text.txt", "Put a single path in a list"),
        (None, "received None"),
        ({"a": 1}, "Expected `data`"),
        (["no such file"], "no file 'no such file'.*iter"),
        (["x" * 5000], "no file 'xxx.*iter"),
        (["a\0b"], "no file"),
        ([3], "received 3 in it"),
        (iter([None]), "received None of type NoneType as element 0"),
        (iter(["a", 3]), "received 3 of type int as element 1"),
        (iter([b"\xff"]), "element 0 of `data` to be valid UTF-8"),
        (iter(["\ud800"]), "element 0 of `data` to be valid UTF-8"),
    ],
)
def test_what_is_no_text(data, message):
    with pytest.raises(ValueError, match=message):
        list(training_texts(data))


def test_a_file_in_another_encoding(tmp_path):
    (tmp_path / "a.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(ValueError, match=r"a.txt' of `data` to be valid UTF-8"):
        list(training_texts([tmp_path / "a.txt"]))
