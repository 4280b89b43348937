"""Records made by hand of ranks that trained together, just on this and just on that side of each threshold."""

import os
import socket
import sqlite3
from collections import Counter

import pytest

from gradwell.doctor.catalogue import rule
from gradwell.doctor.judge import judge
from gradwell.doctor.ranks import gradient_norms, named, ranks
from gradwell.doctor.record import Record, leads
from gradwell.report.assemble import of_record
from gradwell.report.ranks import sentences
from gradwell.serve.folder import Folder

STEPS = range(1, 41)


def made(folder, rank, world=2, attempt=0, steps=40, pid=7, port=0, started=1.0, host="", writer=0, sharing="DDP", finished=True,
         failed=None, **series):
    """The record of one rank, with the same reading, or one for each step, of some signals."""
    place = folder / "record.sqlite"
    record = Record.create(place if rank == attempt == 0 and not place.exists() else folder / f"record-{rank}-{pid}.sqlite")
    record.note("process", {"rank": rank, "world": world, "attempt": attempt, "port": port, "host": host, "pid": writer})
    for key, value in (("started", started), ("finished", finished and 2.0), ("steps", steps), ("failed", failed)):
        if value:
            record.note(key, value)
    places = {"replica": "parameter", "loss": "loss", "term_loss": "loss", "trivial_loss": "loss", "batch_values": "normalization"}
    sites = {kind: record.site(kind, "net", "Linear") for kind in ("model", "parameter", "loss", "normalization")}
    if sharing:
        record.fact("sharing", sites["model"], 1, {"kind": sharing, "ranks": list(range(world))})
    for name, values in series.items():
        for i, step in enumerate(STEPS):
            record.add(name, sites[places[name]] if name in places else 0, step, values[i] if isinstance(values, list) else values)
    record.close()


def found(code, folder):
    return [finding.severity for finding in rule(code).check(Record.open(folder))]


@pytest.mark.parametrize(("difference", "says"), [(0.0, []), (5e-7, []), (2e-6, ["error"])])
def test_weights_may_differ_by_rounding_only(tmp_path, difference, says):
    made(tmp_path, 0, replica=3.0, gradient_norm=1.0)
    made(tmp_path, 1, replica=3.0 * (1 + difference), gradient_norm=1.0)
    assert found("GW901", tmp_path) == says


@pytest.mark.parametrize(("sharing", "batches", "says"), [
    ("DDP", (1.0, 1.0), ["error"]), ("FSDP", (1.0, 1.0), ["error"]), ("DTensor", (1.0, 1.0), []), ("DDP", (1.0, 1.5), []),
    ("DDP", ([1.0] * 40, [1.0] * 39 + [2.0]), []),
])
def test_only_ranks_that_share_out_examples_must_take_other_ones(tmp_path, sharing, batches, says):
    for rank in range(2):
        made(tmp_path, rank, sharing=sharing, batch=batches[rank])
    assert found("GW902", tmp_path) == says


def falling(last, noise):
    return [1.0 - (1.0 - last) * min(1.0, i / 20) + noise * (-1) ** i for i in range(40)]


@pytest.mark.parametrize(("last", "noise", "trivial", "says"), [
    (0.60, 0.01, 0.61, ["warning"]), (0.60, 0.01, 2.0, ["note"]), (0.45, 0.01, 0.4, []), (0.20, 0.01, 0.61, []), (0.60, 0.3, 0.61, []),
])
def test_a_rank_is_named_whose_loss_stays_far_above_the_others(tmp_path, last, noise, trivial, says):
    for rank, end in enumerate((0.15, last)):
        losses = falling(end, noise)
        made(tmp_path, rank, loss=losses, term_loss=losses, trivial_loss=trivial)
    assert found("GW903", tmp_path) == says


@pytest.mark.parametrize(("values", "says"), [(3.0, ["error"]), (4.0, ["note"]), (15.0, ["note"]), (16.0, [])])
def test_batch_norm_of_few_values_on_a_rank_is_found(tmp_path, values, says):
    made(tmp_path, 0, batch_values=64.0)
    made(tmp_path, 1, batch_values=values)
    assert found("GW904", tmp_path) == says


def test_the_norm_of_shards_is_that_of_all_ranks_at_the_steps_that_all_read(tmp_path):
    made(tmp_path, 0, shard_norm=3.0)
    made(tmp_path, 1, shard_norm=4.0)
    assert gradient_norms(Record.open(tmp_path)) == [(step, 5.0) for step in STEPS]


def test_a_folder_without_rank_0_opens_at_the_lowest_rank_there_is(tmp_path):
    for rank in (10, 2):
        made(tmp_path, rank, world=12)
    (tmp_path / "record.sqlite").touch()  # of a rank 0 that was killed as it began
    report = of_record(tmp_path)
    assert report.verdict.ranks == (2, 10)
    assert report.limits == (f"ranks 0, 1, 3, 4, 5, 6, 7, 8, 9 and 11 of 12 left no record that can be read in {tmp_path}: a process may "
                             "have ended before its first backward pass, or have written to another machine's disk",)


