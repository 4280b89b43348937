"""What is written for Weights & Biases, offline, read back from the run's own file."""

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradwell.integrations.trackers import WandB
from gradwell.integrations.trackers.tracker import Point
from tests.command import inside, ours, script
from tests.integrations.tracking import COMMAND, SICK, numbers, often, same, trained  # noqa: F401 - a fixture

wandb = pytest.importorskip("wandb", reason="wandb is not installed; make test-integrations has it")


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    for name, value in {"WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path), "WANDB_SILENT": "true", "WANDB_PROJECT": "mine",
                        "WANDB_CACHE_DIR": str(tmp_path / "cache"), "WANDB_DATA_DIR": str(tmp_path / "data"),
                        "WANDB_DISABLE_GIT": "true", "WANDB_ERROR_REPORTING": "false"}.items():
        monkeypatch.setenv(name, value)
    yield
    wandb.teardown()


BLOCK, HEADER = 32768, 7  # of the log format of LevelDB, in which wandb keeps a run


def logs(data):
    """The entries of a log; one that crosses the end of a block is in several pieces."""
    at, entry = HEADER, b""  # the file's own header has as many bytes as a piece's
    while at + HEADER <= len(data):
        left = BLOCK - at % BLOCK
        if left < HEADER:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", data[at:at + HEADER])
        entry += data[at + HEADER:at + HEADER + size]
        at += HEADER + size
        if kind in (1, 4):  # whole, or its last piece
            yield entry
            entry = b""


def records(folder):
    """Every record of every offline run below a folder, by run id."""
    from wandb.proto.wandb_internal_pb2 import Record

    wandb.teardown()  # its service writes the rest, as it does when a program ends
    return {path.stem.removeprefix("run-"): [Record.FromString(entry) for entry in logs(path.read_bytes())]
            for path in sorted(Path(folder).rglob("run-*.wandb"))}


def history(rows):
    return [{item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in row.history.item}
            for row in rows if row.WhichOneof("record_type") == "history"]


def alerts(rows):
    return [row.alert for row in rows if row.WhichOneof("record_type") == "alert"]


def test_a_run_of_its_own_has_every_number_the_alert_and_the_page(tmp_path, often):  # noqa: F811
    session, state = trained(WandB(name="beside"))
    assert same(state, trained()[1])
    (rows,) = records(tmp_path).values()
    found = {}
    for row in history(rows):
        for name, value in row.items():
            if name.startswith("gradwell/") and name != "gradwell/step":
                found.setdefault(name, {})[row["gradwell/step"]] = value
    assert found == numbers(session.record)
    (run,) = [row.run for row in rows if row.WhichOneof("record_type") == "run"]
    assert (run.display_name, run.project, run.job_type) == ("beside", "mine", "gradwell")
    assert any(row.metric.glob_name == "gradwell/*" and row.metric.step_metric == "gradwell/step" for row in rows)
    (alert,) = alerts(rows)
    (finding,) = session.findings()
    assert (alert.title, alert.level) == ("GW302 double-softmax at loss", "ERROR")
    assert finding.cause in alert.text
    assert finding.remedy in alert.text
    (artifact,) = [row.artifact for row in rows if row.WhichOneof("record_type") == "artifact"]
    assert [entry.path for entry in artifact.manifest.contents] == ["report.html"]


