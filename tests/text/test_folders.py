"""Folders of tables: every table gives one of its own name, whole or not at all, and a job that was killed goes on."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from gradwell.errors import DataError, ModelFileError, OptionError, TargetError
from gradwell.text import files, folders, ledger, processes, tables, train_supervised, train_unsupervised
from gradwell.text.tables import Job
from tests.command import inside

pa = pytest.importorskip("pyarrow")
pc = pytest.importorskip("pyarrow.csv")
pq = pytest.importorskip("pyarrow.parquet")

LINES = [f"__label__{'good' if i % 2 else 'bad'} {'fine nice' if i % 2 else 'poor sad'} word{i % 7}" for i in range(60)]
JOB = Job("text", threads=1)
NAMES = ("a.parquet", "below/b.parquet", "below/deeper/c.jsonl", "d.csv")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.bin"
    train_supervised(LINES, epoch=20, lr=0.5, dim=8, thread=1, verbose=0).save_model(path)
    return str(path)


def texts(name, rows=50):
    return [None if i == 7 else f"fine word{i % 9} {'sad ' * (i % 3)}{name}" for i in range(rows)]


@pytest.fixture
def folder(tmp_path):
    """Tables of several kinds in folders below folders, and what is none."""
    where = tmp_path / "in"
    for name in NAMES:
        write(where / name, texts(name))
    for name in ("README.md", "_SUCCESS", ".hidden.parquet", "_logs/x.parquet"):
        (where / name).parent.mkdir(exist_ok=True)
        (where / name).write_text("no table")
    return where


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({"number": range(len(rows)), "text": pa.array(rows, pa.string())})
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=20)
    elif path.suffix == ".csv":
        pc.write_csv(table, path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))


def contents(folder):
    """Every file below a folder, by its name, but for those of the job itself."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ledger.NAME}


def expected(model, folder, out, names=NAMES, job=JOB):
    """What `tables.predict` writes of each table."""
    one = files.load(model)
    one.work.pays(10**9)
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        tables.predict(one, [str(folder / name)], str(out / name), job)
    return contents(out)


def in_turn(model, left, job):
    """Label the tables in this process, which is quicker than to start others."""
    yield from map(partial(folders.label, model, job), left)


def label(model, folder, out, job=JOB, run=in_turn, **options):
    return folders.predict(model, str(folder), str(out), job, run, **options)


def stops_after(n):
    """A job that is cut off after n tables."""
    def run(model, left, job):
        yield from in_turn(model, left[:n], job)
        raise KeyboardInterrupt
    return run


def test_every_table_gives_one_of_its_own_name_and_processes_write_what_one_would(model, folder, tmp_path):
    tally = label(model, folder, tmp_path / "out", Job("text", threads=2), folders.here)
    assert (tally.tables, tally.done, tally.before, tally.rows, tally.failed) == (4, 4, 0, 200, [])
    assert contents(tmp_path / "out") == expected(model, folder, tmp_path / "expected")


def test_a_second_call_does_what_is_left_and_no_more(model, folder, tmp_path):
    out, told = tmp_path / "out", []
    with pytest.raises(KeyboardInterrupt):
        label(model, folder, out, run=stops_after(2))
    assert len(contents(out)) == 2
    before = {name: os.stat(out / name).st_mtime_ns for name in contents(out)}
    tally = label(model, folder, out, tell=lambda tally: told.append(tally.done))
    assert (tally.tables, tally.before, tally.rows, told) == (2, 2, 100, [0, 1, 2])
    assert {name: os.stat(out / name).st_mtime_ns for name in before} == before
    assert contents(out) == expected(model, folder, tmp_path / "expected")
    assert label(model, folder, out).tables == 0


def test_a_table_that_changed_or_whose_labels_are_gone_is_labelled_again(model, folder, tmp_path):
    label(model, folder, tmp_path / "out")
    write(folder / "a.parquet", texts("other"))
    (tmp_path / "out" / "d.csv").unlink()
    assert label(model, folder, tmp_path / "out").tables == 2
    assert contents(tmp_path / "out") == expected(model, folder, tmp_path / "expected")


