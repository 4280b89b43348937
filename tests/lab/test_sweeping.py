"""A claim measured at several values of its knobs, by one process and by several."""

import signal
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace

import pytest

from gradwell.errors import OptionError, TrainingError
from gradwell.lab import running
from gradwell.lab.result import load
from gradwell.lab.running import run
from gradwell.lab.sweeping import IMPOSSIBLE, swept
from tests.lab.example import Walk
from tests.processes import PLACE

pytest.importorskip("optuna")
SCRIPT = """
import sys, time
from pathlib import Path
from gradwell import studies
from gradwell.lab.sweeping import swept
from tests.lab.example import Walk

class Slow(Walk):
    def measure(self, seed):
        if not self.smooth and self.drift > 0:
            print("measuring", self.steps, flush=True)
        time.sleep(float(sys.argv[1]))
        yield from super().measure(seed)

studies.BEAT, studies.GRACE = 1, 3
found = swept(Slow(), ["steps=1,2,3,4,5,6"], seeds=1).run("sqlite:///study.db", Path("results"))
print("table", *(f"{cell['knobs']['steps']}:{cell['word']}" for cell in found))
"""
TABLE = "table 1:holds 2:holds 3:holds 4:holds 5:holds 6:holds"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.py").write_text(SCRIPT)
    return tmp_path


def process(seconds):
    return subprocess.Popen([sys.executable, "sweep.py", str(seconds)], stdout=subprocess.PIPE, text=True, env=PLACE)


def test_every_combination_is_measured_as_it_would_be_alone(here):
    asked = swept(Walk(), ["drift=1.0,-2", "steps=4,6"], seeds=2)
    cells = asked.run("sqlite:///study.db", here)
    assert [(cell["knobs"]["drift"], cell["knobs"]["steps"], cell["word"]) for cell in cells] == [
        ("1.0", "4", "holds"), ("1.0", "6", "holds"), ("-2", "4", "fails"), ("-2", "6", "fails"),
    ]
    alone = run(Walk(drift=-2.0, steps=6), seeds=2)
    assert cells[3]["because"] == alone.main.verdict.because
    assert load(here / "walk.sweep" / "drift=-2 steps=6.json").main.rows == alone.main.rows


def test_what_was_measured_is_not_measured_again(here):
    told = []
    asked = swept(Walk(), ["steps=4,6"], seeds=1)
    first = asked.run("sqlite:///study.db", here, tell=lambda one, row: told.append(one.steps))
    assert set(told) == {4, 6}
    told.clear()
    assert asked.run("sqlite:///study.db", here, tell=lambda one, row: told.append(one.steps)) == first
    assert told == []
    swept(Walk(), ["steps=4,6"], seeds=2).run("sqlite:///study.db", here, tell=lambda one, row: told.append(one.steps))
    assert told, "with other seeds it is another sweep"


def test_an_interrupted_sweep_goes_on_with_what_was_interrupted(here):
    def stop(one, row):
        if one.steps == 6:
            raise KeyboardInterrupt

    told = []
    asked = swept(Walk(), ["steps=4,6,8"], seeds=1)
    with pytest.raises(KeyboardInterrupt):
        asked.run("sqlite:///study.db", here, tell=stop)
    cells = asked.run("sqlite:///study.db", here, tell=lambda one, row: told.append(one.steps))
    assert [cell["word"] for cell in cells] == ["holds"] * 3
    assert set(told) == {6, 8}


def test_knobs_that_do_not_go_together_are_told_in_the_table(here):
    cells = swept(Walk(), ["steps=12,13"], seeds=1).run("sqlite:///study.db", here)
    assert [cell["word"] for cell in cells] == ["holds", IMPOSSIBLE]
    assert "walk cannot be measured with steps=13" in cells[1]["because"]


def test_what_a_killed_worker_was_measuring_is_not_told_impossible(here, monkeypatch):
    asked = swept(Walk(), ["steps=4"], seeds=1)

    def ended(*_):
        raise BrokenProcessPool

    monkeypatch.setattr(running, "workers", lambda jobs: SimpleNamespace(submit=ended, _processes={}, shutdown=lambda **_: None))
    with pytest.raises(TrainingError, match="ended from outside"):
        asked.run("sqlite:///study.db", here, jobs=2)
    assert [cell["word"] for cell in asked.run("sqlite:///study.db", here)] == ["holds"]


def test_long_lists_of_values_have_short_files(here):
    long = ",".join(["0.5"] * 100)
    cells = swept(Walk(), [f"sizes={long};2.0"], seeds=1).run("sqlite:///study.db", here)
    assert [cell["word"] for cell in cells] == ["holds"] * 2
    assert len(list((here / "walk.sweep").iterdir())) == 2


def test_a_list_is_swept_with_semicolons(here):
    asked = swept(Walk(), ["sizes=0.5,1.0;2.0", "smooth=yes"], seeds=1)
    assert [asked.at(some).sizes for some in asked.cells()] == [(0.5, 1.0), (2.0,)]
    assert asked.command == "gradwell lab sweep walk --seeds 1 'sizes=0.5,1.0;2.0' 'smooth=yes'"


@pytest.mark.parametrize(("words", "said"), [
    (["deep=1,2"], "walk has no knob 'deep'"),
    (["steps=4,zero"], "takes a whole number, not 'zero'"),
    (["steps=4,0"], "must be at least 1"),
    (["steps"], "'steps' turns no knob"),
    (["steps=4", "steps=5"], "the knob steps is swept twice"),
])
def test_what_cannot_be_swept_is_refused_before_anything_is_measured(words, said):
    with pytest.raises(OptionError, match=said):
        swept(Walk(), words, seeds=1)


@pytest.mark.parametrize(("url", "said"), [
    ("study.db", r"the storage 'study.db' cannot be used \(possible is sqlite:///FILE, or .*\): Could not parse"),
    ("sqlite:////proc/nowhere/study.db", "/proc/nowhere"),
    ("sqlite:///text.db", "file is not a database"),
])
def test_a_storage_that_cannot_be_used_is_told_in_one_line(here, url, said):
    (here / "text.db").write_text("no database, but long enough to be taken for one " * 99)
    with pytest.raises((OptionError, OSError), match=said) as caught:
        swept(Walk(), ["steps=4"], seeds=1).run(url, here)
    assert "\n" not in str(caught.value)


def test_two_processes_share_the_work(here):
    pair = [process(0.5) for _ in range(2)]
    said = [one.communicate(timeout=120)[0].splitlines() for one in pair]
    assert [lines[-1] for lines in said] == [TABLE, TABLE]
    measured = sorted(line for lines in said for line in lines[:-1])
    assert measured == [f"measuring {steps}" for steps in range(1, 7)], "each once"


def test_what_a_killed_process_was_measuring_is_measured_by_another(here):
    victim = process(60)
    assert victim.stdout.readline() == "measuring 1\n"
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    said = process(0).communicate(timeout=120)[0].splitlines()
    assert said[-1] == TABLE
    assert "measuring 1" in said
