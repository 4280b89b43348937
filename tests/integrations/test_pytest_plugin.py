"""The plugin in pytest itself, in processes of its own: what fails, what is told, and what is left alone."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from importlib.metadata import entry_points

import pytest

from tests.command import script

TESTS = '''
import pytest
import torch
from torch.nn import functional as F

def net():
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))

def train(model, softmax, steps=20):  # without an optimizer, whose first use takes torch some seconds
    torch.manual_seed(0)
    for _ in range(steps):
        x = torch.randn(16, 4)
        y = model(x)
        F.cross_entropy(y.softmax(1) if softmax else y, (x[:, 0] > 0).long()).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad
                p.grad = None

@pytest.fixture
def model():
    return net()

@pytest.mark.parametrize("softmax", [False, True])
def test_asked(gradwell, model, softmax):
    with gradwell.watch(model, every=1) as run:
        train(model, softmax)
    assert [finding.code for finding in run.findings()] == ["GW302"] * softmax

@pytest.mark.gradwell(allow=["double-softmax"])
def test_allowed(gradwell, model):
    with gradwell.watch(model):
        train(model, True)

@pytest.mark.gradwell(fail_on="never")
def test_told(gradwell, model):
    with gradwell.watch(model):
        train(model, True)

@pytest.mark.gradwell(allow="GW999")
def test_of_no_rule(gradwell, model):
    with gradwell.watch(model):
        train(model, True)

@pytest.mark.gradwell(speed=3)
def test_of_no_word(gradwell, model):
    with gradwell.watch(model):
        train(model, True)

def test_idle(gradwell):
    gradwell.watch()
    with gradwell.watch():
        pass

def test_unasked(model):
    train(model, True)

def test_failing(model):
    train(model, True)
    assert 1 == 2, "my own"

@pytest.mark.xfail(strict=True)
def test_expected(model):
    train(model, True)

def test_skipped(model):
    train(model, True)
    pytest.skip("for today")

class TestCase(__import__("unittest").TestCase):
    def test_unittest(self):
        train(net(), True)

    def test_unittest_failing(self):
        train(net(), True)
        self.assertEqual(1, 2)

def test_one_pass(model):
    F.cross_entropy(model(torch.ones(2, 4)).softmax(1), torch.tensor([0, 1])).backward()

def test_plain():
    assert True
'''


LOSS = 1 + TESTS[:TESTS.index(".backward()")].count("\n")  # the line that the findings are about


def run(folder, *options, suite=TESTS):
    """Run pytest on a file of tests; its exit status, its text, and how each test went, by name."""
    script(folder, suite, "test_it.py")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--junitxml", "junit.xml", *options]
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "GITHUB", "GRADWELL"))}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300, env=clean | {"COLUMNS": "200"})
    outcomes = {case.get("name"): next((child.get("type", child.tag).removeprefix("pytest.") for child in case
                                        if child.tag != "properties"), "passed") for case in cases(folder)}
    return done.returncode, done.stdout + done.stderr, outcomes


def cases(folder):
    """The tests in JUnit's XML; none where pytest did not come so far."""
    return ElementTree.parse(folder / "junit.xml").iter("testcase") if (folder / "junit.xml").exists() else ()


def properties(folder):
    return {case.get("name"): {p.get("name"): p.get("value") for p in case.iter("property")} for case in cases(folder)}


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("asked")
    return folder, *run(folder, "-W", "error")


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    folder = tmp_path_factory.mktemp("every")
    (folder / "pyproject.toml").write_text('[tool.gradwell]\nfail-on = "never"\n')  # what is typed wins
    return folder, *run(folder, "-W", "error", "--gradwell", "--gradwell-fail-on", "error", "-n", "2", "--strict-markers")


