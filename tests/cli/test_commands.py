"""Every command as a user types it, on one recorded run."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from tests.command import TRAIN, gradwell, ours, script

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "findings.schema.json").read_text())
SICK = TRAIN.replace("cross_entropy(model(x)", "cross_entropy(model(x).softmax(1)") + "\nfor i in range(30): step()\nprint('done')\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    script(folder, SICK)
    result = gradwell("run", "--json", "findings.json", "--html", "page.html", "--fail-on", "error", "--every", "2", "train.py", cwd=folder)
    return folder, result


def test_run_keeps_stdout_to_the_script_and_tells_on_stderr(run):
    _, result = run
    assert result.stdout == "done\n"
    assert "GW302 double-softmax" in ours(result.stderr)
    assert re.search(r"train\.py:\d+", ours(result.stderr))
    assert "page.html" in ours(result.stderr)


def test_fail_on_alone_changes_the_exit_status(run):
    folder, result = run
    assert result.returncode == 3
    other = gradwell("run", "-q", "--fail-on", "error", "--ignore", "GW302", "train.py", cwd=folder)
    assert (other.returncode, other.stdout, other.stderr) == (0, "done\n", "")


def test_json_keeps_its_contract(run):
    folder, _ = run
    document = json.loads((folder / "findings.json").read_text())
    jsonschema.validate(document, SCHEMA)
    assert (document["schema"], document["script"], document["steps"]) == (1, "train.py", 30)
    (finding,) = [f for f in document["findings"] if f["code"] == "GW302"]
    assert finding["where"]["file"].endswith("train.py")


def test_the_run_folder_is_named_by_time_and_script(run):
    folder, _ = run
    (first, *_) = sorted(path.name for path in (folder / "gradwell-runs").iterdir())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-train(-\d)?", first)


def record(run):
    return min((run[0] / "gradwell-runs").iterdir())


def test_show_prints_the_findings_and_judge_says_by_its_status_that_there_are_some(run):
    shown = gradwell("show", record(run), cwd=run[0])
    judged = gradwell("judge", record(run), cwd=run[0])
    assert shown.stdout == judged.stdout
    assert "GW302" in shown.stdout
    assert (shown.returncode, judged.returncode) == (0, 1)


def test_judge_takes_rules_as_run_does(run):
    without = gradwell("judge", "--ignore", "GW302", record(run), cwd=run[0])
    assert without.returncode == 0
    assert "GW302" not in without.stdout


def test_judge_takes_the_record_itself_and_writes_json_and_page(run):
    folder, _ = run
    judged = gradwell("judge", record(run) / "record.sqlite", "--json", "again.json", "--html", "again.html", cwd=folder)
    assert (judged.returncode, judged.stderr) == (1, "")
    documents = [json.loads((folder / name).read_text()) for name in ("findings.json", "again.json")]
    assert documents[0]["findings"] == documents[1]["findings"]
    assert "GW302" in (folder / "again.html").read_text()
    to_stdout = gradwell("judge", record(run), "--json", "/dev/stdout", cwd=folder).stdout
    assert json.loads(to_stdout.partition("\ngradwell: ")[0]) == documents[1]
    unwritable = gradwell("judge", record(run), "--json", "train.py/x", cwd=folder)
    assert (unwritable.returncode, unwritable.stderr) == (2, "gradwell: cannot write train.py/x: Not a directory\n")


def test_runs_names_a_damaged_record_and_an_empty_folder(run):
    script(run[0], "", "more/damaged/record.sqlite")
    assert "is not a record of gradwell" in " ".join(gradwell("runs", "more", cwd=run[0], env={"COLUMNS": "200"}).stdout.split())
    assert gradwell("runs", record(run), cwd=run[0]).stdout == f"There are no runs in {record(run)}.\n"


def test_runs_lists_every_run_by_its_whole_name(run):
    listed = gradwell("runs", cwd=run[0])
    for folder in (run[0] / "gradwell-runs").iterdir():
        assert folder.name in listed.stdout
    assert "GW302" in listed.stdout


def test_rules_and_explain_tell_of_the_rules(run):
    listed = gradwell("rules", cwd=run[0]).stdout
    assert "GW101" in listed
    assert "double-softmax" in listed
    page = gradwell("explain", "dead-relu", cwd=run[0]).stdout
    assert page.startswith("# GW101 dead-relu")
    assert "## Remedy" in page


def test_all_is_well_is_one_line(run):
    script(run[0], TRAIN + "\nfor i in range(300): step()\n", "well.py")
    said = ours(gradwell("run", "well.py", cwd=run[0]).stderr).strip().split("\n")
    assert said[0].startswith("gradwell: all is well: ")
    assert len(said) == 2  # the second names the page


def test_version_and_help_are_there(run):
    assert gradwell("--version", cwd=run[0]).stdout.startswith("gradwell 0.")
    assert "--fail-on" in gradwell("run", "--help", cwd=run[0]).stdout
