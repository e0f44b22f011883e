"""Builds the packages and tries them the way a user gets them.

    python ci/smoke_wheels.py              built, looked into, imported from where they
                                           were installed without what they depend on
    python ci/smoke_wheels.py --install    and from clean environments; takes minutes

Three wheels and three sdists are built, each wheel from its sdist. The clean virtual
environments have no TensorFlow:

1. `pip install kerasnlp` with JAX, and the example of its README;
2. `pip install kerascv` with PyTorch, and the example of its README;
3. the second leaf into the first environment, and ci/integration.py with the oldest
   and the newest core that the leaves allow.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path

from check_release import core_requirement, version_of

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"domain-core": "domain_core", "kerascv": "kerascv", "kerasnlp": "kerasnlp"}
ABSENT = ("tensorflow", "tensorflow_text", "transformers", "keras_hub", "pytest")
# The backends of hatch.toml: what works here has been tested there.
BACKENDS = {"jax": "jax==0.10.2", "torch": "torch==2.13.0"}
EXAMPLE = re.compile(r"<!-- smoke -->\s*```python\n(.*?)```", re.DOTALL)


def main() -> None:
    """Builds, installs and runs; raises at the first thing that does not work."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--install", action="store_true", help="in clean environments")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="smoke-") as folder:
        work = Path(folder)
        wheels = work / "wheels"
        for package in FOLDERS:
            with step(f"build {package}"):
                build(ROOT / "packages" / FOLDERS[package], wheels)
        check_contents(wheels)
        with step("install without dependencies, import both leaves"):
            try_wheels_alone(work, wheels)
        if not options.install:
            return

        text = try_leaf(work, wheels, "kerasnlp", "keras_nlp", "jax")
        try_leaf(work, wheels, "kerascv", "keras_cv", "torch")

        with step("install kerascv beside kerasnlp"):
            install(text, wheels, "kerasnlp", "kerascv")
        for label, core in oldest_and_newest_core(work, wheels):
            with step(f"both leaves with the {label} core"):
                if core is not None:
                    install(text, wheels, "--no-deps", "--force-reinstall", str(core))
                run(text, "jax", str(ROOT / "ci" / "integration.py"), cwd=work)


class step:
    """Prints what is done and how long it took."""

    def __init__(self, text: str):
        self.text = text

    def __enter__(self) -> None:
        print(f"{self.text} ... ", end="", flush=True)
        self.start = time.perf_counter()

    def __exit__(self, kind: type | None, *_: object) -> None:
        seconds = time.perf_counter() - self.start
        print("failed" if kind else f"{seconds:.1f} s", flush=True)


def build(folder: Path, wheels: Path) -> None:
    """Builds the sdist of a package, and the wheel from the sdist."""
    # hatchling is installed here, in a known version: no need to download it again.
    command = [sys.executable, "-m", "build", "--no-isolation", f"--outdir={wheels}"]
    check(subprocess.run([*command, str(folder)], capture_output=True, text=True))


def check_contents(wheels: Path) -> None:
    """Raises if a wheel carries tests, or lacks its licence or the mark of types."""
    built = sorted(wheels.glob("*.whl"))
    if len(built) != 3 or len(list(wheels.glob("*.tar.gz"))) != 3:
        raise SystemExit(f"expected 3 wheels and 3 sdists, got {os.listdir(wheels)}")
    for wheel in built:
        names = zipfile.ZipFile(wheel).namelist()
        tests = [name for name in names if re.search(r"(_test|conftest)\.py$", name)]
        if tests:
            raise SystemExit(f"{wheel.name} carries tests: {tests}")
        for needed in ("py.typed", "_version.py", "LICENSE"):
            if not any(name.endswith(f"/{needed}") for name in names):
                raise SystemExit(f"{wheel.name} lacks {needed}")


def try_wheels_alone(work: Path, wheels: Path) -> None:
    """Imports the wheels beside what is installed where this script runs."""
    target = work / "alone"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    command += ["--no-deps", "--no-index", f"--target={target}"]
    check(
        subprocess.run(
            [*command, *map(str, sorted(wheels.glob("*.whl")))],
            capture_output=True,
            text=True,
        )
    )
    for package, module in (("kerasnlp", "keras_nlp"), ("kerascv", "keras_cv")):
        code = f"import {module}; print({module}.__file__, {module}.__version__)"
        process = subprocess.run(
            [sys.executable, "-c", code],
            cwd=work,
            env=os.environ | {"PYTHONPATH": str(target), "KERAS_BACKEND": "torch"},
            capture_output=True,
            text=True,
        )
        file, version = check(process).split()
        if not Path(file).is_relative_to(target):
            raise SystemExit(f"{module} comes from {file}, not from the wheel")
        if version != version_of(package):
            raise SystemExit(f"{module} says {version}, not {version_of(package)}")


