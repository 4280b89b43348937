"""What holds for every tracker, with one of the tests' own that keeps what it is sent."""

import math
import re
import time
from importlib.util import find_spec

import pytest

import gradwell
from gradwell.doctor.record import Record
from gradwell.errors import DependencyError, OptionError, TrackerError
from gradwell.integrations.trackers import MLflow, TensorBoard, Tracker, Trackio, WandB, alongside
from gradwell.integrations.trackers.alongside import growing
from gradwell.integrations.trackers.following import POINTS, Following
from gradwell.integrations.trackers.sending import Sending
from gradwell.report.assemble import of_record
from tests.command import inside, script
from tests.integrations.tracking import numbers, often, same, trained  # noqa: F401 - a fixture


class Kept(Tracker):
    """A tracker that keeps what it is sent."""

    def __init__(self, fails="", waits=0.0):
        self.fails, self.waits, self.calls, self.sent, self.found = fails, waits, [], {}, []

    def __str__(self):
        return "the test's tracker"

    def called(self, name):
        self.calls.append(name)
        if name == self.fails:
            time.sleep(self.waits)
            if not self.waits:
                raise ZeroDivisionError("the disk\nis full")

    def begin(self):
        self.called("begin")

    def points(self, points):
        self.called("points")
        assert [point.step for point in points] == sorted(point.step for point in points)
        for name, step, value in points:
            assert step not in self.sent.setdefault(name, {}), "sent twice"
            self.sent[name][step] = value

    def finding(self, finding):
        self.called("finding")
        self.found.append(finding)

    def report(self, report):
        self.called("report")
        self.page = report

    def close(self):
        self.called("close")


def test_every_number_of_the_record_is_sent_once_and_findings_and_report_at_the_end():
    tracker = Kept()
    session, _ = trained(tracker)
    assert tracker.sent == numbers(session.record)
    assert {"gradwell/loss", "gradwell/trivial_loss", "gradwell/learning_rate", "gradwell/gradient_norm", "gradwell/zero_share/0",
            "gradwell/update_ratio/2.weight", "gradwell/weight_gain/2"} <= tracker.sent.keys()
    assert len(tracker.sent["gradwell/loss"]) == 40
    assert tracker.found == session.findings()
    assert tracker.calls[0] == "begin"
    assert tracker.calls[-2:] == ["report", "close"]
    assert tracker.page.steps == 40


@pytest.mark.parametrize("track", ["wandb", TensorBoard])
def test_what_is_no_tracker_is_refused_before_the_run(track):
    with pytest.raises(OptionError, match="is no tracker; give TensorBoard"):
        gradwell.watch(track=track)


def test_numbers_and_errors_are_sent_while_the_run_goes_on(often):  # noqa: F811
    tracker, seen = Kept(), []

    def each(step):
        time.sleep(0.05)
        if step == 39:
            seen.extend(tracker.calls)

    session, _ = trained(tracker, each)
    assert {"begin", "points", "finding"} <= set(seen)
    assert "report" not in seen
    assert [finding.code for finding in tracker.found].count("GW302") == 1
    assert tracker.sent == numbers(session.record)


def test_a_run_that_is_sent_is_the_same_to_the_last_bit(often):  # noqa: F811
    assert same(trained(Kept(), lambda _: time.sleep(0.002))[1], trained()[1])


@pytest.mark.parametrize("place", ["begin", "points", "finding", "report", "close"])
def test_a_tracker_that_fails_is_told_in_one_line_and_the_run_goes_on(place, tmp_path, capfd):
    session, state = trained(Kept(fails=place), run_dir=tmp_path / "run")
    line = capfd.readouterr().err
    assert line == (f"gradwell: the test's tracker failed: ZeroDivisionError: the disk is full; nothing more is sent there. The record in "
                    f"{tmp_path}/run is whole; `gradwell track {tmp_path}/run` sends it again.\n")
    assert same(state, trained()[1])
    assert [finding.code for finding in session.findings()] == ["GW302"]


def test_a_tracker_that_hangs_is_not_waited_for(monkeypatch, capfd):
    monkeypatch.setattr(alongside, "PATIENCE", 0.5)
    begun = time.monotonic()
    session, _ = trained(Kept(fails="points", waits=60))
    assert time.monotonic() - begun < 30
    line = "gradwell: the test's tracker has not answered for 0.5 seconds; nothing more is sent there. The report has it all.\n"
    assert capfd.readouterr().err == line
    assert session.findings()


def test_a_run_that_records_nothing_begins_nothing():
    tracker = Kept()
    with gradwell.watch(track=tracker):
        pass
    assert tracker.calls == []


def written(record, rows):
    for signal, site, step, value in rows:
        record.add(signal, site, step, value)
    record.flush()