def logged(track, tmp_path):
    """Train with a run of the user's own, who logs as he likes: its rows."""
    with wandb.init(id="mine1234", dir=str(tmp_path)) as run:
        def each(step):
            time.sleep(0.05)
            if step % 4 == 0:
                run.log({"mine": step}, step=step // 4)

        session, _ = trained(WandB(run) if track else None, each)
    return session, records(tmp_path)["mine1234"]


def test_in_your_own_run_no_row_and_no_step_is_added(tmp_path, often):  # noqa: F811
    session, rows = logged(True, tmp_path / "with")
    found = history(rows)
    assert [(row["_step"], row["mine"]) for row in found] == [(step, 4 * step) for step in range(10)]
    plain = history(logged(False, tmp_path / "without")[1])
    assert [(row["_step"], row["mine"]) for row in plain] == [(row["_step"], row["mine"]) for row in found]
    known, seen = numbers(session.record), 0
    for row in found:
        for name, value in row.items():
            if name.startswith("gradwell/") and name != "gradwell/step":
                assert known[name][row["gradwell/step"]] == value
                seen += 1
    assert seen >= 20
    assert [alert.title for alert in alerts(rows)] == ["GW302 double-softmax at loss"]


def test_what_rides_on_a_row_of_yours_was_read_at_one_step(tmp_path):
    with wandb.init(id="mine1234", dir=str(tmp_path)) as run:
        tracker = WandB(run)
        tracker.begin()
        for points in ([("a", 10, 1.0), ("b", 10, 2.0)], [("a", 20, 3.0)], [("a", 30, 4.0), ("b", 30, 5.0)], [("b", 40, 6.0)]):
            tracker.points([Point(f"gradwell/{name}", step, value) for name, step, value in points])
        run.log({"mine": 1})
        tracker.points([Point("gradwell/a", 50, 7.0)])
        run.log({"mine": 2})
    found = [{name: value for name, value in row.items() if not name.startswith("_")} for row in history(records(tmp_path)["mine1234"])]
    assert found == [{"mine": 1, "gradwell/a": 4, "gradwell/b": 5, "gradwell/step": 30},
                     {"mine": 2, "gradwell/a": 7, "gradwell/step": 50}]


def test_a_script_with_a_run_of_its_own_gets_a_second_one_beside_it(tmp_path):
    script(tmp_path, "import wandb\nrun = wandb.init(id='theirs', name='theirs')\n" + SICK.format(steps=30, pause=0.05)
           + "\nrun.log({'mine': 1})\nrun.finish()\n")
    result = inside("run", "--run-dir", "run", "--track", "wandb", "train.py", cwd=tmp_path)
    assert result.returncode == 0
    assert result.stdout == ""
    assert "1 finding sent to wandb run run" in ours(result.stderr)
    found = records(tmp_path)
    assert [*history(found.pop("theirs"))[0]].count("mine") == 1
    ((_, rows),) = found.items()
    assert len(history(rows)) == 30
    assert [alert.title for alert in alerts(rows)] == ["GW302 double-softmax at loss"]


def test_a_run_that_was_ended_is_told_in_one_line(tmp_path, capfd):
    run = wandb.init(dir=str(tmp_path))
    run.finish()
    capfd.readouterr()
    _, state = trained(WandB(run))
    line = capfd.readouterr().err
    assert line.startswith("gradwell: wandb run ")
    assert line.count("\n") == 1
    assert same(state, trained()[1])


def service(of):
    """The process of wandb's own that serves another one."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode().split("\0")
            if words[0].endswith("wandb-core") and str(of) in words:
                return int(path.parent.name)
    return None


def test_a_service_that_is_killed_costs_the_run_nothing(tmp_path):
    script(tmp_path, SICK.format(steps=250, pause=0.05))
    command = [sys.executable, "-c", COMMAND, "run", "--run-dir", "run", "--track", "wandb", "train.py"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 60
        while (found := service(process.pid)) is None:
            assert time.monotonic() < until
            time.sleep(0.1)
        os.kill(found, signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=100)
    assert (process.returncode, stdout) == (0, "done\n")
    assert stderr.count("gradwell: wandb") == 1
    assert f"is whole; `gradwell track {tmp_path}/run` sends it again.\n" in stderr
    assert "Traceback" not in stderr
    assert "GW302" in ours(stderr)
    assert inside("track", "run", "--to", "wandb", cwd=tmp_path).returncode == 0
    assert max(len(history(rows)) for rows in records(tmp_path).values()) == 250
