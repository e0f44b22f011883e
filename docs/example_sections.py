"""Shows the examples of docstrings as code.

The parser knows a section "Examples:" alone; "Example:", which is what Keras and this
project write, it takes for Markdown, where `x[..][..]` is a link and `>>>` a quotation.
"""

import re

import griffe


class ExampleSections(griffe.Extension):
    """Renames the sections before docstrings are parsed."""

    def on_instance(self, *, obj: griffe.Object, **_: object) -> None:
        """Does so for one object."""
        if obj.docstring:
            obj.docstring.value = re.sub(
                r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE
            )
