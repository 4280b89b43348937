"""Where a watched process writes its record: in a file that nobody else has; and what it notes as it ends."""

import sys

import pytest
import torch

from gradwell.doctor.record import Record
from gradwell.watch import attach
from gradwell.watch.settings import Settings
from gradwell.watch.watcher import Watcher


@pytest.mark.parametrize(("rank", "names"), [("0", ["record", "record-0-7", "record-0-7-2"]), ("1", ["record-1-7", "record-1-7-2"])])
def test_no_process_writes_over_the_record_of_another_with_its_number(tmp_path, monkeypatch, rank, names):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr("os.getpid", lambda: 7)
    for number, name in enumerate(names):
        record = attach.create(Settings(str(tmp_path)))
        assert record.path == tmp_path / f"{name}.sqlite"
        record.note("steps", number)
        record.close()
    assert len(list(tmp_path.iterdir())) == len(names)


@pytest.mark.parametrize("backward", [True, False])
def test_the_error_that_ended_the_script_is_kept_and_where_it_came(tmp_path, monkeypatch, backward):
    weight = torch.nn.Parameter(torch.ones(2))
    watcher = Watcher(Settings(str(tmp_path)), lambda: Record.create(tmp_path / "record.sqlite"))
    watcher.start()
    loss = weight.square().sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="second time") as raised:
        loss.backward()
    monkeypatch.setattr(sys, "last_value", raised.value if backward else ValueError("no label"), raising=False)
    attach.end(watcher)
    note = Record.open(tmp_path).meta("failed")
    assert (note["step"], note["backward"]) == (2, backward)
    assert note["error"].startswith("RuntimeError: Trying to backward" if backward else "ValueError: no label")
