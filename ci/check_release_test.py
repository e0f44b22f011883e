import shutil

import pytest

from ci import check_release


@pytest.fixture
def checkout(tmp_path):
    """A copy of what the check reads, ready for the release of kerasnlp 0.1.0."""
    for package, (folder, module) in check_release.FOLDERS.items():
        source = check_release.ROOT / "packages" / folder
        copy = tmp_path / "packages" / folder
        (copy / "src" / module).mkdir(parents=True)
        shutil.copy(source / "pyproject.toml", copy)
        version = "1.2.0" if package == "domain-core" else "0.1.0"
        (copy / "src" / module / "_version.py").write_text(
            f'__version__ = "{version}"\n'
        )
        (copy / "CHANGELOG.md").write_text(
            f"# Changelog\n\n## {version} (2026-11-22)\n\n## 0.0.1 (2026-01-01)\n"
        )
    return tmp_path


@pytest.mark.parametrize(
    "tag", ["kerasnlp-v0.1.0", "kerascv-v0.1.0", "domain-core-v1.2.0"]
)
def test_a_consistent_release_passes(checkout, tag):
    assert check_release.problems(tag, checkout) == []


@pytest.mark.parametrize(
    "tag", ["v0.1.0", "kerasnlp-0.1.0", "keras-v0.1.0", "kerasnlp-v0.1", "kerasnlp-vx"]
)
def test_a_tag_of_another_form_is_refused(checkout, tag):
    [problem] = check_release.problems(tag, checkout)
    assert problem.startswith("tag: ")


def test_tag_and_version_file_must_agree(checkout):
    problems = check_release.problems("kerasnlp-v0.2.0", checkout)
    assert problems[0] == "version: the tag says 0.2.0, _version.py 0.1.0"


@pytest.mark.parametrize(
    ("changelog", "message"),
    [
        ("# Changelog\n", "no entry"),
        ("## 0.2.0 (2026-11-22)\n\n## 0.1.0 (2026-11-01)\n", "first entry is 0.2.0"),
        ("## 0.1.0 (unreleased)\n", "expected the date"),
    ],
)
def test_the_changelog_must_describe_the_release(checkout, changelog, message):
    (checkout / "packages" / "kerasnlp" / "CHANGELOG.md").write_text(changelog)
    [problem] = check_release.problems("kerasnlp-v0.1.0", checkout)
    assert message in problem


def test_the_core_must_be_one_that_the_leaves_allow(checkout):
    version_file = checkout / "packages/domain_core/src/domain_core/_version.py"
    version_file.write_text('__version__ = "2.0.0"\n')
    problems = check_release.problems("kerasnlp-v0.1.0", checkout)
    assert [problem.partition(":")[0] for problem in problems] == ["requirements"] * 2


@pytest.mark.parametrize("package", sorted(check_release.FOLDERS))
def test_this_checkout_states_a_version_and_a_changelog(package):
    version = check_release.version_of(package)
    problems = check_release.problems(f"{package}-v{version}")
    # Between releases the entry at the top has no date yet.
    assert all("expected the date of release" in problem for problem in problems)
