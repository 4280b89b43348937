"""Where a watched process writes its record: in a file that nobody else has."""

import pytest

from gradwell.watch import attach
from gradwell.watch.settings import Settings


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
