"""What is installed beside us: packages that would overwrite ours, and leaves."""

import sys
from importlib import metadata

_OURS = {
    "kerasnlp": "keras_nlp",
    "kerascv": "keras_cv",
    "domain_core": "domain_core",
}


def forbid_upstream(distribution: str, ours: str) -> None:
    """Raises when upstream's distribution is installed beside ours.

    `keras-nlp` and `keras-cv` on PyPI write into the import folders that `kerasnlp`
    and `kerascv` use. With both installed a folder holds a mixture of the two, and
    uninstalling either removes files of the other; so nothing is imported then.

    Args:
        distribution: Upstream's name on PyPI, for example `"keras-nlp"`.
        ours: The name of our distribution with the same import folder, for example
            `"kerasnlp"`.

    Raises:
        ImportError: If the metadata of `distribution` is found on `sys.path`.
    """
    try:
        found = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return
    raise ImportError(
        f"`{distribution}` is installed in {found.locate_file('')}. It uses the same "
        f"import folder as `{ours}`, so only one of the two can be installed. To use "
        f"`{ours}`, run:\n\n"
        f"    pip uninstall -y {distribution}\n"
        f"    pip install --force-reinstall --no-deps {ours}\n"
    )


def packages_with_presets() -> list[str]:
    """Returns the import names of the installed packages that declare presets.

    They say so by an entry point of the group `domain_core.presets`, so that a message
    about an unknown preset can name what to import. Nothing is imported here.
    """
    return sorted(set(_declared().values()))


def import_name(package: str) -> str | None:
    """Returns what to import for classes that are registered under `package>Name`.

    None if neither we nor an installed package's entry point knows it.
    """
    return {**_OURS, **_declared()}.get(package)


def import_advice() -> str:
    """Says which installed packages with presets are not imported yet, "" if none."""
    names = [name for name in packages_with_presets() if name not in sys.modules]
    if not names:
        return ""
    imports = " and ".join(f"`import {name}`" for name in names)
    return f"Installed, but not imported yet: {imports} first."


def _declared() -> dict[str, str]:
    """Returns import names by the prefix of registered names."""
    found = metadata.entry_points(group="domain_core.presets")
    return {entry.name: entry.module.partition(".")[0] for entry in found}
