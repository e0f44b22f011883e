"""Fills the API pages: every public name of a namespace, with its docstring.

MkDocs calls this for each page. `docs/api/keras_nlp.models.md` is about the namespace
of its name; which names are public stands in the package's public_api.txt.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDER = "{{ public names }}"


def on_page_markdown(markdown: str, page, **_) -> str:
    """Puts a reference to each public name where the page asks for them."""
    if PLACEHOLDER not in markdown:
        return markdown
    namespace = Path(page.file.src_uri).stem
    blocks = []
    for name, alias_of in public_names(namespace):
        if alias_of:
            blocks.append(f"## {name}\n\nAn alias of `{alias_of}`.")
        else:
            blocks.append(f"::: {namespace}.{name}")
    return markdown.replace(PLACEHOLDER, "\n\n".join(blocks))


def public_names(namespace: str) -> list[tuple[str, str | None]]:
    """Returns the names in a namespace, and for an alias what it stands for."""
    pattern = re.compile(rf"{re.escape(namespace)}\.(\w+)(?:\(.*\)| = (\S+))?")
    lines = [
        line
        for listing in sorted(ROOT.glob("packages/*/public_api.txt"))
        for line in listing.read_text(encoding="utf-8").splitlines()
    ]
    matches = [match for line in lines if (match := pattern.fullmatch(line))]
    return [(match[1], match[2]) for match in matches]
