"""What is written for Trackio, read back from its own store."""

import subprocess
import sys

import pytest

from gradwell.integrations.trackers import Trackio
from tests.command import inside, script
from tests.integrations.tracking import COMMAND, SICK, numbers, often, same, trained  # noqa: F401 - a fixture

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Trackio reads where to write as it is imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACKIO_DIR", str(tmp_path_factory.mktemp("trackio")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        pytest.importorskip("trackio", reason="trackio is not installed; make test-integrations has it")
        from trackio.sqlite_storage import SQLiteStorage

        yield SQLiteStorage


def logged(store, project, run):
    """All numbers of a run, by name and step, and all else."""
    found, others = {}, {}
    for row in store.get_logs(project, run):
        for name, value in row.items():
            if name.startswith("gradwell/") and isinstance(value, float | int):
                assert row["step"] not in found.setdefault(name, {}), "sent twice"
                found[name][row["step"]] = value
            else:
                others[name] = value
    return found, others


def test_a_run_of_its_own_has_every_number_the_alert_and_the_report(store, capfd, often):  # noqa: F811
    session, state = trained(Trackio("mine", name="beside"))
    assert capfd.readouterr().out == ""
    assert same(state, trained()[1])
    found, others = logged(store, "mine", "beside")
    assert found == numbers(session.record)
    assert "GW302" in others["gradwell/report"]["_value"]
    (alert,) = store.get_alerts("mine")
    (finding,) = session.findings()
    assert (alert["title"], alert["level"], alert["step"], alert["run"]) == ("GW302 double-softmax at loss", "error", 1, "beside")
    assert finding.cause in alert["text"]
    assert finding.remedy in alert["text"]


def test_your_own_run_and_what_you_print_stay_as_they_are(store, capfd, often):  # noqa: F811
    import trackio

    run = trackio.init("shared", name="yours", config={"rate": 0.1}, auto_log_cpu=False)
    capfd.readouterr()

    def each(step):
        print(step)  # noqa: T201
        trackio.log({"mine": step})

    trained(Trackio("shared", name="ours"), each)
    assert capfd.readouterr().out.split() == [str(step) for step in range(40)]
    assert trackio.config is run.config
    trackio.finish()
    assert [(row["step"], row["mine"]) for row in store.get_logs("shared", "yours")] == [(step, step) for step in range(40)]
    assert logged(store, "shared", "ours")[0]


def test_run_and_track_begin_a_run_named_by_the_folder(store, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_PROJECT", "commands")
    script(tmp_path, SICK.format(steps=30, pause=0.05))
    result = inside("run", "--run-dir", "first", "--track", "trackio", "train.py", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "")
    assert "1 finding sent to trackio project commands" in result.stderr
    (tmp_path / "first").rename(tmp_path / "second")
    command = [sys.executable, "-c", COMMAND, "track", "second", "--to", "trackio"]
    sent = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert sent.stdout == ""  # even as Python ends
    assert sent.stderr.startswith("gradwell: ")
    first, second = (logged(store, "commands", name)[0] for name in ("first", "second"))
    assert first == second
    assert first["gradwell/loss"].keys() == set(range(1, 31))
