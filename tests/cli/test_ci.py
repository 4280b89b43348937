"""What a run in continuous integration leaves: SARIF, annotations, a summary of the job."""

import json
import re

import pytest

from tests.command import TRAIN, gradwell, inside, script

SICK = TRAIN.replace("model(x)", "model(x).softmax(1)") + "\nfor i in range(30): step()\nprint('::notice::done')\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ci")
    script(folder, SICK, "src/train.py")
    (folder / ".git").mkdir()
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    return folder, gradwell("run", "--run-dir", "r", "--sarif", "run.sarif", "src/train.py", cwd=folder, env=environment)


def test_a_run_annotates_on_stderr_and_leaves_stdout_to_the_script(run):
    _, done = run
    assert (done.returncode, done.stdout) == (0, "::notice::done\n")
    lines = done.stderr.strip().split("\n")
    assert lines[0].startswith("::stop-commands::gradwell-")
    closed = lines.index(f"::{lines[0].removeprefix('::stop-commands::')}::")
    assert any("GW302" in line for line in lines[1:closed])
    (command,) = [line for line in lines[closed + 1:] if line.startswith("::")]
    assert re.match(r"::error file=src/train\.py,line=\d+,title=GW302 double-softmax::loss \(nll\): Softmax is applied twice", command)


def test_the_summary_of_the_job_is_added_to(run):
    folder, _ = run
    first = (folder / "summary.md").read_text()
    assert "| error | [GW302 double-softmax](https://" in first
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
        judged = inside("judge", "--github", "r", cwd=folder)
    assert judged.returncode == 1
    assert judged.stdout.startswith("::stop-commands::")
    assert judged.stdout.split("\n")[-2].startswith("::error file=src/train.py")
    assert (folder / "summary.md").read_text() == first * 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_STEP_SUMMARY", str(folder))
        assert "cannot write the summary of the job" in inside("judge", "--github", "r", cwd=folder).stderr


def test_judge_writes_the_same_sarif_as_the_run(run):
    folder, _ = run
    inside("judge", "--sarif", "judge.sarif", "r", cwd=folder)
    documents = [json.loads((folder / name).read_text()) for name in ("run.sarif", "judge.sarif")]
    assert documents[0] == documents[1]
    (result,) = [one for one in documents[0]["runs"][0]["results"] if one["ruleId"] == "GW302"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "src/train.py", "uriBaseId": "%SRCROOT%"}


def test_a_file_that_cannot_be_written_is_told(run):
    folder, _ = run
    done = inside("judge", "--sarif", "src/train.py/x", "r", cwd=folder)
    assert (done.returncode, done.stderr) == (2, "gradwell: cannot write src/train.py/x: Not a directory\n")


def test_without_github_nothing_is_said_to_it(run, monkeypatch):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert "::" not in inside("judge", "r", cwd=run[0]).stdout
