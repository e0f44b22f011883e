import grimp
import pytest

from ci.families_contract import FamiliesContract


@pytest.fixture
def graph():
    """Two families, a task and its test, without any imports between them."""
    graph = grimp.ImportGraph()
    for module in [
        "ours",
        "ours.models",
        "ours.models.bert",
        "ours.models.bert.backbone",
        "ours.models.gpt2",
        "ours.models.gpt2.backbone",
        "ours.models.text_classifier",
        "ours.models.text_classifier_test",
        "ours.models.preprocessor",
    ]:
        graph.add_module(module)
    return graph


def check(graph, importer, imported):
    graph.add_import(
        importer=f"ours.models.{importer}",
        imported=f"ours.models.{imported}",
        line_number=3,
        line_contents="",
    )
    contract = FamiliesContract("families", {}, {"containers": ["ours.models"]})
    return contract.check(graph, verbose=False)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("gpt2.backbone", "bert.backbone"),
        ("bert", "gpt2"),
        ("text_classifier", "bert.backbone"),
        ("preprocessor", "bert"),
    ],
)
def test_broken(graph, importer, imported):
    result = check(graph, importer, imported)
    assert not result.kept
    expected = (f"ours.models.{importer}", f"ours.models.{imported}", 3)
    assert result.metadata["imports"] == [expected]


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("bert", "bert.backbone"),
        ("bert.backbone", "text_classifier"),
        ("text_classifier", "preprocessor"),
        ("text_classifier_test", "bert"),
    ],
)
def test_kept(graph, importer, imported):
    assert check(graph, importer, imported).kept
