"""What the options of `gradwell run` do."""

from pathlib import Path

import pytest

from gradwell.cli.output import write
from gradwell.cli.run import run_folder
from gradwell.errors import GradwellError, RecordError
from gradwell.project import percentage
from tests.command import GRADWELL, TRAIN, execute, gradwell, script


def test_the_scripts_own_failure_counts_more_than_a_finding(tmp_path):
    sick = TRAIN.replace("model(x)", "model(x).softmax(1)")
    script(tmp_path, f"{sick}\nfor i in range(40): step()\nraise SystemExit(5)")
    arguments = ["--quiet", "--run-dir", "r", "--fail-on", "error", "--rules", "GW3", "--budget", "1%", "train.py"]
    done = gradwell("run", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (5, "", "")
    assert "GW302" in (tmp_path / "r" / "report.html").read_text()
    assert "the budget is 1 %" in gradwell("show", "r", cwd=tmp_path).stdout


def test_a_run_cut_short_says_so(tmp_path):
    script(tmp_path, f"{TRAIN}\nfor i in range(9): step()\nraise KeyboardInterrupt")
    done = gradwell("run", "train.py", cwd=tmp_path)
    assert "the script was ended by SIGINT; what is said here is of the part that ran" in " ".join(done.stderr.split())
    script(tmp_path, f"{TRAIN}\nfor i in range(9): step()\nraise SystemExit(5)")
    done = gradwell("run", "train.py", cwd=tmp_path)
    assert "the script ended with exit status 5; what is said here is of the part that ran" in " ".join(done.stderr.split())


def test_gradwell_alone_explains_itself(tmp_path):
    alone = gradwell(cwd=tmp_path)
    assert (alone.returncode, alone.stderr) == (0, "")
    assert "Watch a training script and say what is wrong with it." in alone.stdout


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
