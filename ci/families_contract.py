"""An import contract that derives the families of models from the folders.

Inside `models/` a package (`bert/`) is a family and a plain module
(`text_classifier.py`) is a task. Listing them in the settings of import-linter would
be one more thing to forget.
"""

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class FamiliesContract(Contract):
    """A family imports no other family, and a task imports no family.

    Tests of a task may use any family, and `aliases.py` gives families other names:
    they are left out.

    Options:
        containers: The packages whose children are families and tasks.
    """

    containers = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Returns the check, with the forbidden imports in its metadata."""
        found = []
        for container in self.containers:
            children = graph.find_children(container)
            families = {child for child in children if graph.find_children(child)}
            for importer in children:
                if importer.endswith(("_test", ".aliases")):
                    continue
                for imported in families - {importer}:
                    found += _imports(graph, importer, imported)
        return ContractCheck(kept=not found, metadata={"imports": sorted(found)})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Prints each forbidden import with its line."""
        for importer, imported, line in check.metadata["imports"]:
            output.print_error(
                f"{importer} imports {imported} (line {line})", bold=False
            )
        output.print_error(
            "What two families share belongs into layers or domain_core; a task finds "
            "its backbones through the registry.",
            bold=False,
        )


def _imports(graph: ImportGraph, importer: str, imported: str) -> list[tuple]:
    """Returns (importer, imported, line) of imports between two packages or modules."""
    modules = {importer, *graph.find_descendants(importer)}
    targets = {imported, *graph.find_descendants(imported)}
    return [
        (module, target, details["line_number"])
        for module in modules
        for target in graph.find_modules_directly_imported_by(module) & targets
        for details in graph.get_import_details(importer=module, imported=target)
    ]
