"""Code written for upstream runs unchanged: same arguments, same order and defaults.

Each package checks in a table of upstream's signatures, upstream_signatures.json.
Arguments that are new here come after upstream's and have defaults.
"""

import ast
import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"keras_cv": "kerascv", "keras_nlp": "kerasnlp"}
REQUIRED = "no default"
# Other defaults that do the same. None loads weights where a preset has some: all of
# KerasNLP's have, for which upstream says True.
EQUIVALENT = {"load_weights": (True, None)}


def table(package):
    """Returns upstream's signatures by dotted name, as text."""
    file = ROOT / "packages" / PACKAGES[package] / "upstream_signatures.json"
    return json.loads(file.read_text())["signatures"] if file.is_file() else {}


@functools.cache
def report(package):
    """Returns the process, run once, that prints our signatures of the same names."""
    return subprocess.run(
        [sys.executable, "-m", "ci.api_report", package, *table(package)],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )


def parse(signature):
    """Returns (name, default) of the arguments, those before and those after a `*`."""
    [function] = ast.parse(f"def function{signature}: ...").body
    arguments = function.args
    missing = [REQUIRED] * (len(arguments.args) - len(arguments.defaults))
    defaults = missing + [literal(ast.unparse(node)) for node in arguments.defaults]
    positional = [
        (argument.arg, default)
        for argument, default in zip(arguments.args, defaults, strict=True)
    ]
    keyword_only = [
        (argument.arg, literal(node and ast.unparse(node)))
        for argument, node in zip(
            arguments.kwonlyargs, arguments.kw_defaults, strict=True
        )
    ]
    return positional, keyword_only


def literal(text):
    """Returns the value of a default, a list as a tuple; other defaults as text."""
    if text is None:
        return REQUIRED
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return tuple(value) if isinstance(value, list) else value


def same(name, ours, theirs):
    """Returns whether code that relies on their default, if any, may on ours."""
    allowed = EQUIVALENT.get(name, ())
    return (
        theirs is REQUIRED or ours == theirs or (ours in allowed and theirs in allowed)
    )


def differences(theirs, ours):
    """Yields how a call that upstream accepts could go wrong with our signature."""
    positional, keyword_only = parse(theirs)
    by_position = [
        argument for argument in ours if argument["kind"] == "POSITIONAL_OR_KEYWORD"
    ]
    by_name = {argument["name"]: argument for argument in ours}
    for place, (name, default) in enumerate(positional):
        if place >= len(by_position) or by_position[place]["name"] != name:
            got = by_position[place]["name"] if place < len(by_position) else "nothing"
            yield f"argument {place + 1} is `{name}` upstream, {got} here"
        elif not same(name, got := literal(by_position[place]["default"]), default):
            yield f"default of `{name}` is {default!r} upstream, {got!r} here"
    for name, default in keyword_only:
        if name not in by_name:
            yield f"keyword `{name}` is missing"
        elif not same(name, got := literal(by_name[name]["default"]), default):
            yield f"default of `{name}` is {default!r} upstream, {got!r} here"
    known = {name for name, _ in positional + keyword_only}
    for argument in ours:
        is_new = argument["name"] not in known and "VAR" not in argument["kind"]
        if is_new and argument["default"] is None:
            yield f"new argument `{argument['name']}` has no default"


@pytest.mark.parametrize(
    ("package", "name"),
    [(package, name) for package in PACKAGES for name in table(package)],
)
def test_signature(package, name):
    process = report(package)
    assert process.returncode == 0, process.stderr
    ours = json.loads(process.stdout)["signatures"][name]
    assert ours is not None, f"{name} is missing"
    found = list(differences(table(package)[name], ours))
    assert not found, "\n".join([f"{name}{table(package)[name]}", *found])


def described(signature):
    """Returns a signature in the form in which ci/api_report.py gives ours."""
    positional, keyword_only = parse(signature)
    return [
        {"name": name, "kind": kind, "default": None if d is REQUIRED else repr(d)}
        for kind, arguments in [
            ("POSITIONAL_OR_KEYWORD", positional),
            ("KEYWORD_ONLY", keyword_only),
        ]
        for name, d in arguments
    ]


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        ("(a, b=1)", "(a, b=1)", 0),
        ("(a, b=[0])", "(a, b=(0,))", 0),
        ("(a, b)", "(a, b=1)", 0),
        ("(a, b=1)", "(a, b=1, c=2, *, d=3)", 0),
        ("(a, *, b=1)", "(a, b=1)", 0),
        ("(a, b=1)", "(b=1, a=2)", 2),
        ("(a, b=1)", "(a, b=2)", 1),
        ("(a, b=None)", "(a, b)", 1),
        ("(a, b=1)", "(a, *, b=1)", 1),
        ("(a)", "(a, c)", 1),
        ("(a, *, b=1)", "(a)", 1),
    ],
)
def test_differences_are_noticed(theirs, ours, expected):
    assert len(list(differences(theirs, described(ours)))) == expected
