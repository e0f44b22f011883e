import pytest

from ci import durations

REPORT = """<testsuites><testsuite name="pytest">
<testcase classname="packages.kerasnlp.src.keras_nlp.models.bert.bert_test.TestBert"
    name="test_x" time="9.0" file="packages/domain_core/src/domain_core/contract.py">
  <properties><property name="cpu" value="2.5"/></properties></testcase>
<testcase classname="packages.kerasnlp.src.keras_nlp.models.bert.bert_test"
    name="test_y" time="1.0"
    file="packages/kerasnlp/src/keras_nlp/models/bert/bert_test.py">
  <properties><property name="cpu" value="1.5"/></properties><skipped/></testcase>
<testcase classname="ci.rules_test" name="test_z" time="0.5" file="ci/rules_test.py">
  <failure/></testcase>
</testsuite></testsuites>"""

FIRST = ("bert", "causal_lm_test.py", "resnet", "seq2seq_lm_test.py")


@pytest.fixture
def tests(tmp_path):
    file = tmp_path / "report.xml"
    file.write_text(REPORT)
    return list(durations.read_tests(file, "jax"))


def test_a_report_is_read(tests):
    assert [test.folder for test in tests] == [*["keras_nlp/models/bert"] * 2, "ci"]
    assert [test.seconds for test in tests] == [2.5, 1.5, 0.5]
    assert [test.outcome for test in tests] == ["passed", "skipped", "failed"]


@pytest.mark.parametrize(
    ("budget", "speed", "over"),
    [
        (4.0, 1.0, []),
        (2.6, 1.0, ["keras_nlp/models/bert"]),
        (2.6, 1.1, []),
    ],
)
def test_folders_over_their_budget_are_named(tests, capsys, budget, speed, over):
    allowed = {"keras_nlp/models/bert": budget}
    assert durations.report(tests, allowed, speed) == over
    printed = capsys.readouterr().out
    assert ("OVER" in printed) == bool(over)
    assert "bert_test.py::test_x" in printed


def test_a_file_may_have_a_budget_of_its_own(tests, capsys):
    file = "keras_nlp/models/bert/bert_test.py"
    allowed = {"keras_nlp/models/bert": 0.1, file: 2.0}
    assert durations.report(tests, allowed, 1.0) == [file]
    assert file in capsys.readouterr().out


def test_budgets_name_folders_and_leave_a_family_twenty_seconds():
    allowed = durations.budgets()
    for folder, seconds in allowed.items():
        found = [*durations.ROOT.glob(f"packages/*/src/{folder}")]
        assert found or (durations.ROOT / folder).exists(), f"{folder} is gone"
        parts = folder.split("/")
        # The first family of a kind carries tests of what all of them share.
        if len(parts) == 3 and parts[1] == "models" and parts[2] not in FIRST:
            assert seconds <= 20, f"{folder} is a family"


def test_this_machine_has_a_speed():
    assert 1.0 <= durations.machine_speed() < 100
