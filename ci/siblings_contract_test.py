import grimp
import pytest
from importlinter.configuration import configure

from ci.siblings_contract import SiblingsContract


@pytest.mark.parametrize(
    ("importer", "kept"), [("ours.below", False), ("ours.below_test", True)]
)
def test_circles_but_for_those_of_tests(importer, kept):
    configure()
    graph = grimp.ImportGraph()
    for module in ("ours", "ours.above", "ours.below", "ours.below_test"):
        graph.add_module(module)
    for source, target in (
        ("ours.above", "ours.below"),
        ("ours.below_test", "ours.below"),
        (importer, "ours.above"),
    ):
        graph.add_import(
            importer=source, imported=target, line_number=1, line_contents=""
        )
    contract = SiblingsContract("siblings", {}, {"ancestors": ["ours"]})
    assert contract.check(graph, verbose=False).kept is kept
