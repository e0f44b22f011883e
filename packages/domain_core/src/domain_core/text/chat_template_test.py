import pytest

from domain_core.text.chat_template import (
    MAX_BYTES,
    as_chat_template,
    chat_template_config,
)


def test_templates():
    for value in (None, "", "{{ x }}", {"default": "a", "rag": "b"}, {"rag": "b"}):
        assert as_chat_template(value) == value
    assert as_chat_template({"default": "a"}) == "a"
    assert as_chat_template("é" * (MAX_BYTES // 2))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "received 3"),
        ([], "received"),
        ({}, "received"),
        ({"a": None}, "received"),
        ({1: "a"}, "received"),
        (b"a", "received"),
        ("\ud800", "valid Unicode"),
        ("x" * (MAX_BYTES + 1), "at most 131072 bytes"),
        ({"default": "x" * MAX_BYTES, "rag": "y"}, "at most 131072 bytes"),
    ],
    ids=range(9),
)
def test_what_is_none(value, message):
    with pytest.raises(ValueError, match=message) as error:
        as_chat_template(value)
    assert len(str(error.value)) < 500


def test_configs():
    assert chat_template_config(None) == {}
    assert chat_template_config("a") == {"chat_template": "a"}
