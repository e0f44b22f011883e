import sys
import time

import pytest

from domain_core._installation import (
    forbid_upstream,
    import_advice,
    import_name,
    packages_with_presets,
)

PAIRS = [("keras-nlp", "kerasnlp"), ("keras-cv", "kerascv")]
SPELLINGS = ["keras_nlp-0.15.1.dist-info", "Keras.NLP-0.15.1.dist-info"]


def pretend_installed(folder, directory, name):
    """Writes what pip leaves behind for a distribution."""
    information = folder / directory
    information.mkdir()
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.15.1\n"
    )


@pytest.mark.parametrize(("upstream", "ours"), PAIRS)
def test_nothing_happens_without_upstream(upstream, ours):
    forbid_upstream(upstream, ours)


@pytest.mark.parametrize(("upstream", "ours"), PAIRS)
def test_ours_is_not_taken_for_upstream(upstream, ours, tmp_path, monkeypatch):
    pretend_installed(tmp_path, f"{ours}-0.1.0.dist-info", ours)
    monkeypatch.syspath_prepend(tmp_path)
    forbid_upstream(upstream, ours)


@pytest.mark.parametrize("directory", SPELLINGS)
def test_every_spelling_of_the_metadata_folder_is_found(
    directory, tmp_path, monkeypatch
):
    pretend_installed(tmp_path, directory, "keras-nlp")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="pip uninstall -y keras-nlp"):
        forbid_upstream("keras-nlp", "kerasnlp")


def test_the_check_is_cheap():
    # Runs at each import; the bound is the one in the design, the best of a few runs
    # is taken because a busy machine may stop any one of them.
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        forbid_upstream("keras-nlp", "kerasnlp")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.005


def test_packages_with_presets_are_named_without_importing_them(tmp_path, monkeypatch):
    pretend_installed(tmp_path, "their_models-1.0.dist-info", "their-models")
    (tmp_path / "their_models-1.0.dist-info" / "entry_points.txt").write_text(
        "[domain_core.presets]\ntheir-models = their_models.zoo\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert "their_models" in packages_with_presets()


def test_advice_names_what_is_not_imported(tmp_path, monkeypatch):
    pretend_installed(tmp_path, "zoo-1.0.dist-info", "zoo")
    (tmp_path / "zoo-1.0.dist-info" / "entry_points.txt").write_text(
        "[domain_core.presets]\nzoo = zoo_of_models.presets\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert "`import zoo_of_models`" in import_advice()
    assert import_name("zoo") == "zoo_of_models"
    assert import_name("another") is None
    monkeypatch.setitem(sys.modules, "zoo_of_models", sys)
    assert "zoo_of_models" not in import_advice()
