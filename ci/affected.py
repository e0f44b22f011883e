"""Prints the test files that a change can affect, one per line.

    python ci/affected.py origin/main

A test is affected if it, or a module that it uses, has changed. Uses are read from the
source: imports, and names such as `keras_nlp.models.BertBackbone`, which are followed
to the module that defines them, because a package's `__init__` imports all of it. Where
a package is used as a whole, all of it counts; so it does where an `__init__` registers
something. A change of what all tests share affects them all, prose affects none.
"""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {
    "domain_core": "packages/domain_core/src",
    "keras_cv": "packages/kerascv/src",
    "keras_nlp": "packages/kerasnlp/src",
}
AFFECT_NOTHING = ("benchmarks/", "docs/", "examples/", "tools/", "packages/", "ci/")


def main() -> None:
    """Prints the test files below `packages` that have to run."""
    print("\n".join(tests_changed_since(sys.argv[1])))


def tests_changed_since(commit: str) -> list[str]:
    """Returns the test files affected by all changes since the branch left a commit."""
    command = ["git", "diff", "--name-only", "--merge-base", commit]
    output = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    new = ["git", "ls-files", "--others", "--exclude-standard"]
    output += subprocess.run(
        new, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return affected_tests(output.splitlines(), Modules.read(ROOT))


class Modules:
    """The modules of the packages and what each of them uses.

    Args:
        paths: file by dotted name; that of a package is its `__init__.py`.
        root: folder that the files are in.
    """

    def __init__(self, paths: dict[str, str], root: Path) -> None:
        self.paths = paths
        self._trees = {
            name: ast.parse((root / path).read_text(encoding="utf-8"))
            for name, path in paths.items()
        }

    @classmethod
    def read(cls, root: Path) -> "Modules":
        """Reads all files below the packages' source folders."""
        paths = {}
        for package, source in SOURCES.items():
            for path in sorted((root / source / package).rglob("*.py")):
                parts = path.relative_to(root / source).with_suffix("").parts
                name = ".".join(p for p in parts if p != "__init__")
                paths[name] = path.relative_to(root).as_posix()
        return cls(paths, root)

    def users_of(self, changed: set[str]) -> set[str]:
        """Returns modules that use changed ones, directly or not, and these."""
        users: dict[str, set[str]] = {}
        for name in self.paths:
            for used in self.uses(name):
                users.setdefault(used, set()).add(name)
        found, new = set(changed), list(changed)
        while new:
            more = users.get(new.pop(), set()) - found
            found |= more
            new += more
        return found

    def uses(self, name: str) -> set[str]:
        """Returns the modules that a module needs."""
        found: set[str] = set()
        for dotted in self._names_used(name):
            found |= self._needed_for(dotted)
        if self.paths[name].endswith("conftest.py"):
            return found
        # Fixtures of the folders above.
        folder = name
        while "." in folder:
            folder = folder.rpartition(".")[0]
            if f"{folder}.conftest" in self.paths:
                found.add(f"{folder}.conftest")
        return found - {name}

    def _names_used(self, module: str) -> Iterator[str]:
        """Yields dotted names from a package on, `a.b` or `a.b.Name`."""
        tree = self._trees[module]
        is_package = self.paths[module].endswith("__init__.py")
        if is_package and not _registers(tree):
            return  # who uses a name of it is led to where that comes from
        # Packages by the name that the module has for them.
        packages: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imported = [(alias.asname, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported = [
                    (alias.asname or alias.name, f"{node.module}.{alias.name}")
                    for alias in node.names
                ]
            elif isinstance(node, ast.Constant) and _is_dotted(node.value):
                # Of `monkeypatch`, for example; that of a package is a mere name.
                imported = [] if self._is_package(node.value) else [(None, node.value)]
            else:
                continue
            for local, name in imported:
                if self._is_package(name) and (local or "." not in name):
                    packages[local or name] = name
                else:
                    yield name
        yield from _attributes(tree, packages)

    def _is_package(self, name: str) -> bool:
        return self.paths.get(name, "").endswith("__init__.py")

    def _needed_for(self, dotted: str) -> set[str]:
        """Returns the modules behind a dotted name, and registering ones on the way."""
        if dotted.partition(".")[0] not in SOURCES:
            return set()
        if self._is_package(dotted):  # as a whole
            return {m for m in self.paths if f"{m}.".startswith(f"{dotted}.")}
        found: set[str] = set()
        module, rest = dotted, []
        while module not in self.paths:
            module, _, last = module.rpartition(".")
            if not module:
                return found
            rest.insert(0, last)
        package = module
        while package:
            if package in self.paths and _registers(self._trees[package]):
                found.add(package)
            package = package.rpartition(".")[0]
        found.add(module)
        if not rest:
            return found
        origin = self._exports(module).get(rest[0])
        if origin is not None and origin != f"{module}.{rest[0]}":
            found |= self._needed_for(".".join([origin, *rest[1:]]))
        return found

    @functools.cache  # noqa: B019
    def _exports(self, module: str) -> dict[str, str]:
        """Returns where the names come from that a module imports at its top."""
        found = {}
        for node in self._trees[module].body:
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    origin = f"{node.module}.{alias.name}"
                    if alias.name != "*":
                        found[alias.asname or alias.name] = origin
                    elif node.module in self.paths:
                        names = _defined(self._trees[node.module])
                        own = self._exports(node.module)
                        found |= {n: own.get(n, f"{node.module}.{n}") for n in names}
        return found


def affected_tests(paths: list[str], modules: Modules) -> list[str]:
    """Returns the test files affected by changes of these files."""
    names = {path: name for name, path in modules.paths.items()}
    everything = sorted(p for p in modules.paths.values() if p.endswith("_test.py"))
    changed = set()
    for path in paths:
        if path.endswith(".md"):
            continue
        if path in names:
            changed.add(names[path])
        elif "/src/" in path or not path.startswith(AFFECT_NOTHING):
            return everything  # a module that is gone, data, or what all share
    users = modules.users_of(changed)
    return sorted(
        modules.paths[m] for m in users if modules.paths[m].endswith("_test.py")
    )


def _registers(tree: ast.Module) -> bool:
    """Whether importing a module does more than to define names."""
    return any(
        isinstance(node, ast.Call)
        and getattr(node.func, "id", "").startswith("register_")
        for node in ast.walk(tree)
    )


def _is_dotted(value: object) -> bool:
    """Whether a constant may be the name of something in a package."""
    parts = value.split(".") if isinstance(value, str) else []
    return len(parts) > 1 and parts[0] in SOURCES and all(map(str.isidentifier, parts))


def _attributes(tree: ast.Module, packages: dict[str, str]) -> Iterator[str]:
    """Yields the longest chains of attributes that begin at one of these names."""
    inner = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in inner:
            chain, owner = [], node
            while isinstance(owner, ast.Attribute):
                chain.insert(0, owner.attr)
                owner = owner.value
                inner.add(id(owner))
            if isinstance(owner, ast.Name) and owner.id in packages:
                yield ".".join([packages[owner.id], *chain])


def _defined(tree: ast.Module) -> list[str]:
    """Returns what `from module import *` brings."""
    names = []
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if getattr(target, "id", "") == "__all__":
                    return list(ast.literal_eval(node.value))
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.append(node.name)
    return [name for name in names if not name.startswith("_")]


if __name__ == "__main__":
    main()