def test_it_is_loaded_by_its_entry_point_and_imports_no_torch():
    (found,) = [one for one in entry_points(group="pytest11") if one.value.startswith("gradwell.")]
    assert (found.name, found.value) == ("gradwell", "gradwell.integrations.pytest_plugin")
    code = ("import sys, gradwell.integrations.pytest_plugin; "
            "assert not {'torch', 'numpy', 'rich', 'sqlite3', 'gradwell.doctor'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_test_that_asks_fails_by_an_error_and_by_nothing_else(asked):
    _, status, _, outcomes = asked
    assert status == 1
    assert outcomes["test_asked[True]"] == "failure"
    assert [outcomes[name] for name in ("test_asked[False]", "test_allowed", "test_told", "test_idle")] == ["passed"] * 4
    assert outcomes["test_unasked"] == outcomes["test_unittest"] == "passed", "they asked for nothing"


def test_the_report_says_why_a_test_failed_and_names_the_test(asked):
    _, _, text, _ = asked
    assert "Failed: GW302 double-softmax: Softmax is applied twice" in text
    assert "gradwell: 1 finding in test_it.py::test_asked[True]." in text
    assert "Return the last layer's output as it is" in text
    assert "pytest_plugin.py" not in text, "no line of ours in a traceback"


def test_what_fails_no_test_is_listed_at_the_end(asked):
    _, _, text, _ = asked
    told = text[text.index("= gradwell ="):]
    assert re.search(r"^error GW302 double-softmax  loss \(nll\)  test_it.py:\d+  in test_it.py::test_told$", told, re.MULTILINE)
    assert "in test_it.py::test_allowed" not in told
    assert "5 tests trained and were watched" in told


def test_a_marker_that_makes_no_sense_fails_its_test_in_one_line(asked):
    _, _, text, outcomes = asked
    assert outcomes["test_of_no_rule"] == outcomes["test_of_no_word"] == "failure"
    assert "gradwell: there is no rule 'GW999'; the rules are GW101" in text
    assert "was given {'speed': 3}; it takes allow=[...] and fail_on=..." in text


def test_findings_are_properties_in_junits_xml(asked):
    found = properties(asked[0])
    assert found["test_asked[True]"] == {
        "gradwell.steps": "20", "gradwell.1.code": "GW302", "gradwell.1.name": "double-softmax", "gradwell.1.severity": "error",
        "gradwell.1.where": f"loss (nll)  test_it.py:{LOSS}", "gradwell.1.step": "1"}
    assert found["test_asked[False]"] == {"gradwell.steps": "20"}
    assert found["test_unasked"] == {}


def test_every_test_that_trains_is_watched_if_one_says_so_over_several_workers(every):
    folder, status, text, outcomes = every
    assert status == 1
    assert {name for name, outcome in outcomes.items() if outcome == "failure"} == {
        "test_asked[True]", "test_of_no_rule", "test_of_no_word", "test_unasked", "test_failing", "test_unittest", "test_unittest_failing"}
    assert (outcomes["test_expected"], outcomes["test_plain"], outcomes["test_one_pass"]) == ("xfail", "passed", "passed")
    assert properties(folder)["test_unasked"]["gradwell.1.code"] == "GW302"
    assert properties(folder)["test_one_pass"] == properties(folder)["test_plain"] == properties(folder)["test_skipped"] == {}
    assert f"error GW302 double-softmax  loss (nll)  test_it.py:{LOSS}  in test_it.py::test_unasked" in text


def test_a_failure_of_its_own_comes_first_and_what_was_found_below_it(every):
    _, _, text, _ = every
    failing = text[text.index("_ test_failing _"):]
    assert failing.index("AssertionError: my own") < failing.index("gradwell: 1 finding in test_it.py::test_failing.")
    assert "FAILED test_it.py::test_failing - AssertionError: my own" in text
    assert "FAILED test_it.py::TestCase::test_unittest_failing - AssertionError: 1 != 2" in text


def test_the_severity_is_as_the_table_asks(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.gradwell]\nfail-on = "never"\nrules = ["GW3"]\n')
    assert run(tmp_path, suite=TESTS[:TESTS.index("@pytest.mark.gradwell")])[0] == 0


def test_a_bad_table_or_option_stops_before_the_first_test(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.gradwell]\nspeed = 3\n")
    status, text, _ = run(tmp_path, "--gradwell", suite="def test_plain(): pass")
    assert status == pytest.ExitCode.USAGE_ERROR
    assert re.search(r"^ERROR: .+has no key 'speed'; its keys are budget", text, re.MULTILINE)
    asking = "def test_asking(gradwell):\n    gradwell.watch()\n"
    status, text, outcomes = run(tmp_path, suite=asking)
    assert (status, outcomes) == (1, {"test_asking": "failure"})
    assert "has no key 'speed'" in text
    assert run(tmp_path, "--gradwell-fail-on", "always", suite=asking)[0] == pytest.ExitCode.USAGE_ERROR


def test_a_suite_that_asks_for_nothing_sees_nothing_of_it(tmp_path):
    status, text, _ = run(tmp_path, suite="import sys\ndef test_plain():\n    assert 'torch' not in sys.modules\n")
    assert status == 0
    assert "gradwell" not in text
    assert properties(tmp_path)["test_plain"] == {}


def test_where_no_test_trains_it_says_so(tmp_path):
    status, text, _ = run(tmp_path, "--gradwell", suite="def test_plain(): pass")
    assert status == 0
    assert "0 tests trained and were watched" in text