def test_what_writers_that_were_killed_left_is_swept_away(model, folder, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        label(model, folder, tmp_path / "out", run=stops_after(1))
    (tmp_path / "out" / ".d.csv.0123abcd").write_text("half")
    (tmp_path / "out" / "mine.txt").write_text("mine")
    (tmp_path / "out" / "d.csv").write_text("written, but not noted")
    with (tmp_path / "out" / ledger.NAME).open("ab") as file:
        file.write(b'{"table": "d.csv", "ro')
    label(model, folder, tmp_path / "out")
    found = contents(tmp_path / "out")
    assert found.pop("mine.txt") == b"mine"
    assert found == expected(model, folder, tmp_path / "expected")
    assert label(model, folder, tmp_path / "out").tables == 0  # every line of the ledger can be read


def test_what_a_job_that_was_killed_at_its_end_left_is_swept_away_though_nothing_is_left_to_do(model, folder, tmp_path):
    label(model, folder, tmp_path / "out")
    for name in (folders.MAPPED, f".{folders.MAPPED}.0123abcd"):
        (tmp_path / "out" / name).write_text("a model")
    assert label(model, folder, tmp_path / "out").tables == 0
    assert contents(tmp_path / "out").keys() == set(NAMES)


def test_a_process_that_outlives_a_job_asks_the_model_of_the_next_one(model, folder, tmp_path):
    other = tmp_path / "other.bin"
    train_supervised([line.replace("good", "wonderful") for line in LINES], epoch=20, lr=0.5, dim=8, thread=1, verbose=0).save_model(other)
    for one, name in ((model, "good"), (str(other), "wonderful")):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)  # and so both are mapped at the same path
        label(one, folder, tmp_path / "out")
        found = pq.read_table(tmp_path / "out" / "a.parquet")["label"].to_pylist()
        assert f"__label__{name}" in found


def test_linked_folders_are_read_but_for_those_that_lead_back(model, folder, tmp_path):
    write(tmp_path / "elsewhere" / "e.parquet", texts("e"))
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "below" / "back").symlink_to(folder)
    label(model, folder, tmp_path / "out")
    assert contents(tmp_path / "out").keys() == {*NAMES, "link/e.parquet"}


def test_a_table_that_is_gone_is_named_and_the_others_are_done(model, folder, tmp_path):
    (folder / "gone.parquet").symlink_to(tmp_path / "nowhere")
    tally = label(model, folder, tmp_path / "out")
    assert [outcome.error for outcome in tally.failed] == [f"{folder / 'gone.parquet'} does not exist"]
    assert contents(tmp_path / "out").keys() == set(NAMES)


