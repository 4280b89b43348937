"""`gradwell lab` as it is typed."""

import json
import re
import signal
import subprocess
import time

import pytest

from gradwell.lab import catalogue
from tests.command import GRADWELL, gradwell, inside

CLAIM = "sigmoid-gradient-dies"


def test_the_list_names_every_claim_with_its_verdict(tmp_path):
    result = inside("lab", cwd=tmp_path, env={"COLUMNS": "200"})
    assert result.returncode == 0, result.stderr
    for one in catalogue():
        assert re.search(rf"{one.question} +{one.id} +holds", result.stdout), one.id


def test_a_claim_is_measured_kept_and_listed(tmp_path):
    result = gradwell("lab", "run", CLAIM, "--quick", "--seeds", 3, "--results", "kept", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"{CLAIM}: holds\n")
    assert "control   function=relu: fails" in result.stdout
    kept = json.loads((tmp_path / "kept" / f"{CLAIM}.knobs.json").read_text())
    assert kept["seeds"] == 3
    assert kept["command"] == f"gradwell lab run {CLAIM} --seeds 3 --knob width=32 --knob examples=32"
    again = inside("lab", "run", CLAIM, "--quick", "--seeds", 3, "--results", "kept", "--missing", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, "nothing is missing: kept holds a result of all of them\n")


def test_a_claim_that_fails_ends_with_status_one(tmp_path):
    result = inside("lab", "run", CLAIM, "--quick", "--seeds", 1, "--knob", "function=tanh", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    assert result.stdout.startswith(f"{CLAIM}: fails\n")
    assert "knobs     function=tanh, width=32, examples=32" in result.stdout
    assert (tmp_path / "gradwell-runs" / "lab" / f"{CLAIM}.knobs.json").is_file()


def test_a_sweep_tells_the_verdict_of_each_value_and_does_nothing_twice(tmp_path):
    words = ["lab", "sweep", CLAIM, "function=sigmoid,tanh", "depth=4,8", "--quick", "--seeds", 1]
    result = inside(*words, cwd=tmp_path, env={"COLUMNS": "200"})
    assert result.returncode == 0, result.stderr
    for function, verdict in (("sigmoid", "holds"), ("tanh", "fails")):
        for depth in (4, 8):
            assert re.search(rf"^ *{function} +{depth} +{verdict} .*of {depth} layers", result.stdout, re.MULTILINE)
    table = json.loads((tmp_path / "gradwell-runs" / "lab" / f"{CLAIM}.sweep.json").read_text())
    assert [cell["word"] for cell in table["cells"]] == ["holds", "holds", "fails", "fails"]
    again = inside(*words, "--lang", "zh", cwd=tmp_path, env={"COLUMNS": "200"})
    assert again.returncode == 0, again.stderr
    assert re.search(r"sigmoid +4 +成立", again.stdout)
    assert json.loads((tmp_path / "gradwell-runs" / "lab" / f"{CLAIM}.sweep.json").read_text()) == table


def test_show_prints_the_last_result_and_the_knobs(tmp_path):
    result = inside("lab", "show", CLAIM, cwd=tmp_path, env={"COLUMNS": "120"})
    assert result.returncode == 0, result.stderr
    assert "shipped, by: gradwell lab run" in result.stdout
    assert re.search(r"function +sigmoid +activation +relu", result.stdout)


def test_everything_is_said_in_chinese_too(tmp_path):
    listed = inside("lab", "--lang", "zh", cwd=tmp_path, env={"COLUMNS": "200"})
    assert all(one.zh[:8] in listed.stdout for one in catalogue())
    shown = inside("lab", "show", CLAIM, "--lang", "zh", cwd=tmp_path)
    assert f"{CLAIM}: 成立" in shown.stdout
    measured = inside("lab", "run", CLAIM, "--quick", "--seeds", 1, "--lang", "zh", cwd=tmp_path)
    assert (measured.returncode, measured.stdout.partition("\n")[0]) == (0, f"{CLAIM}: 成立")
    explained = inside("explain", "GW201", "--lang", "zh", cwd=tmp_path)
    assert "## 原因" in explained.stdout
    assert "梯度" in inside("rules", "--lang", "zh", cwd=tmp_path).stdout


@pytest.mark.parametrize(("arguments", "said"), [
    (["run"], "name the claims to measure, or --all"),
    (["run", "sigmoid-gradient-die"], f"did you mean {CLAIM}?"),
    (["run", CLAIM, "--all"], "name the claims to measure, or --all"),
    (["run", CLAIM, "--knob", "deep=3"], f"{CLAIM} has no knob 'deep'; its knobs are function, depth"),
    (["run", CLAIM, "--knob", "depth=1"], "knob depth (layers) must be at least 2 and finite, not 1"),
    (["run", CLAIM, "--seeds", "0"], "seeds must be at least 1, not 0"),
    (["sweep", CLAIM, "depth=1,4"], "knob depth (layers) must be at least 2 and finite, not 1"),
    (["sweep", CLAIM, "depth=4,8", "--knob", "depth=5"], "depth is swept; it cannot be turned by --knob, too"),
    (["sweep", CLAIM, "depth=4", "--storage", "nowhere://db"], "the storage nowhere://db cannot be used"),
    (["show", "nothing"], "the lab has no claim 'nothing'"),
    (["measure"], "measure"),
])
def test_bad_input_ends_in_one_line_and_status_two(arguments, said, tmp_path):
    result = inside("lab", *arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert said in result.stderr


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_ends_it_at_once_with_one_line(jobs, tmp_path):
    command = [GRADWELL, "lab", "run", CLAIM, "--seeds", "100000", "--jobs", str(jobs)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline().startswith("measuring 200000 times")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines() == ["gradwell: interrupted; 0 of 1 claims are measured and kept in gradwell-runs/lab; --missing goes on"]
