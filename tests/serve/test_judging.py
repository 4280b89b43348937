import os
import threading
from concurrent.futures.process import BrokenProcessPool
from shutil import copytree

import pytest

from gradwell.errors import RecordError
from gradwell.report.assemble import of_record
from gradwell.report.json import as_json
from gradwell.serve.judging import Judge, judged


@pytest.fixture
def judge():
    found = Judge()
    yield found
    found.close()


def test_a_record_is_judged_as_gradwell_judge_does_and_only_once(judge, folder):
    path = folder / "sick" / "record.sqlite"
    found = judge.findings(path)
    assert [{key: value for key, value in finding.items() if key != "signals"} for finding in found["findings"]] == (
        as_json(of_record(path))["findings"])
    assert judge.findings(path) is found


def test_a_rank_that_ends_after_the_first_one_is_heard(judge, folder, tmp_path):
    copytree(folder / "sick", tmp_path / "sick")
    path = tmp_path / "sick" / "record.sqlite"
    found = judge.findings(path)
    (path.parent / "record-1-7.sqlite").write_bytes(path.read_bytes())
    judge.known[path].at = 0.0
    assert judge.findings(path) is not found


def test_a_judging_process_that_ends_is_said_and_another_takes_its_place(judge, folder):
    path = folder / "well" / "record.sqlite"
    with pytest.raises(BrokenProcessPool):
        judge.pool.submit(os._exit, 1).result(60)
    with pytest.raises(RecordError, match="could not be judged: the process was ended"):
        judge.findings(path)
    assert judge.findings(path)["learned"]["answer"] == "yes"


def test_a_record_that_is_judged_keeps_no_other_waiting(judge, folder):
    with judge.locks[folder / "rnn" / "record.sqlite"]:
        answered = []
        asking = threading.Thread(target=lambda: answered.append(judge.findings(folder / "sick" / "record.sqlite")))
        asking.start()
        asking.join(60)
    assert answered


def test_what_the_project_ignores_is_not_asked(folder, tmp_path, monkeypatch):
    path = folder / "sick" / "record.sqlite"
    codes = {finding["code"] for finding in judged(path)["findings"]}
    (tmp_path / "pyproject.toml").write_text(f"[tool.gradwell]\nignore = ['{min(codes)}']\n")
    monkeypatch.chdir(tmp_path)
    found = judged(path)
    assert min(codes) not in {finding["code"] for finding in found["findings"]}
    assert found["notices"][0].endswith(f"asks for ignore = {min(codes)}")
