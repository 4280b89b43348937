"""Records made by hand of ranks that trained together, just on this and just on that side of each threshold."""

import pytest

from gradwell.doctor.catalogue import rule
from gradwell.doctor.ranks import gradient_norms, named, ranks
from gradwell.doctor.record import Record
from gradwell.report.assemble import of_record

STEPS = range(1, 41)


def made(folder, rank, world=2, attempt=0, steps=40, pid=7, sharing="DDP", finished=True, failed=None, **series):
    """The record of one rank, with the same reading, or one for each step, of some signals."""
    record = Record.create(folder / ("record.sqlite" if rank == attempt == 0 else f"record-{rank}-{pid}.sqlite"))
    record.note("process", {"rank": rank, "world": world, "attempt": attempt})
    for key, value in (("started", 1.0), ("finished", finished and 2.0), ("steps", steps), ("failed", failed)):
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
    report = of_record(tmp_path)
    assert report.verdict.ranks == (2, 10)
    assert report.limits == (f"ranks 0, 1, 3, 4, 5, 6, 7, 8, 9 and 11 of 12 left no record that can be read in {tmp_path}: a process may "
                             "have ended before its first backward pass, or have written to another machine's disk",)


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


def test_a_rank_that_stopped_is_told_from_those_that_waited_for_it(tmp_path):
    failed = {"step": 41, "error": "RuntimeError: Connection closed by peer. Then more words."}
    made(tmp_path, 0, world=3, steps=41, failed=failed)
    made(tmp_path, 1, world=3, finished=False)
    made(tmp_path, 2, world=3, steps=41, failed=failed, finished=False)
    assert of_record(tmp_path).limits == (
        "rank 1 of 3 stopped: its record has no end, as of a killed process, and goes to step 40",
        "ranks 0 and 2 waited for it in the backward pass of step 41, which failed: RuntimeError: Connection closed by peer")


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
