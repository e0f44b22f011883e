"""An import contract: no circles between what stands side by side."""

from grimp import ImportGraph
from importlinter import ContractCheck
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract


class SiblingsContract(AcyclicSiblingsContract):
    """Import-linter's contract of the same kind, which leaves out the tests.

    A test may import whatever it needs, from above what it stands beside, too.
    Options are those of `acyclic_siblings`.
    """

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Returns the check of all but the tests."""
        for module in set(graph.modules):
            if module.endswith(("_test", ".conftest")):
                graph.remove_module(module)
        return super().check(graph, verbose)
