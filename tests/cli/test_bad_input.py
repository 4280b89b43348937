"""Bad input ends in one clear line and exit status 2, and the script runs wherever it can."""

import contextlib
import os
import re
import subprocess
import sys
import time

import pytest

from gradwell.doctor.catalogue import catalogue
from gradwell.doctor.record import Record
from tests.command import GRADWELL, TRAIN, gradwell, inside, ours, script


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    script(folder, "print('ran')\n")
    script(folder, "", "empty.py")
    script(folder, "Dear diary, today nothing converged.\n", "notes.txt")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (folder / "binary.py").write_bytes(b"\x7fELF\0\0")
    (folder / "plain").mkdir()
    (folder / "nothing.sqlite").write_bytes(b"")
    (folder / "torn.sqlite").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    (folder / "text.sqlite").write_text("not a database at all" * 100)
    import sqlite3

    with contextlib.closing(sqlite3.connect(folder / "foreign.sqlite")) as db:
        db.execute("create table site (x)")
    for name in ("later", "nonsense", "flipped"):
        record = Record.create(folder / f"{name}.sqlite")
        record.add("loss", record.site("loss", "loss"), 1, 1.0)
        record.fact("chain", 1, 1, {"operations": []})
        record.close()
    with contextlib.closing(sqlite3.connect(folder / "later.sqlite")) as db:
        db.execute("pragma user_version=99")
    with contextlib.closing(sqlite3.connect(folder / "nonsense.sqlite")) as db:
        db.execute("update reading set value='{' where signal='chain'")
        db.execute("update reading set value='many' where signal='loss'")
        db.commit()
    data = bytearray((folder / "flipped.sqlite").read_bytes())
    data[4096:4200] = b"\xff" * 104
    (folder / "flipped.sqlite").write_bytes(data)
    return folder


@pytest.mark.parametrize(("arguments", "says"), [
    ("run", "Missing argument 'SCRIPT"),
    ("run nosuch.py", "no script 'nosuch.py' here and no command of that name"),
    ("run plain", "plain is a folder without a __main__.py"),
    ("run picture.png", "picture.png is not a Python script: it holds binary data"),
    ("run binary.py", "binary.py is not a Python script: it holds binary data"),
    ("run notes.txt", "notes.txt is not a Python script: line 1: invalid syntax"),
    ("run empty.py", "empty.py is empty; there is nothing to watch"),
    ("run --speed train.py", "No such option: --speed"),
    ("run --every often train.py", "Invalid value for '--every'"),
    ("run --fail-on always train.py", "Invalid value for '--fail-on': 'always' is not one of 'error', 'warning', 'note', 'never'; "
                                      "see `gradwell run --help`"),
    ("run --budget much train.py", "--budget much is no share of the run's time"),
    ("run --budget 300% train.py", "--budget 300% is no share"),
    ("run --budget nan train.py", "--budget nan is no share"),
    ("run --rules GW999 train.py", "no rule has the code or name 'GW999'"),
    ("run --ignore dead train.py", "no rule has the code or name 'dead'"),
    (f"run {'x' * 5000}", "cannot read x"),
    ("explain GW999", "there is no rule 'GW999'; the rules are GW101, GW102"),
    ("explain", "Missing argument 'RULE'"),
    ("fly", "No such command 'fly'"),
    ("judge nosuch", "no record at nosuch"),
    ("judge plain", "no record at plain"),
    ("judge nothing.sqlite", "nothing.sqlite is not a record of gradwell"),
    ("judge foreign.sqlite", "foreign.sqlite is not a record of gradwell"),
    ("judge torn.sqlite", "torn.sqlite is damaged or not a record of gradwell"),
    ("judge text.sqlite", "text.sqlite is damaged or not a record of gradwell: file is not a database"),
    ("judge later.sqlite", "later.sqlite has record version 99; this gradwell reads version 1"),
    ("judge nonsense.sqlite", "nonsense.sqlite cannot be judged, it may be damaged"),
    ("judge flipped.sqlite", "flipped.sqlite is damaged"),
    (f"judge {'x' * 5000}", "cannot read x"),
    ("show foreign.sqlite", "foreign.sqlite is not a record of gradwell"),
    ("runs nosuch", "there is no folder nosuch here"),
])
def test_it_is_told_in_one_line_with_status_2(arguments, says, folder):
    done = inside(*arguments.split(), cwd=folder)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"gradwell: [^\n]+\n", done.stderr), done.stderr
    assert says in done.stderr
    assert not (folder / "gradwell-runs").exists(), "no empty folder is left behind"


def test_what_is_wrong_inside_a_python_file_python_says(folder):
    script(folder, "def (:\n", "broken.py")
    done = gradwell("run", "broken.py", cwd=folder)
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr


def test_where_no_folder_can_be_made_the_script_runs_and_the_record_goes_elsewhere(folder, tmp_path):
    (tmp_path / "file").write_text("")
    script(tmp_path, "print('ran')")
    for options, temporary in ((["--run-dir", "file/below"], str(tmp_path)), (["--run-dir", "file"], "/nosuch/folder"),
                               (["--json", "file/x.json", "--html", "/proc/x.html"], str(tmp_path))):
        done = gradwell("run", *options, "train.py", cwd=tmp_path, env={"TMPDIR": temporary})
        assert done.stdout == "ran\n"
        assert done.returncode == 0
        if "--json" in options:
            assert "gradwell: cannot write file/x.json: Not a directory\n" in done.stderr
            assert "gradwell: cannot write /proc/x.html: No such file or directory\n" in done.stderr
        else:
            assert f"{options[1]} cannot be written" in done.stderr, done.stderr
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "train.py"], "no empty folder is left behind"