def test_a_folder_of_runs_lists_those_without_rank_0_too(tmp_path):
    for name, rank in (("a", 0), ("b", 1)):
        (tmp_path / name).mkdir()
        made(tmp_path / name, rank)
    assert sorted(leads(tmp_path)) == [tmp_path / "a" / "record.sqlite", tmp_path / "b" / "record-1-7.sqlite"]
    assert set(Folder(tmp_path).names()) == {"a", "b"}
    assert Folder(tmp_path).record("b").name == "record-1-7.sqlite"


def test_workers_that_were_started_anew_are_another_run(tmp_path):
    for attempt in range(2):
        for rank in range(2):
            made(tmp_path, rank, attempt=attempt, pid=attempt)
    assert list(ranks(Record.open(tmp_path))) == [0, 1]
    (limit,) = of_record(tmp_path).limits
    assert "started anew 1 time, and what is said here is of attempt 1" in limit
    last = tmp_path / "record-0-1.sqlite"
    assert f"`gradwell judge {last}`" in limit
    assert {rank: record.path.name for rank, record in ranks(Record.open(last)).items()} == {0: last.name, 1: "record-1-1.sqlite"}
    (limit,) = of_record(last).limits
    assert limit == "the workers were started anew 1 time, and what is said here is of attempt 2"


@pytest.mark.parametrize(("seconds", "ports"), [(20.0, (0, 0, 0)), (0.0, (7, 8, 9))])
def test_each_of_several_runs_in_one_folder_is_compared_with_its_own_ranks_alone(tmp_path, seconds, ports):
    for run, port in enumerate(ports):
        for rank in range(2):
            made(tmp_path, rank, pid=9 - run, port=port, started=1.0 + seconds * run + rank, replica=2.0 + run, gradient_norm=1.0)
    for lead, other in (("record.sqlite", "record-1-9.sqlite"), ("record-0-8.sqlite", "record-1-8.sqlite"),
                        ("record-0-7.sqlite", "record-1-7.sqlite")):
        record = Record.open(tmp_path / lead)
        assert [one.path.name for one in ranks(record).values()] == [lead, other]
        assert judge(record).findings == ()
        assert of_record(tmp_path / lead).limits[0].startswith("4 more processes trained, too, and left a record each in ")


def test_a_rank_that_left_no_record_is_not_mistaken_for_that_of_the_next_run(tmp_path):
    made(tmp_path, 0, started=1.0)
    for rank in range(2):
        made(tmp_path, rank, pid=8, started=60.0)
    assert list(ranks(Record.open(tmp_path))) == [0]
    assert "rank 1 of 2 left no record that can be read" in of_record(tmp_path).limits[0]


def test_each_record_of_many_ranks_is_opened_a_few_times_only(tmp_path, monkeypatch):
    for rank in range(6):
        made(tmp_path, rank, world=6, replica=1.0, gradient_norm=1.0)
    opened, plainly = [], Record.open
    monkeypatch.setattr(Record, "open", lambda path: opened.append(path) or plainly(path))
    assert of_record(tmp_path).verdict.ranks == (0, 1, 2, 3, 4, 5)
    assert max(Counter(opened).values()) == 2


def test_of_more_ranks_than_are_read_evenly_spaced_ones_are(tmp_path, monkeypatch):
    monkeypatch.setattr("gradwell.doctor.ranks.MOST", 4)
    for rank in range(7):
        made(tmp_path, rank, world=7)
    assert list(ranks(Record.open(tmp_path))) == [0, 2, 4, 6]


def test_of_several_models_whose_layers_have_the_same_names_each_is_compared(tmp_path):
    for rank in range(2):
        made(tmp_path, rank, replica=1.0, gradient_norm=1.0)
        record = Record(sqlite3.connect(next(tmp_path.glob(f"record-{rank}-*" if rank else "record.sqlite"))), None)
        second = record.site("parameter", "net", "Linear", "train.py", 9)
        for step in STEPS:
            record.add("replica", second, step, 1.0 + rank * (step > 8))
        record.close()
    (finding,) = rule("GW901").check(Record.open(tmp_path))
    assert (finding.first_step, finding.where.line, finding.evidence["weights that differ"]) == (9, 9, "1 of 2")


def test_a_comment_in_a_file_that_only_another_rank_has_loaded_is_heard(tmp_path):
    comment = {"file": "stage.py", "line": 3, "first": 3, "last": 3, "words": ["GW405"]}
    for rank in range(2):
        made(tmp_path, rank, sharing=None)
        record = Record(sqlite3.connect(next(tmp_path.glob(f"record-{rank}-*" if rank else "record.sqlite"))), None)
        if rank == 1:
            site = record.site("model", "model", "Stage", "stage.py", 3)
            for step in STEPS:
                record.add("eval_mode", site, step, 1.0)
            record.note("allowances", [comment])
        record.close()
    verdict = judge(Record.open(tmp_path))
    assert ([finding.code for finding in verdict.findings], [finding.code for finding in verdict.allowed]) == ([], ["GW405"])


