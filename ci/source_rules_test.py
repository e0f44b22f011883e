"""Rules for the source that no linter knows, read from the syntax trees."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"domain_core", "keras_cv", "keras_nlp"}

# Asking which backend is active is the job of a few places; everything else is
# written once for all backends. A folder stands for all files in it.
MAY_ASK_FOR_THE_BACKEND = (
    "packages/domain_core/src/domain_core/cli/doctor.py",
    "packages/domain_core/src/domain_core/images/",
    "packages/domain_core/src/domain_core/ops/",
    "packages/domain_core/src/domain_core/pipeline/",
    "packages/domain_core/src/domain_core/testing/",
    "packages/domain_core/src/domain_core/tf_module.py",
    "packages/kerascv/src/keras_cv/augmentation/",
    "packages/kerascv/src/keras_cv/models/export_formats.py",
    "packages/kerasnlp/src/keras_nlp/generation/",
)

# Loading a preset never runs code, so nothing that could run it is used at all.
FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "torch.load",
    "yaml.load",
    "yaml.unsafe_load",
    "joblib.load",
    "keras.config.enable_unsafe_deserialization",
}
FORBIDDEN_MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
# Implementations that ours is compared with, in tests.
PEERS = {
    *("keras_hub", "rouge_score", "sacrebleu", "sentence_transformers", "tiktoken"),
    *("timm", "torchvision", "transformers"),
}

# All else is imported inside the function that needs it, so that a user who never
# calls it need not wait for it or have it.
IMPORTED_AT_THE_TOP = set(sys.stdlib_module_names) | OURS | {"keras", "numpy"}
ALSO_AT_THE_TOP = {
    "packages/domain_core/src/domain_core/testing/": {"pytest"},
    "packages/kerascv/src/keras_cv/testing/": {"pytest"},
}


def python_files(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


ALL = [
    path
    for path in python_files("*.py", "*/**/*.py")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
]
LIBRARY = [
    path
    for path in python_files("packages/*/src/**/*.py")
    if not path.name.endswith("_test.py") and path.name != "conftest.py"
]

WITHOUT_CONTRACTS = [path for path in LIBRARY if "testing" not in path.parts]


def dotted(node: ast.AST) -> str:
    """Returns `a.b.c` for such an expression, and an empty string for others."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := dotted(node.value)):
        return f"{owner}.{node.attr}"
    return ""


