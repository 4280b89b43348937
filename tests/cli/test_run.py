"""What the options of `gradwell run` do, and what the other commands say of the run."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

import gradwell as library
from gradwell.cli.output import write
from gradwell.cli.run import percentage, run_folder
from gradwell.errors import GradwellError, RecordError
from tests.command import GRADWELL, TRAIN, execute, gradwell, script

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "findings.schema.json").read_text())
SICK = TRAIN.replace("model(x)", "model(x).softmax(1)")  # GW302 double-softmax


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A sick run, its page and its JSON; and a run that ended badly."""
    folder = tmp_path_factory.mktemp("runs")
    script(folder, f"{SICK}\nimport sys\nfor i in range(40): step()\nsys.exit(len(sys.argv) > 1 and 5)")
    done = gradwell("run", "--json", "a.json", "--html", "a.html", "--every", "2", "--fail-on", "error", "train.py", cwd=folder)
    (folder / "stderr").write_text(done.stderr)
    assert (done.returncode, done.stdout) == (3, ""), "a finding makes the run fail"
    return folder


@pytest.fixture(scope="module")
def run(folder):
    return next((folder / "gradwell-runs").iterdir())


@pytest.mark.xdist_group("run")
def test_the_run_folder_is_named_after_time_and_script(run):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-train", run.name)
    assert {path.suffix for path in run.iterdir()} <= {".sqlite", ".sqlite-wal", ".sqlite-shm", ".txt"}, "--html replaces the page"


@pytest.mark.xdist_group("run")
def test_the_summary_names_the_finding_and_the_page(folder):
    said = (folder / "stderr").read_text()
    assert said.startswith("gradwell: 1 finding in train.py.\n")
    assert "GW302 double-softmax" in said
    assert "20 rules checked over 40 steps (21 looked at closely)" in said
    assert said.endswith("gradwell: the page is a.html\n")
    assert "\x1b" not in said


@pytest.mark.xdist_group("run")
def test_the_json_keeps_its_contract_and_the_page_is_written(folder):
    found = json.loads((folder / "a.json").read_text())
    jsonschema.validate(found, SCHEMA)
    assert found["script"] == "train.py"
    assert (found["steps"], found["findings"][0]["code"], found["overhead"]["budget"]) == (40, "GW302", None)
    assert found["findings"][0]["where"]["file"] == str(folder / "train.py")
    assert "GW302" in (folder / "a.html").read_text()


@pytest.mark.xdist_group("run")
def test_a_record_is_judged_again_as_often_as_one_likes(folder, run):
    for path in (run, run / "record.sqlite"):
        judged = gradwell("judge", path, "--json", "b.json", "--html", "b.html", cwd=folder)
        assert (judged.returncode, judged.stderr) == (1, "")
        assert judged.stdout.startswith("gradwell: 1 finding in train.py.\n")
        assert json.loads((folder / "b.json").read_text())["findings"] == json.loads((folder / "a.json").read_text())["findings"]
        assert (folder / "b.html").exists()
    assert gradwell("show", run, cwd=folder).stdout == judged.stdout
    assert gradwell("show", run, cwd=folder).returncode == 0
    for options in (["--ignore", "GW302"], ["--ignore", "double-softmax"], ["--rules", "GW1,gw405"]):
        other = gradwell("judge", run, *options, cwd=folder)
        assert other.returncode == 0
        assert "GW302" not in other.stdout
    assert gradwell("judge", run, "--rules", "GW3", cwd=folder).returncode == 1
    assert gradwell("judge", run, "--json", "/dev/stdout", cwd=folder).stdout.startswith("{")
    unwritable = gradwell("judge", run, "--json", "train.py/x", cwd=folder)
    assert (unwritable.returncode, unwritable.stderr) == (2, "gradwell: cannot write train.py/x: Not a directory\n")