def test_a_folder_that_cannot_be_listed_is_an_error_rather_than_passed_over(model, folder, tmp_path, monkeypatch):
    listed = os.scandir

    def refused(path):
        if str(path).endswith("deeper"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(DataError, match="below/deeper cannot be read: Permission denied"):
        label(model, folder, tmp_path / "out")


BAD = {
    "cut.parquet": (b"PAR1 and no more", "cut.parquet cannot be read"),
    "broken.jsonl": (b'{"text": "fine"}\n{"text": \n', "broken.jsonl, line 2, is not JSON"),
    "other.csv": (b"txt\nfine\n", "other.csv has no column 'text'"),
    "empty.parquet": (b"", "empty.parquet cannot be read"),
}


def test_tables_that_cannot_be_read_are_named_and_the_others_are_done(model, folder, tmp_path):
    for name, (data, _) in BAD.items():
        (folder / name).write_bytes(data)
    tally = label(model, folder, tmp_path / "out", Job("text", threads=2), folders.here)
    assert {Path(outcome.piece.name).name for outcome in tally.failed} == set(BAD)
    errors = " | ".join(outcome.error for outcome in tally.failed)
    assert all(message in errors for _, message in BAD.values())
    assert contents(tmp_path / "out") == expected(model, folder, tmp_path / "expected")
    (folder / "broken.jsonl").write_text('{"text": "fine"}\n')
    again = label(model, folder, tmp_path / "out")
    assert (again.tables, again.before, again.rows, len(again.failed)) == (4, 4, 1, 3)


def test_a_folder_holds_the_labels_of_one_job(model, folder, tmp_path):
    out = tmp_path / "out"
    label(model, folder, out, Job("none", threads=1))  # no table has it, so nothing is begun
    label(model, folder, out)
    other = tmp_path / "other.bin"
    train_supervised(LINES, epoch=1, dim=8, thread=1, verbose=0).save_model(other)
    (tmp_path / "in2").mkdir()
    write(tmp_path / "in2" / "a.parquet", texts("a"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("dear")
    wrong = {
        "begun with k 1, and now it is 2": (model, folder, out, Job("text", 2)),
        'begun with column "text", and now it is "txt"': (model, folder, out, Job("txt")),
        'keep null, and now it is \\["number"\\]': (model, folder, out, Job("text", keep=["number"])),
        "begun with model": (str(other), folder, out, Job("text")),
        "begun with input": (model, tmp_path / "in2", out, Job("text")),
        "full is not empty": (model, folder, tmp_path / "full", Job("text")),
        "lies in the folder to read": (model, folder, folder / "out", Job("text")),
        "is a file": (model, folder, tmp_path / "other.bin", Job("text")),
        "holds no table": (model, tmp_path / "full", out, Job("text")),
    }
    for message, arguments in wrong.items():
        with pytest.raises(DataError, match=message):
            label(*arguments)
    with pytest.raises(OptionError, match="k is 0"):
        label(model, folder, out, Job("text", 0))
    with pytest.raises(ModelFileError, match="nowhere cannot be opened"):
        label("nowhere", folder, out)
    (tmp_path / "words").write_text("a b c d e\n" * 20)
    train_unsupervised(str(tmp_path / "words"), minCount=1, dim=4, epoch=1, thread=1, verbose=0).save_model(tmp_path / "vectors.bin")
    with pytest.raises(DataError, match="supervised"):
        label(str(tmp_path / "vectors.bin"), folder, tmp_path / "out2")
    label(model, folder, tmp_path / "out2")
    with ledger.opened(tmp_path / "held", {}), pytest.raises(DataError, match="another process is writing to"):
        label(model, folder, tmp_path / "held")
    (out / ledger.NAME).write_text("{\n{}\n")
    with pytest.raises(DataError, match="damaged"):
        label(model, folder, out)


def test_packed_tables_lose_their_last_ending_and_two_may_not_become_one(model, tmp_path):
    import gzip

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl.gz").write_bytes(gzip.compress(b'{"text": "fine"}\n'))
    label(model, tmp_path / "in", tmp_path / "out")
    assert [*contents(tmp_path / "out")] == ["a.jsonl"]
    (tmp_path / "in" / "a.jsonl").write_text('{"text": "fine"}\n')
    with pytest.raises(DataError, match=r"would both be written to .*out/a.jsonl; rename one"):
        label(model, tmp_path / "in", tmp_path / "out")


def test_a_mapped_model_says_the_same_and_only_a_model_that_is_not_mapped_is_copied(model, folder, tmp_path):
    seen = []

    def run(path, left, job):
        seen.append(Path(path))
        return in_turn(path, left, job)

    label(model, folder, tmp_path / "out", run=run)
    files.save(files.load(model), tmp_path / "model.safetensors")
    label(str(tmp_path / "model.safetensors"), folder, tmp_path / "out2", run=run)
    assert contents(tmp_path / "out") == contents(tmp_path / "out2")
    assert seen == [tmp_path / "out" / folders.MAPPED, tmp_path / "model.safetensors"]
    assert not seen[0].exists()


def slow(seconds, piece):
    time.sleep(seconds)
    return os.getpid()


def kill_yourself(piece):
    if piece == "bad":
        os.kill(os.getpid(), signal.SIGKILL)
    return piece.upper()


def test_a_process_that_is_killed_is_replaced_and_its_table_named():
    found = dict(processes.each(kill_yourself, ["a", "bad", "b", "c"], 1))
    assert found == {"a": "A", "bad": processes.Died("the process that worked on it was killed by SIGKILL"), "b": "B", "c": "C"}


def test_processes_end_when_nobody_asks_any_more():
    answers = processes.each(partial(slow, 0.01), range(100), 2)
    pids = {next(answers)[1] for _ in range(6)}
    answers.close()
    assert not any(alive(pid) for pid in pids)


def fails_to_load(piece):
    return piece


fails_to_load.__module__ = "no_such_module"


def test_processes_that_cannot_start_are_an_error_rather_than_started_again(monkeypatch, capfd):
    module = type(sys)("no_such_module")
    module.fails_to_load = fails_to_load
    monkeypatch.setitem(sys.modules, "no_such_module", module)
    with pytest.raises(TargetError, match="ended with status 1"):
        list(processes.each(fails_to_load, range(10), 2))


def alive(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def children(pid):
    return [int(found) for found in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)
    return found


@pytest.fixture
def long(tmp_path):
    """A folder that takes some seconds."""
    for i in range(6):
        write(tmp_path / "in" / f"{i}.jsonl", texts("word " * 10, 10_000))
    return tmp_path / "in"


def command(model, folder, out):
    code = "from gradwell.cli.main import main; main()"
    words = ["text", "predict", model, "-input", str(folder), "-column", "text", "-output", str(out), "-threads", "2"]
    return subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda by: by.name)
def test_a_job_that_is_killed_leaves_whole_tables_and_no_process_and_goes_on(model, long, tmp_path, by):
    out = tmp_path / "out"
    with command(model, long, out) as job:
        until(lambda: (out / ledger.NAME).exists() and (out / ledger.NAME).read_text().count('"rows"'))
        pids = children(job.pid)
        job.send_signal(by)
        _, said = job.communicate(timeout=60)
    until(lambda: not any(alive(pid) for pid in pids), 10)
    if by == signal.SIGINT:
        assert job.returncode == 130
        assert "Traceback" not in said
        assert "of 6 tables are not labelled; the same command does what is left" in said
    for path in out.glob("[0-9].jsonl"):
        assert len(path.read_text().splitlines()) == 10_000
    tally = label(model, long, out)
    assert 0 < tally.tables < 6
    assert contents(out) == expected(model, long, tmp_path / "expected", [f"{i}.jsonl" for i in range(6)])


def test_a_worker_that_is_killed_costs_its_table_alone_and_the_next_call_does_it(model, long, tmp_path):
    out = tmp_path / "out"
    with command(model, long, out) as job:
        until(lambda: out.exists() and any(out.glob(".*.jsonl.*")))
        os.kill(children(job.pid)[-1], signal.SIGKILL)
        _, said = job.communicate(timeout=120)
    assert job.returncode == 1
    assert "5 of 6 tables labelled" in said
    assert ".jsonl: the process that worked on it was killed by SIGKILL" in said
    assert label(model, long, out).tables == 1
    assert contents(out) == expected(model, long, tmp_path / "expected", [f"{i}.jsonl" for i in range(6)])


def test_the_command_labels_a_folder_and_its_exit_status_says_whether_all_of_it(model, folder, tmp_path):
    words = ("text", "predict", model, "-input", folder, "-column", "text", "-output", tmp_path / "out", "-threads", "1")
    done = inside(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "4 of 4 tables labelled, 200 rows" in done.stderr
    assert inside(*words, cwd=tmp_path).stderr == "nothing is left to do: all 4 tables were labelled before\n"
    for i in range(12):
        (folder / f"cut{i}.parquet").write_bytes(b"PAR1")
    done = inside(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert "0 of 12 tables labelled" in done.stderr
    assert "4 were done before" in done.stderr
    assert done.stderr.count("cut") == 10
    assert f"\ngradwell: {folder}/cut" in done.stderr
    assert "... and 2 more" in done.stderr
    done = inside(*words, "-k", "2", cwd=tmp_path)
    assert done.returncode == 2
    assert "begun with k 1, and now it is 2" in done.stderr
    done = inside(*words, "-input", folder / "a.parquet", "-ray", "auto", cwd=tmp_path)
    assert done.returncode == 2
    assert "-ray labels the tables of a folder" in done.stderr