def imported_modules(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    """Yields the dotted names that a tree imports, `from a import b` as `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


def unsafe(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for name, node in imported_modules(tree):
        if name.partition(".")[0] in FORBIDDEN_MODULES:
            yield f"imports {name}", node.lineno
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        if name in FORBIDDEN_CALLS:
            yield f"calls {name}", node.lineno
        for keyword in node.keywords:
            is_on = getattr(keyword.value, "value", None) is not False
            if keyword.arg == "allow_pickle" and is_on:
                yield "allows pickle", node.lineno
            if keyword.arg == "safe_mode" and not is_on:
                yield "turns safe mode off", node.lineno


def private_keras(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for name, node in imported_modules(tree):
        if f"{name}.".startswith("keras.src."):
            yield f"imports {name}", node.lineno
    for node in ast.walk(tree):
        if dotted(node) == "keras.src":
            yield "uses keras.src", node.lineno


def backend_questions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    asks = {"keras.backend.backend", "keras.config.backend"}
    for name, node in imported_modules(tree):
        if name in asks:
            yield f"imports {name}", node.lineno
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in asks:
            yield f"calls {dotted(node.func)}", node.lineno


def peers(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for name, node in imported_modules(tree):
        if name.partition(".")[0] in PEERS:
            yield f"imports {name}", node.lineno


def early_imports(tree: ast.Module, allowed: set[str]) -> Iterator[tuple[str, int]]:
    for statement in run_at_import(tree):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for name, node in imported_modules(statement):
                if name.partition(".")[0] not in allowed:
                    yield f"imports {name} at the top", node.lineno


def run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yields the nodes below one that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and is_answered(child.test):
            continue
        yield child
        yield from run_at_import(child)


def is_answered(test: ast.expr) -> bool:
    """Returns whether what stands below an `if` needs nothing that isn't there.

    Below `TYPE_CHECKING` nothing runs; below a question for the active backend that
    backend has been imported by Keras.
    """
    calls = {dotted(node.func) for node in ast.walk(test) if isinstance(node, ast.Call)}
    return dotted(test).endswith("TYPE_CHECKING") or "keras.config.backend" in calls


def broken(files: list[Path], rule) -> str:
    """Returns a line for each place in the files that breaks a rule."""
    return "\n".join(
        f"{path.relative_to(ROOT)}:{line} {what}"
        for path in files
        for what, line in rule(ast.parse(path.read_text(encoding="utf-8"), str(path)))
    )


def test_library_never_runs_code_from_data():
    # Contracts pickle tokenizers, to see that loaders can.
    assert not broken(WITHOUT_CONTRACTS, unsafe)


def test_nobody_uses_private_keras():
    assert not broken(ALL, private_keras)


def test_library_does_not_import_peers():
    # What families are compared with runs in a process of its own.
    files = [path for path in LIBRARY if "testing" not in path.parts]
    assert not broken(files, peers)


def test_only_a_few_places_ask_for_the_backend():
    files = [
        path
        for path in LIBRARY
        if not path.relative_to(ROOT).as_posix().startswith(MAY_ASK_FOR_THE_BACKEND)
    ]
    assert not broken(files, backend_questions)


def test_library_imports_the_rest_where_it_is_used():
    found = []
    for path in LIBRARY:
        allowed = set(IMPORTED_AT_THE_TOP)
        for folder, names in ALSO_AT_THE_TOP.items():
            if path.relative_to(ROOT).as_posix().startswith(folder):
                allowed |= names
        found.append(broken([path], lambda tree, a=allowed: early_imports(tree, a)))
    assert not "\n".join(filter(None, found))


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (unsafe, "import pickle"),
        (unsafe, "from marshal import loads"),
        (unsafe, "eval('1')"),
        (unsafe, "import torch\ntorch.load('x')"),
        (unsafe, "np.load('x', allow_pickle=True)"),
        (unsafe, "np.load('x', allow_pickle=flag)"),
        (unsafe, "keras.saving.load_model('x', safe_mode=False)"),
        (private_keras, "from keras.src import ops"),
        (private_keras, "import keras.src.backend"),
        (private_keras, "from keras import src"),
        (private_keras, "keras.src.layers"),
        (backend_questions, "keras.backend.backend() == 'jax'"),
        (backend_questions, "from keras.config import backend"),
        (peers, "def f():\n    import transformers"),
        (
            lambda tree: early_imports(tree, {"keras"}),
            "try:\n  import h5py\nfinally: 0",
        ),
        (lambda tree: early_imports(tree, {"keras"}), "class A:\n  import h5py"),
        (lambda tree: early_imports(tree, {"keras"}), "if fast:\n  import torch"),
    ],
)
def test_rules_notice(rule, code):
    assert list(rule(ast.parse(code)))


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (unsafe, "np.load('x', allow_pickle=False)\nmodel.eval()\nre.compile('x')"),
        (private_keras, "import keras\nkeras.ops.add(1, 2)"),
        (backend_questions, "keras.backend.floatx()\nself.backend()"),
        (lambda tree: early_imports(tree, {"keras"}), "def f():\n  import h5py"),
        (
            lambda tree: early_imports(tree, {"typing"}),
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import torch",
        ),
        (
            lambda tree: early_imports(tree, {"keras"}),
            "if keras.config.backend() == 'torch':\n  import torch",
        ),
    ],
)
def test_rules_let_pass(rule, code):
    assert not list(rule(ast.parse(code)))
