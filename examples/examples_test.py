"""Runs the examples that take minutes; each asserts what it promises."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent
DATA = EXAMPLES.parent.parent / "shared" / "data"
# Minutes each: once, on the backend that trains fastest on a CPU.
pytestmark = [pytest.mark.large, pytest.mark.backends("torch")]


@pytest.mark.skipif(not (DATA / "ag_news").is_dir(), reason="needs AG's news corpus")
def test_classify_news(tmp_path):
    curve = tmp_path / "curve.json"
    program = [sys.executable, EXAMPLES / "classify_news.py"]
    options = ["--data", DATA / "ag_news", "--curve", curve]
    subprocess.run([*program, *options], check=True)
    assert curve.is_file()


def test_demo():
    subprocess.run([sys.executable, EXAMPLES / "demo.py"], check=True)


def test_digits(tmp_path):
    picture = tmp_path / "digits.png"
    program = [sys.executable, EXAMPLES / "digits.py", "--png", picture]
    subprocess.run(program, check=True)
    assert picture.is_file()


@pytest.mark.skipif(not (DATA / "text").is_dir(), reason="needs Shakespeare's plays")
def test_masked_lm():
    program = [sys.executable, EXAMPLES / "masked_lm.py"]
    options = ["--data", DATA / "text" / "tinyshakespeare.txt"]
    subprocess.run([*program, *options], check=True)


def test_write_numbers_as_digits():
    program = [sys.executable, EXAMPLES / "write_numbers_as_digits.py"]
    subprocess.run(program, check=True)


@pytest.mark.skipif(not (DATA / "text").is_dir(), reason="needs Shakespeare's plays")
def test_write_plays():
    program = [sys.executable, EXAMPLES / "write_plays.py"]
    options = ["--data", DATA / "text" / "tinyshakespeare.txt"]
    subprocess.run([*program, *options], check=True)


def test_custom_augmentation():
    subprocess.run([sys.executable, EXAMPLES / "custom_augmentation.py"], check=True)


@pytest.mark.parametrize("data", ["drawn", "bccd"])
def test_detection_pipeline(tmp_path, data):
    if data == "bccd" and not (DATA / data).is_dir():
        pytest.skip("needs the photographs of blood cells")
    picture = tmp_path / "detection.png"
    program = [sys.executable, EXAMPLES / "detection_pipeline.py", "--png", picture]
    options = [] if data == "drawn" else ["--data", DATA / data]
    subprocess.run([*program, *options], check=True)
    assert picture.is_file()


@pytest.mark.skipif(not (DATA / "bccd").is_dir(), reason="needs photographs of cells")
def test_segment_blood_cells(tmp_path):
    picture = tmp_path / "cells.png"
    program = [sys.executable, EXAMPLES / "segment_blood_cells.py", "--png", picture]
    subprocess.run([*program, "--data", DATA / "bccd"], check=True)
    assert picture.is_file()
