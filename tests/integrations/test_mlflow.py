"""What is sent to MLflow, read back by its own client; and a server that is killed in mid-run."""

import os
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

from gradwell.integrations.trackers import MLflow
from tests.command import inside, ours, script
from tests.integrations.tracking import COMMAND, SICK, numbers, often, same, trained  # noqa: F401 - a fixture

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed; make test-integrations has it")
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:FutureWarning", "ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """A store of files, which MLflow's smallest package can write, too."""
    for name, value in {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1",
                        "MLFLOW_TRACKING_URI": (tmp_path / "mlruns").as_uri()}.items():
        monkeypatch.setenv(name, value)
    return mlflow.MlflowClient((tmp_path / "mlruns").as_uri())


def metrics(client, run):
    """All numbers of a run, by name and step."""
    found = {}
    for name in client.get_run(run).data.metrics:
        if name.startswith("gradwell/"):
            for metric in client.get_metric_history(run, name):
                assert metric.step not in found.setdefault(name, {}), "sent twice"
                found[name][metric.step] = metric.value
    return found


def test_the_active_run_gets_every_number_the_finding_and_the_page(store, tmp_path, often):  # noqa: F811
    with mlflow.start_run(run_name="mine") as run:
        session, state = trained(MLflow(), lambda step: mlflow.log_metric("mine", step, step=step))
        assert mlflow.active_run() is not None
    plain = trained()[1]
    assert same(state, plain)
    identity = run.info.run_id
    assert metrics(store, identity) == numbers(session.record)
    assert [metric.step for metric in store.get_metric_history(identity, "mine")] == list(range(40))
    (finding,) = session.findings()
    tag = store.get_run(identity).data.tags["gradwell.GW302.loss"]
    assert finding.cause in tag
    assert finding.remedy in tag
    assert mlflow.artifacts.load_dict(f"runs:/{identity}/gradwell/findings.json")["findings"][0]["code"] == "GW302"
    assert "GW302" in mlflow.artifacts.load_text(f"runs:/{identity}/gradwell/report.html")
    assert store.get_run(identity).info.status == "FINISHED"


def test_without_an_active_run_it_begins_one_of_its_own_and_ends_it(store, often):  # noqa: F811
    session, state = trained(MLflow(name="beside"))
    assert same(state, trained()[1])
    (run,) = store.search_runs(["0"])
    assert (run.info.run_name, run.info.status) == ("beside", "FINISHED")
    assert metrics(store, run.info.run_id) == numbers(session.record)


def test_a_run_that_is_kept_for_the_script_is_left_to_it(store, monkeypatch):
    kept = store.create_run("0", run_name="theirs").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", kept)
    trained(MLflow(name="beside"))
    assert os.environ["MLFLOW_RUN_ID"] == kept
    assert {run.info.run_name: run.info.status for run in store.search_runs(["0"])} == {"theirs": "RUNNING", "beside": "FINISHED"}
    assert store.get_run(kept).data.metrics == {}


def test_a_run_that_is_not_there_is_told_in_one_line(capfd):
    session, _ = trained(MLflow("nowhere"))
    line = capfd.readouterr().err
    assert line.startswith("gradwell: mlflow at file://")
    assert "nowhere" in line
    assert line.count("\n") == 1
    assert session.findings()


def test_an_address_where_nobody_answers_is_told_at_once(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free()}")
    begun = time.monotonic()
    _, state = trained(MLflow("any"))
    assert time.monotonic() - begun < 20
    assert "does not answer; nothing more is sent there. The report has it all." in capfd.readouterr().err
    assert same(state, trained()[1])
    trained(run_dir=tmp_path / "run")
    result = inside("track", "run", "--to", "mlflow", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("gradwell: mlflow at http://127.0.0.1:")
    assert result.stderr.endswith("does not answer; the record in run is untouched\n")


def free():
    """A port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def server(tmp_path):
    """Starts a server of MLflow, and kills it."""
    if find_spec("flask") is None:
        pytest.skip("mlflow's own server needs the whole package: pip install mlflow")
    port, started = free(), []

    def start():
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1",
                   "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db", "--artifacts-destination", str(tmp_path / "artifacts")]
        with (tmp_path / "server.txt").open("ab") as log:
            started.append(subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True))
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.2)
            else:
                return f"http://127.0.0.1:{port}"
        raise AssertionError((tmp_path / "server.txt").read_text())

    def kill():
        os.killpg(started[-1].pid, signal.SIGKILL)
        started.pop().wait()

    yield start, kill
    while started:
        kill()


def test_a_server_that_is_killed_costs_the_run_nothing_and_the_record_is_sent_again(server, store, tmp_path, monkeypatch):
    start, kill = server
    address = start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    client = mlflow.MlflowClient(address)
    script(tmp_path, SICK.format(steps=300, pause=0.05))
    command = [sys.executable, "-c", COMMAND, "run", "--run-dir", "run", "--track", "mlflow", "train.py"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 60
        while not (begun := [run.info.run_id for run in client.search_runs(["0"]) if run.data.metrics]):
            assert time.monotonic() < until
            time.sleep(0.2)
        (identity,) = begun
        assert process.poll() is None
        kill()
        stdout, stderr = process.communicate(timeout=100)
    assert (process.returncode, stdout) == (0, "done\n")
    line = (f"gradwell: mlflow at {address} does not answer; nothing more is sent there. The record in {tmp_path}/run is whole; "
            f"`gradwell track {tmp_path}/run` sends it again.\n")
    assert stderr.count(line) == stderr.count("mlflow") == 1
    assert "GW302" in ours(stderr)
    cut = metrics(mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db"), identity)
    assert 0 < len(cut["gradwell/loss"]) < 300
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    assert inside("track", "run", "--to", "mlflow", cwd=tmp_path).returncode == 0
    (whole,) = store.search_runs(["0"])
    whole = metrics(store, whole.info.run_id)
    assert whole["gradwell/loss"].keys() == set(range(1, 301))
    assert cut["gradwell/loss"].items() <= whole["gradwell/loss"].items()
