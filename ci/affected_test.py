from ci.affected import Modules, affected_tests

CORE = "packages/domain_core/src/domain_core"
TEXT = "packages/kerasnlp/src/keras_nlp"
SOURCES = {
    f"{CORE}/__init__.py": """
        from domain_core import layers as layers
        from domain_core.registry import register_family as register_family
        """,
    f"{CORE}/layers/__init__.py": """
        from domain_core.layers.norm import Norm as Norm
        from domain_core.layers.linear import *
        """,
    f"{CORE}/layers/norm.py": "class Norm: pass",
    f"{CORE}/layers/linear.py": "__all__ = ['Linear']\nclass Linear: pass",
    f"{CORE}/layers/norm_test.py": "from domain_core.layers import Norm",
    f"{CORE}/layers/linear_test.py": "import domain_core\ndomain_core.layers.Linear()",
    f"{CORE}/layers/conftest.py": "from domain_core.registry import register_family",
    f"{CORE}/registry.py": "def register_family(cls): pass",
    f"{CORE}/registry_test.py": "def f():\n  from domain_core import registry",
    f"{TEXT}/__init__.py": "from keras_nlp import models as models",
    f"{TEXT}/models/__init__.py": "from keras_nlp.models.bert import Bert as Bert",
    f"{TEXT}/models/bert/__init__.py": """
        from domain_core import register_family
        from keras_nlp.models.bert.backbone import Bert as Bert
        from keras_nlp.models.bert.convert import TABLE
        register_family(Bert)
        """,
    f"{TEXT}/models/bert/backbone.py": """
        from domain_core import layers
        class Bert(layers.Norm): pass
        """,
    f"{TEXT}/models/bert/convert.py": "TABLE = {}",
    f"{TEXT}/models/bert/bert_test.py": "import keras_nlp as k\nk.models.Bert()",
    f"{TEXT}/models/name_test.py": "PATH = 'keras_nlp.models.bert.convert.TABLE'",
    f"{TEXT}/all_test.py": "import keras_nlp\nf(keras_nlp)",
}


def names(tmp_path, *changed):
    for path, source in SOURCES.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(line.strip() for line in source.splitlines()))
        if source.startswith(("def f", "class")):
            file.write_text(source)
    found = affected_tests(list(changed), Modules.read(tmp_path))
    return {path.rpartition("/")[2].removesuffix("_test.py") for path in found}


LAYER_USERS = {"norm", "bert", "name", "all"}


def test_users_of_a_module_are_found_through_packages(tmp_path):
    assert names(tmp_path, f"{CORE}/layers/norm.py") == LAYER_USERS
    assert names(tmp_path, f"{CORE}/layers/linear.py") == {"linear"}
    assert names(tmp_path, f"{CORE}/layers/norm_test.py") == {"norm"}


def test_what_a_package_registers_is_used_by_who_uses_its_classes(tmp_path):
    assert names(tmp_path, f"{TEXT}/models/bert/convert.py") == {"bert", "name", "all"}


def test_fixtures_count(tmp_path):
    everywhere = {"norm", "linear", "registry", "bert", "name", "all"}
    assert names(tmp_path, f"{CORE}/registry.py") == everywhere


def test_prose_affects_none_and_settings_all(tmp_path):
    everywhere = {"norm", "linear", "registry", "bert", "name", "all"}
    assert names(tmp_path) == set()
    assert names(tmp_path, "README.md", f"{TEXT}/x.md", "docs/a.css") == set()
    assert names(tmp_path, "packages/kerasnlp/public_api.txt") == set()
    for path in ("conftest.py", "pyproject.toml", f"{CORE}/gone.py", f"{CORE}/x.json"):
        assert names(tmp_path, path) == everywhere