@pytest.mark.xdist_group("run")
def test_the_runs_of_a_folder_are_listed(folder, run):
    (run.parent / "damaged").mkdir()
    (run.parent / "damaged" / "record.sqlite").write_text("")
    listed = gradwell("runs", cwd=folder, env={"COLUMNS": "200"}).stdout
    assert re.search(rf"{run.name} +train.py +40 +\d{{4}}-\d\d-\d\d \d\d:\d\d +(yes|no) +GW302", listed), listed
    assert "is not a record of gradwell" in listed
    assert gradwell("runs", run, cwd=folder).stdout == f"There are no runs in {run}.\n"


@pytest.mark.xdist_group("run")
def test_the_scripts_own_failure_counts_more_and_quiet_says_nothing(folder):
    arguments = ["--quiet", "--run-dir", "quiet", "--fail-on", "error", "--rules", "GW3", "--budget", "1%", "train.py", "x"]
    done = gradwell("run", *arguments, cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (5, "", "")
    assert (folder / "quiet" / "report.html").exists()
    assert "the budget is 1 %" in gradwell("show", "quiet", cwd=folder).stdout


def test_gradwell_alone_explains_itself(tmp_path):
    alone = gradwell(cwd=tmp_path)
    assert (alone.returncode, alone.stderr) == (0, "")
    assert "Watch a training script and say what is wrong with it." in alone.stdout
    assert gradwell("--version", cwd=tmp_path).stdout == f"gradwell {library.__version__}\n"
    assert gradwell("run", "--help", cwd=tmp_path).returncode == 0


def test_the_rules_are_listed_and_explained(tmp_path):
    listed = gradwell("rules", cwd=tmp_path).stdout
    assert len(re.findall(r"^ ?GW\d{3} +[a-z-]+ +(?:error|warning|note) ", listed, re.MULTILINE)) >= 20
    for name in ("GW101", "gw101", "dead-relu"):
        assert gradwell("explain", name, cwd=tmp_path).stdout == (Path(__file__).parents[2] / "docs" / "rules" / "GW101.md").read_text()


def test_what_nobody_reads_disturbs_nothing(tmp_path):
    script(tmp_path, "import sys; sys.exit(4)")
    closed = execute(["sh", "-c", f"exec {GRADWELL} run train.py 2>&-"], cwd=tmp_path)
    assert (closed.returncode, closed.stdout) == (4, "")
    piped = execute(["bash", "-c", f"{GRADWELL} run train.py 2>&1 >/dev/null | true; exit ${{PIPESTATUS[0]}}"], cwd=tmp_path)
    assert (piped.returncode, piped.stdout, piped.stderr) == (4, "", "")
    rules = execute(["bash", "-c", f"{GRADWELL} rules | true; exit ${{PIPESTATUS[0]}}"], cwd=tmp_path)
    assert rules.stderr == ""


@pytest.mark.parametrize(("text", "share"), [("3%", 0.03), ("0.5%", 0.005), ("0.03", 0.03), ("1", 1.0), ("100%", 1.0)])
def test_a_budget_is_a_share(text, share):
    assert percentage(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "0", "-1%", "101%", "inf", "3 percent"])
def test_anything_else_is_no_budget(text):
    with pytest.raises(GradwellError, match="is no share"):
        percentage(text)


def test_runs_of_one_second_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notices: list[str] = []
    made = {run_folder("", "train", notices) for _ in range(9)}
    assert len(made) == 9
    assert notices == []
    assert {path.parent for path in made if path} == {tmp_path / "gradwell-runs"}


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    write(tmp_path / "a", "one")
    write(tmp_path / "a", "two\udcff")
    assert (tmp_path / "a").read_text() == "two?"
    for path in (tmp_path, tmp_path / "none" / "a", tmp_path / "a" / "b", tmp_path / ("x" * 300), Path("/dev/full")):
        with pytest.raises(RecordError, match="cannot write"):
            write(path, "three")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
