"""What pyproject.toml asks for holds for every command; what is typed wins; what makes no sense is told in one line."""

import re

import pytest

from gradwell.cli.main import USAGE
from gradwell.doctor.catalogue import rule
from gradwell.errors import GradwellError, OptionError, RuleError
from gradwell.project import Project, project
from tests.command import TRAIN, inside, script

SICK = TRAIN.replace("model(x)", "model(x).softmax(1)") + "\nfor i in range(30): step()\n"


def table(folder, text):
    (folder / "pyproject.toml").write_text(text)
    return project(folder)


def test_the_nearest_file_that_has_the_table_is_read(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert project(tmp_path / "a" / "b") == Project()
    table(tmp_path, '[tool.gradwell]\nignore = ["GW103"]\n')
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'other'\n[tool.ruff]\n")
    assert project(tmp_path / "a" / "b") == Project(tmp_path / "pyproject.toml", ignore=("GW103",))


def test_every_key_is_read(tmp_path):
    read = table(tmp_path, """
        [tool.gradwell]
        rules = ["GW1", "double-softmax"]
        ignore = ["GW103"]
        fail-on = "warning"
        budget = "5%"
        check = ["train.py:make"]
        [tool.gradwell.thresholds.dead-relu]
        most = 1
        [tool.gradwell.thresholds.GW101]
        nearly_all = 0.8
    """.replace("        ", ""))
    assert read == Project(tmp_path / "pyproject.toml", ("GW1", "double-softmax"), ("GW103",), "warning", 0.05, ("train.py:make",),
                           {"GW101": {"most": 1.0, "nearly_all": 0.8}})
    asked, told = read.asked()
    assert [one.code for one in asked] == ["GW101", "GW102", "GW104", "GW105", "GW106", "GW107", "GW302"]
    assert asked[0].most == 1.0
    assert rule("GW101").most == 0.5, "the catalogue is as it was"
    assert told == (f"[tool.gradwell] of {tmp_path}/pyproject.toml asks for rules = GW1, double-softmax; ignore = GW103; GW101.most = 1; "
                    "GW101.nearly_all = 0.8",)


def test_what_is_typed_wins(tmp_path):
    read = table(tmp_path, '[tool.gradwell]\nrules = ["GW1"]\nignore = ["GW101"]\n')
    assert [one.code for one in read.asked(["GW101"])[0]] == ["GW101"]
    assert read.asked(["GW101"])[1] == ()
    assert [one.code for one in read.asked([], ["GW104"])[0]] == ["GW101", "GW102", "GW103", "GW105", "GW106", "GW107"]


@pytest.mark.parametrize(("text", "kind", "says"), [
    ("ignroe = []", OptionError, "has no key 'ignroe'; its keys are budget, check, fail-on, ignore, rules, thresholds"),
    ("ignore = 'GW1'", OptionError, "ignore of [tool.gradwell]: 'GW1' is no list of texts"),
    ("ignore = ['GW999']", RuleError, "no rule has the code or name 'GW999'; the rules are GW101"),
    ("rules = [1]", OptionError, "is no list of texts"),
    ("fail-on = 'always'", OptionError, "'always' is not possible; say error, warning, note or never"),
    ("fail-on = ['error']", OptionError, "is not possible"),
    ("budget = 3", OptionError, "3 is no share"),
    ("budget = true", OptionError, "True is no share"),
    ("check = 'train.py:make'", OptionError, "is no list of texts"),
    ("thresholds = 3", OptionError, "tables of their own"),
    ("thresholds.GW101 = 3", OptionError, "tables of their own"),
    ("thresholds.GW999.most = 1", RuleError, "there is no rule 'GW999'"),
    ("thresholds.GW101.dead = 1", RuleError, "GW101 has no threshold 'dead'; it has most, nearly_all"),
    ("thresholds.GW101.most = 'half'", OptionError, "GW101.most is 'half'; it must be a number"),
    ("thresholds.GW101.most = nan", OptionError, "must be a number"),
    ("thresholds.GW101.most = -0.5", OptionError, "must be a number, not below 0"),
    ("thresholds.GW401.least = 0", OptionError, "GW401.least is 0; it must be a whole number of 1 or more"),
    ("thresholds.GW101.most = true", OptionError, "must be a number"),
    ("ignore = [", OptionError, "cannot be read as TOML"),
])
def test_what_makes_no_sense_is_refused_with_what_is_possible(tmp_path, text, kind, says):
    with pytest.raises(kind, match=re.escape(says)) as error:
        table(tmp_path, f"[tool.gradwell]\n{text}\n")
    assert str(tmp_path / "pyproject.toml") in str(error.value)


def test_a_table_that_is_none_and_a_file_that_is_no_text_are_refused(tmp_path):
    with pytest.raises(OptionError, match="must be a table"):
        table(tmp_path, "[tool]\ngradwell = 1\n")
    assert table(tmp_path, "tool = 1\n") == Project()
    (tmp_path / "pyproject.toml").write_bytes(b"\xff")
    with pytest.raises(GradwellError, match="cannot be read as TOML"):
        project(tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    script(folder, SICK)
    inside("run", "--run-dir", "r", "train.py", cwd=folder)
    return folder


@pytest.mark.parametrize("command", ["judge r", "show r", "runs .", "run --run-dir new train.py"])
def test_every_command_keeps_to_the_table(folder, command):
    table(folder, '[tool.gradwell]\nignore = ["GW302"]\n')
    done = inside(*command.split(), cwd=folder)
    said = " ".join((done.stdout + done.stderr).split())
    assert (done.returncode, "GW302 double-softmax" in said) == (0, False)
    assert ("asks for ignore = GW302" in said) == (command != "runs .")


@pytest.mark.parametrize(("text", "options", "judged", "ran"), [
    ("", [], 1, 0), ('fail-on = "error"', [], 1, 3), ('fail-on = "never"', [], 0, 0), ('fail-on = "error"', ["--fail-on", "never"], 0, 0),
    ("", ["--fail-on", "error"], 1, 3), ("", ["--fail-on", "note"], 1, 3),
])
def test_the_exit_status_is_as_the_table_and_the_command_line_ask(folder, text, options, judged, ran):
    table(folder, f"[tool.gradwell]\n{text}\n")
    assert inside("judge", *options, "r", cwd=folder).returncode == judged
    if not options:
        assert inside("run", "-q", "train.py", cwd=folder).returncode == ran


@pytest.mark.parametrize("command", ["judge r", "show r", "run train.py", "check", "serve r", "track r --to tensorboard"])
def test_a_bad_table_is_told_in_one_line_before_anything_begins(folder, command):
    (folder / "pyproject.toml").write_text("[tool.gradwell]\nspeed = 1\n")
    done = inside(*command.split(), cwd=folder)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert re.fullmatch(r"gradwell: [^\n]+has no key 'speed'[^\n]+\n", done.stderr), done.stderr
