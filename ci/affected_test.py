import pytest

from ci.affected import PACKAGES, affected


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], []),
        (["README.md", "docs/index.md", "examples/demo.py"], []),
        (["packages/kerascv/CHANGELOG.md"], []),
        (["packages/kerascv/src/keras_cv/layers/__init__.py"], ["kerascv"]),
        (["packages/kerascv/pyproject.toml", "README.md"], ["kerascv"]),
        (["packages/kerasnlp/a.py", "packages/kerascv/b.py"], ["kerascv", "kerasnlp"]),
        (["packages/domain_core/src/domain_core/task.py"], list(PACKAGES)),
        (["packages/kerascv/a.py", "conftest.py"], list(PACKAGES)),
        (["hatch.toml"], list(PACKAGES)),
        (["ci/test.py"], list(PACKAGES)),
        (["packages/gone/a.py"], []),
    ],
)
def test_affected(paths, expected):
    assert affected(paths) == expected
