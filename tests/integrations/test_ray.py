"""Folders labelled on a Ray cluster: the tables that processes of one machine write, whatever is killed meanwhile."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradwell.errors import DependencyError, OptionError, TargetError
from gradwell.integrations import ray_text
from gradwell.text import folders, ledger, tables, train_supervised
from gradwell.text.tables import Job
from tests.text.test_folders import LINES, children, contents, expected, texts, until, write

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'gradwell[ray]'")
pytest.importorskip("pyarrow")
NAMES = [f"{i}.jsonl" for i in range(5)]
QUIET = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.bin"
    train_supervised(LINES, epoch=20, lr=0.5, dim=8, thread=1, verbose=0).save_model(path)
    return str(path)


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two processors that is there already, at its address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init("local", num_cpus=2, **QUIET)
        yield ray.get_runtime_context().gcs_address
        ray.shutdown()


@pytest.fixture
def long(tmp_path):
    """A folder that takes some seconds."""
    for name in NAMES:
        write(tmp_path / "in" / name, texts("word " * 10, 10_000))
    return tmp_path / "in"


def writer_of(out):
    """The process that writes a table of this folder just now."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link).startswith(f"{out}/."):
                return int(link.parts[2])
        except OSError:
            continue
    return None


def command(model, folder, out, address):
    """`gradwell text predict ... -ray ADDRESS` in a process of its own."""
    words = ["text", "predict", model, "-input", str(folder), "-column", "text", "-output", str(out), "-ray", address]
    code = "from gradwell.cli.main import main; main()"
    return subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True)


def test_a_worker_that_is_killed_is_replaced_and_what_was_written_is_whole_and_exact(cluster, model, long, tmp_path):
    out, killed = tmp_path / "out", []

    def tell(tally):
        if tally.done == 1 and not killed:
            killed.append(until(lambda: writer_of(out)))
            os.kill(killed[0], signal.SIGKILL)

    tally = folders.predict(model, str(long), str(out), Job("text"), ray_text.on("auto"), tell)
    assert killed, "no process was at work"
    assert (tally.done, tally.rows, tally.failed) == (5, 50_000, [])
    assert contents(out) == expected(model, long, tmp_path / "expected", NAMES)
    assert ray.is_initialized()  # what was there before stays


def test_a_driver_that_is_killed_leaves_whole_tables_and_the_next_does_the_rest(cluster, model, long, tmp_path):
    out = tmp_path / "out"
    with command(model, long, out, cluster) as job:
        until(lambda: (out / ledger.NAME).exists() and (out / ledger.NAME).read_text().count('"rows"'))
        job.kill()
    whole = [path for path in out.glob("[0-9].jsonl") if len(path.read_text().splitlines()) == 10_000]
    assert len(whole) == len(list(out.glob("[0-9].jsonl")))
    tally = folders.predict(model, str(long), str(out), Job("text"), ray_text.on("auto"))
    assert 0 < tally.before < 5
    assert tally.failed == []
    assert contents(out) == expected(model, long, tmp_path / "expected", NAMES)


def test_tables_that_cannot_be_labelled_are_named_and_the_others_are_done(cluster, model, tmp_path):
    write(tmp_path / "in" / "good.parquet", texts("x"))
    (tmp_path / "in" / "cut.parquet").write_bytes(b"PAR1")
    tally = folders.predict(model, str(tmp_path / "in"), str(tmp_path / "out"), Job("text", 2, threads=2), ray_text.on("auto"))
    assert tally.rows == 50
    assert "cut.parquet cannot be read" in tally.failed[0].error


def test_more_threads_than_any_node_has_are_refused_rather_than_waited_for(cluster, model, tmp_path):
    write(tmp_path / "in" / "a.parquet", texts("x"))
    with pytest.raises(OptionError, match="threads is 64, and no node of the Ray cluster has more than 2 processors"):
        folders.predict(model, str(tmp_path / "in"), str(tmp_path / "out"), Job("text", threads=64), ray_text.on("auto"))


def test_a_task_that_is_killed_every_time_is_told_in_one_line(cluster, tmp_path):
    piece = folders.Piece("a.parquet", "in/a.parquet", "out/a.parquet", (0, 0))
    told = ray_text.outcome(ray, ray.remote(max_retries=0)(die).remote(), piece)
    assert told.error.startswith("in/a.parquet: ")
    assert "\n" not in told.error


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")  # Ray Data sets deprecated options of its own
def test_batches_of_a_ray_dataset_get_the_same_labels(cluster, model, tmp_path):
    pytest.importorskip("ray.data")
    import pyarrow.parquet as pq

    write(tmp_path / "in.parquet", texts("x", 500))
    data = ray.data.from_arrow(pq.read_table(tmp_path / "in.parquet"))
    job = Job("text", 2, threads=1)
    found = data.map_batches(ray_text.Labels, fn_constructor_args=(model, job), batch_format="pyarrow", batch_size=64, concurrency=1)
    one = folders.loaded(model, 1)
    tables.predict(one, [str(tmp_path / "in.parquet")], str(tmp_path / "out.parquet"), job)
    assert sorted(found.take_all(), key=lambda row: row["number"]) == pq.read_table(tmp_path / "out.parquet").to_pylist()


def test_where_no_cluster_answers_it_is_said_at_once(model, tmp_path):
    write(tmp_path / "in" / "a.parquet", texts("a"))
    started = time.monotonic()
    for address in ("127.0.0.1:9", "ray://127.0.0.1:9", "127.0.0.1:x"):
        with pytest.raises(TargetError, match=f"there is no Ray cluster at '{address}'"):
            ray_text.reach(address)
    assert time.monotonic() - started < 30


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DependencyError, match=r"pip install 'gradwell\[ray\]'"):
        ray_text.package()


def test_a_cluster_of_our_own_ends_with_its_driver_however_it_ends(model, long, tmp_path):
    out = tmp_path / "out"
    with command(model, long, out, "local") as job:
        writer = until(lambda: writer_of(out))
        started = children(job.pid)
        job.kill()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in [*started, writer]))
    with command(model, long, out, "local") as job:
        _, said = job.communicate(timeout=300)
    assert job.returncode == 0, said
    assert " tables labelled, " in said
    assert len(said.splitlines()) == 1  # Ray itself says nothing
    assert contents(out) == expected(model, long, tmp_path / "expected", NAMES)
