"""The public API is what public_api.txt says, annotated and documented."""

import difflib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "domain_core": "domain_core",
    "keras_cv": "kerascv",
    "keras_nlp": "kerasnlp",
}


@pytest.fixture(scope="module", params=sorted(PACKAGES))
def package_and_report(request):
    """Returns the name of a package and what ci/api_report.py says about it."""
    process = subprocess.run(
        [sys.executable, "-m", "ci.api_report", request.param],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return request.param, json.loads(process.stdout)


def test_the_listing_is_up_to_date(package_and_report):
    package, report = package_and_report
    file = ROOT / "packages" / PACKAGES[package] / "public_api.txt"
    listed = file.read_text().splitlines() if file.is_file() else []
    difference = difflib.unified_diff(
        listed, report["listing"], str(file.relative_to(ROOT)), "as imported", n=0
    )
    text = "\n".join(difference)
    assert not text, (
        f"{text}\nIf the change is wanted: `hatch run python tools/public_api.py "
        "--write`, and a line in the changelog."
    )


def test_public_names_are_annotated_and_documented(package_and_report):
    _, report = package_and_report
    assert not report["problems"], "\n".join(report["problems"])