def try_leaf(work: Path, wheels: Path, package: str, module: str, backend: str) -> Path:
    """Installs one leaf and a backend in a clean environment and runs its example."""
    environment = work / f"{package}-{backend}"
    with step(f"install {package} and {backend} alone"):
        # Without pip: the one that runs this script installs from the outside.
        venv.create(environment, with_pip=False)
        install(environment, wheels, package, BACKENDS[backend])
    with step(f"import {module}, run the example of its README"):
        code = f"""
            import importlib.util, json, {module}
            found = [name for name in {ABSENT!r} if importlib.util.find_spec(name)]
            print(json.dumps([found, {module}.__file__, {module}.__version__]))
        """
        lines = "\n".join(line.strip() for line in code.strip().splitlines())
        output = run(environment, backend, "-c", lines, cwd=work)
        found, file, version = json.loads(output.splitlines()[-1])
        if found:
            raise SystemExit(f"{package} brings in {found}")
        if not Path(file).resolve().is_relative_to(environment.resolve()):
            raise SystemExit(f"{module} comes from {file}, not from the wheel")
        if version != version_of(package):
            raise SystemExit(f"{module} says {version}, not {version_of(package)}")
        readme = ROOT / "packages" / FOLDERS[package] / "README.md"
        examples = EXAMPLE.findall(readme.read_text(encoding="utf-8"))
        if not examples:
            raise SystemExit(f"{readme} has no example marked <!-- smoke -->")
        for example in examples:
            run(environment, backend, "-c", example, cwd=work)
    return environment


def oldest_and_newest_core(work: Path, wheels: Path) -> list[tuple[str, Path | None]]:
    """Returns labels and wheels of the cores to try, None for the one installed.

    The oldest core is the first release that all leaves allow, built from its tag.
    As long as there is no tag it is the newest one, which is here.
    """
    newest = version_of("domain-core")
    tags = subprocess.run(
        ["git", "tag", "--list", "domain-core-v*", "--sort=version:refname"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    releases = [tag for tag in tags if allowed(tag.removeprefix("domain-core-v"))]
    if not releases or releases[0] == f"domain-core-v{newest}":
        print(f"the oldest core allowed is the newest one, {newest}")
        return [("only", None)]
    source = work / "oldest"
    source.mkdir()
    archive = subprocess.run(
        ["git", "archive", releases[0], "packages/domain_core"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive, check=True)
    build(source / "packages" / "domain_core", work / "oldest-wheels")
    [oldest] = (work / "oldest-wheels").glob("*.whl")
    [here] = wheels.glob(f"domain_core-{newest}-*.whl")
    return [(f"oldest ({releases[0]})", oldest), (f"newest ({newest})", here)]


def allowed(core: str) -> bool:
    """Returns whether both leaves can be installed with this version of the core."""
    return all(
        core_requirement(leaf).specifier.contains(core)
        for leaf in ("kerascv", "kerasnlp")
    )


def install(environment: Path, wheels: Path, *arguments: str) -> None:
    """Installs into an environment with the pip that runs here."""
    command = [sys.executable, "-m", "pip", "--python", str(python(environment))]
    # Compiling 20,000 files takes longer than running the few that are imported.
    command += ["install", "--quiet", "--no-compile", f"--find-links={wheels}"]
    check(subprocess.run([*command, *arguments], capture_output=True, text=True))


def run(environment: Path, backend: str, *arguments: str, cwd: Path) -> str:
    """Runs Python in an environment, warnings as errors for what is ours."""
    settings = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    settings.pop("PYTHONPATH", None)
    command = [str(python(environment)), *arguments]
    process = subprocess.run(
        command, cwd=cwd, env=settings, capture_output=True, text=True
    )
    return check(process)


def python(environment: Path) -> Path:
    """Returns the interpreter of a virtual environment."""
    windows = environment / "Scripts" / "python.exe"
    return windows if windows.exists() else environment / "bin" / "python"


def check(process: subprocess.CompletedProcess) -> str:
    """Returns what a process has printed; prints it and exits if it failed."""
    if process.returncode:
        print(process.stdout, process.stderr, sep="\n", file=sys.stderr)
        raise SystemExit(f"failed: {' '.join(map(str, process.args))}")
    return process.stdout


if __name__ == "__main__":
    main()