def test_a_folder_that_holds_a_record_is_not_used_again(tmp_path):
    script(tmp_path, "print('ran')")
    Record.create(tmp_path / "record.sqlite").close()
    done = gradwell("run", "--run-dir", ".", "train.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "gradwell: . already holds a record; choose another --run-dir, or remove it\n")


def test_a_torch_that_is_missing_broken_or_too_old_is_named_and_the_script_runs(tmp_path):
    script(tmp_path, """
try:
    import torch
except ImportError as error:
    print(type(error).__name__, error)
print("ran")
""")
    missing = 'raise ModuleNotFoundError("No module named \'torch\'", name="torch")'
    cases = {
        "missing": (missing, "torch could not be imported: ModuleNotFoundError: No module named 'torch'"),
        "broken": ("raise ImportError('libcudart.so.9')", "torch could not be imported: ImportError: libcudart.so.9"),
        "old": ("__version__ = '2.3.0+cu118'", "torch 2.3.0+cu118 is too old to be watched; Gradwell needs 2.6 or later"),
    }
    for name, (text, says) in cases.items():
        script(tmp_path, text, f"{name}/torch/__init__.py")
        done = gradwell("run", "train.py", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / name)})
        assert done.stdout.endswith("ran\n")
        assert (done.returncode, done.stderr) == (0, f"gradwell: nothing was measured: {says}.\n")
    script(tmp_path, "import torch", "fails.py")
    done = gradwell("run", "fails.py", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "missing")})
    assert done.returncode == 1
    assert "sitecustomize" not in done.stderr, "no frame of ours in the traceback"
    bare = gradwell("run", sys.executable, "-S", "train.py", cwd=tmp_path)  # without site-packages, and without us
    assert bare.stdout == "ModuleNotFoundError No module named 'torch'\nran\n"
    assert not (tmp_path / "gradwell-runs").exists()


def test_a_script_that_never_trains_is_told_so(tmp_path):
    script(tmp_path, "import torch\nprint(torch.nn.Linear(2, 2)(torch.ones(2)).shape)")
    done = gradwell("run", "train.py", cwd=tmp_path)
    assert done.stderr == "gradwell: nothing was measured: the script did not train with torch: backward() was never called on a loss.\n"
    assert os.listdir(tmp_path) == ["train.py"]


def test_on_a_full_disk_the_script_runs_to_its_end_and_the_summary_says_what_was_lost(tmp_path):
    script(tmp_path, f"""{TRAIN}
import os, resource, time
def train(seconds):
    end = time.time() + seconds
    while time.time() < end:
        step()
        time.sleep(0.005)
train(1.1)
full = os.path.getsize("r/record.sqlite-wal")
resource.setrlimit(resource.RLIMIT_FSIZE, (full, full))
train(1.1)
print("ran")
""")
    done = gradwell("run", "--run-dir", "r", "--every", "1", "train.py", cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("ran\n", 0)
    lost = r"gradwell: the record could not be written any more, from step \d+ of the run on: [^\n]+\ngradwell: "
    assert re.match(lost, done.stderr), done.stderr
    assert "the record has no end" in done.stderr


def test_where_a_record_cannot_even_be_begun_the_script_runs(tmp_path):
    script(tmp_path, f"""{TRAIN}
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
for i in range(9): step()
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
print("ran")
""")
    done = gradwell("run", "train.py", cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("ran\n", 0)
    assert re.match(r"gradwell: cannot write the record [^\n]+; nothing of this run was kept\n", done.stderr), done.stderr
    assert done.stderr.endswith("gradwell: nothing was measured: the record could not be written.\n")
    assert os.listdir(tmp_path) == ["train.py"]


def test_a_killed_run_loses_its_last_second_at_most(tmp_path):
    script(tmp_path, f"""{TRAIN}
import itertools, os, time
print(os.getpid(), flush=True)
for i in itertools.count(1):
    step()
    print(i, time.time(), flush=True)
    time.sleep(0.02)
""")
    process = subprocess.Popen([GRADWELL, "run", "--run-dir", "r", "train.py"], cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    begun = time.time()
    lines = []
    while time.time() < begun + 3:
        lines.append(process.stdout.readline().split())
    os.kill(child, 9)
    rest, stderr = process.communicate(timeout=30)
    lines += [line.split() for line in rest.split("\n") if line]
    assert process.returncode == -9
    assert "the record has no end" in ours(stderr)
    times = {int(step): float(when) for step, when in lines}
    record = Record.open(tmp_path / "r")
    last = record.series("loss")[-1][0]
    assert times[max(times)] - times[last] < 1.0
    assert record._db.execute("pragma journal_mode").fetchone() == ("wal",)
    assert (tmp_path / "r" / "record.sqlite-wal").exists()
    judged = gradwell("judge", "r", cwd=tmp_path)
    assert judged.returncode == 0
    assert f"{len(catalogue())} rules checked over {last} steps" in judged.stdout