def test_a_rank_that_stopped_is_told_from_those_that_waited_for_it(tmp_path):
    failed = {"step": 41, "error": "RuntimeError: Connection closed by peer. Then more words."}
    made(tmp_path, 0, world=3, steps=41, failed=failed)
    made(tmp_path, 1, world=3, finished=False)
    made(tmp_path, 2, world=3, steps=41, failed=failed, finished=False)
    assert of_record(tmp_path).limits == (
        "rank 1 of 3 stopped: its record has no end, as of a killed process, and goes to step 40",
        "ranks 0 and 2 waited for it in the backward pass of step 41, which failed: RuntimeError: Connection closed by peer")


@pytest.mark.parametrize(("backward", "where", "error"), [
    (True, "in the backward pass of", "OutOfMemoryError: CUDA out of memory. Tried to allocate more."),
    (False, "after", "ValueError: no label"),
])
def test_a_rank_that_failed_by_itself_is_not_said_to_have_waited(tmp_path, backward, where, error):
    made(tmp_path, 0, world=3, steps=40, finished=False)
    broken = {"step": 41, "error": error, "backward": backward}
    made(tmp_path, 1, world=3, steps=41, failed=broken)
    made(tmp_path, 2, world=3, steps=41, failed={"step": 41, "error": "RuntimeError: Connection closed by peer"})
    assert of_record(tmp_path).limits[-2:] == (
        f"rank 1 of 3 failed {where} step 41: {error.partition('. ')[0]}",
        "rank 2 waited for it in the backward pass of step 41, which failed: RuntimeError: Connection closed by peer")


def test_ranks_of_which_the_same_is_to_be_said_share_a_sentence(tmp_path):
    lost = {"step": 30, "error": "RuntimeError: Broken pipe", "backward": False}
    for rank in range(4):
        made(tmp_path, rank, world=4, steps=30, finished=rank != 2, failed=lost if rank == 3 else None)
    assert of_record(tmp_path).limits == (
        "ranks 0 and 1 of 4 stopped: they ended by themselves at step 30",
        "rank 2 of 4 stopped: its record has no end, as of a killed process, and goes to step 30",
        "rank 3 waited for them after step 30, which failed: RuntimeError: Broken pipe")


def test_a_run_that_goes_on_is_not_said_to_have_stopped(tmp_path):
    for rank in range(2):
        made(tmp_path, rank, steps=40 + rank, finished=False, host=socket.gethostname(), writer=os.getpid())
    assert of_record(tmp_path).limits == ("the run goes on; what is said here is of the part that is written",)


def test_a_rank_without_an_end_on_another_machine_may_still_run(tmp_path):
    made(tmp_path, 0)
    made(tmp_path, 1, finished=False, host="node-of-someone-else", writer=os.getpid())
    assert of_record(tmp_path).limits == (
        "rank 1 of 2 was killed or still runs on its own machine: its record has no end, and goes to step 40",)


def test_a_rank_whose_record_is_damaged_does_not_hide_the_others(tmp_path):
    made(tmp_path, 0, world=3)
    made(tmp_path, 2, world=3)
    (tmp_path / "record-1-7.sqlite").write_bytes(b"torn")
    report = of_record(tmp_path)
    assert report.verdict.ranks == (0, 2)
    assert "rank 1 of 3 left no record that can be read" in report.limits[0]


def test_processes_that_do_not_train_together_are_only_counted(tmp_path):
    made(tmp_path, 0, world=1)
    made(tmp_path, 0, world=1, attempt=1)
    report = of_record(tmp_path)
    assert report.verdict.ranks == ()
    assert "1 more process trained, too, and left a record in" in report.limits[0]


def test_ranks_in_words():
    words = ["rank 1", "ranks 0 and 1", "ranks 0, 2 and 3", "ranks 0 to 2"]
    assert [named(numbers) for numbers in ([1], [0, 1], [0, 2, 3], [0, 1, 2])] == words


@pytest.mark.parametrize(("dealt", "blamed"), [((0, 0, 0), ["note"]), ((0, 40, 80), []), ((-1, -1, -1), ["note"])])
def test_the_folds_of_a_cross_validation_are_no_epochs_of_the_same_order(dealt, blamed):
    record = Record.create(None)
    for step, data in zip((0, 40, 80), dealt, strict=True):
        record.fact("epoch_order", 0, step, {"epoch": 0, "shuffle": True, "seed": 0, "examples": 96, "data": data})
    assert [finding.severity for finding in rule("GW905").check(record)] == blamed


def test_the_record_of_one_rank_in_memory_says_that_the_others_are_not_seen():
    record = Record.create(None)
    record.note("process", {"rank": 1, "world": 4})
    assert list(sentences(record)) == ["4 processes train, and what is said here is of one of them: they are compared where each has given "
                                       "gradwell.watch the same run_dir"]