def test_the_newest_step_waits_until_it_is_whole_and_readings_of_one_step_are_averaged():
    record, following = Record.create(), Following()
    layer = record.site("layer", "enc[0]/x", "relu")
    written(record, [("loss", 0, 1, 2.0), ("zero_share", layer, 1, 0.0)])
    assert [*following.points(record)] == []
    written(record, [("zero_share", layer, 1, 1.0), ("loss", 0, 2, math.nan)])
    assert [*following.points(record)] == [[("gradwell/loss", 1, 2.0), ("gradwell/zero_share/enc_0__x", 1, 0.5)]]
    ((last,),) = following.points(record, last=True)
    assert last[:2] == ("gradwell/loss", 2)
    assert math.isnan(last.value)


def test_two_places_of_one_name_are_told_apart():
    record, following = Record.create(), Following()
    sites = [record.site("loss", "loss", "mse", "train.py", line) for line in (1, 2)]
    written(record, [("loss", site, 1, float(site)) for site in sites])
    assert [*following.points(record, last=True)] == [[("gradwell/loss", 1, 1.0), ("gradwell/loss.2", 1, 2.0)]]


def of_rank(folder, rank):
    """A record of one of two processes that trained together."""
    record = Record.create(folder / (f"record-{rank}-7.sqlite" if rank else "record.sqlite"))
    record.note("process", {"rank": rank, "world": 2, "attempt": 0, "host": "here", "pid": 7 + rank})
    record.note("started", 1.0)
    record.note("steps", 2)
    written(record, [(signal, 0, step, float(10 * rank + step)) for step in (1, 2) for signal in ("loss", "shard_norm", "drift")])
    return record


def test_losses_and_norms_of_the_other_ranks_are_sent_at_the_end_under_names_of_their_own(tmp_path):
    for rank in (0, 1):
        of_rank(tmp_path, rank).close()
    tracker = Kept()
    Sending(tracker, rules=()).end(of_record(tmp_path, ()))
    own, other = {1: 1.0, 2: 2.0}, {1: 11.0, 2: 12.0}
    assert tracker.sent == {"gradwell/loss": own, "gradwell/shard_norm": own, "gradwell/drift": own,
                            "gradwell/rank1/loss": other, "gradwell/rank1/shard_norm": other}


def test_the_first_ranks_record_is_followed_even_where_another_one_came_before_it(tmp_path):
    find = growing(tmp_path)
    assert find() is None
    of_rank(tmp_path, 1).close()
    assert find() is None
    of_rank(tmp_path, 0).close()
    assert find().path == tmp_path / "record.sqlite"


def test_of_a_long_series_the_spikes_are_kept():
    record = Record.create()
    written(record, [("loss", 0, step, float(step == 77_777)) for step in range(1, 100_001)])
    (points,) = Following().points(record, last=True)
    assert len(points) <= POINTS
    assert ("gradwell/loss", 77_777, 1.0) in points


def test_a_record_larger_than_what_is_read_at_once_is_sent_whole(monkeypatch):
    from gradwell.integrations.trackers import following

    monkeypatch.setattr(following, "CHUNK", 10)
    monkeypatch.setattr(following, "CHUNKS", 2)
    record = Record.create()
    written(record, [("loss", 0, step // 3, 1.0) for step in range(3, 303)])
    points = [point for points in Following().points(record, last=True) for point in points]
    assert [point.step for point in points] == list(range(1, 101))


def test_errors_alone_are_told_before_the_end():
    session, _ = trained()
    tracker = Kept()
    Sending(tracker).certain(session.record)
    assert [finding.code for finding in tracker.found] == ["GW302"]
    assert {finding.severity for finding in tracker.found} == {"error"}
    tracker = Kept()
    Sending(tracker, rules=()).certain(session.record)
    assert tracker.found == []


def test_what_a_tracker_itself_says_of_its_failure_is_told_as_it_is(capfd):
    class Gone(Kept):
        def begin(self):
            raise TrackerError("does not answer")

    trained(Gone())
    assert capfd.readouterr().err.startswith("gradwell: the test's tracker does not answer; nothing more")


def test_a_tracker_that_is_not_installed_is_named_with_its_extra_before_anything_starts(tmp_path):
    missing = [kind for kind in (WandB, MLflow, Trackio) if find_spec(kind.__name__.lower()) is None]
    if not missing:
        pytest.skip("all trackers are installed")
    name = missing[0].__name__.lower()
    line = f"{name} is not installed; install it with: pip install 'gradwell[{name}]'"
    with pytest.raises(DependencyError, match=re.escape(line)):
        missing[0]()
    script(tmp_path, "open('started', 'w')\n")
    result = inside("run", "--track", name, "train.py", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (2, f"gradwell: {line}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["train.py"]
