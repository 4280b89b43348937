"""A copy of the process answers, and nothing that it does is seen outside."""

import os
import resource
import signal
import sys
import time
from pathlib import Path

import filelock
import numpy
import pytest
import torch

from gradwell.watch import apart as apart_module
from gradwell.watch.apart import NotTried, apart, obstacle


def children():
    """The processes that this one has started and not buried."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_a_copy_of_the_process_answers_and_changes_nothing():
    before = children()
    weights, counter, random = torch.zeros(3), [], torch.get_rng_state()

    def work():
        weights.add_(1)
        counter.append(1)
        return {"sum": float(weights.sum()), "drawn": float(torch.rand(()))}

    assert apart(work, 10.0)["sum"] == 3.0
    assert torch.equal(weights, torch.zeros(3))
    assert counter == []
    assert torch.equal(random, torch.get_rng_state())
    assert children() == before  # no process is left behind


def test_what_is_printed_or_written_does_not_come_out(tmp_path, capfd):
    file = open(tmp_path / "log", "w")  # noqa: SIM115 - it stays open, as a script's does
    file.write("before ")

    def prints():
        print("a word", flush=True)  # noqa: T201 - as a model may
        os.write(1, b"another")
        return 1

    def writes():
        file.write("from the copy")
        file.flush()

    def opens():
        (tmp_path / "new").write_text("x")

    def kills():
        os.kill(os.getppid(), signal.SIGTERM)

    assert apart(prints, 10.0) == 1
    for work in (writes, opens, kills):
        with pytest.raises(NotTried):
            apart(work, 10.0)
    file.close()
    assert (tmp_path / "log").read_text() == "before "
    assert not (tmp_path / "new").exists()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("work", [lambda: time.sleep(60), lambda: os._exit(3), lambda: os.kill(os.getpid(), signal.SIGKILL)],
                         ids=["too slow", "ends", "dies"])
def test_a_copy_that_does_not_answer_is_given_up(work):
    begun = time.monotonic()
    with pytest.raises(NotTried):
        apart(work, 1.0)
    assert time.monotonic() - begun < 20


def test_an_error_in_the_copy_is_a_reason():
    with pytest.raises(NotTried, match="ZeroDivisionError"):
        apart(lambda: 1 / 0, 10.0)


def test_an_interrupt_while_waiting_is_the_scripts_and_leaves_no_process():
    def interrupt(*_):
        raise KeyboardInterrupt

    there, before = children(), signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            apart(lambda: time.sleep(60), 60.0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert children() == there


def test_a_script_that_listens_to_the_end_of_processes_is_left_alone():
    assert obstacle() is None
    before = signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        assert "listens" in obstacle()
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_memory_that_is_shared_is_not_written_and_no_lock_is_held(tmp_path):
    shared, counter = torch.zeros(3).share_memory_(), torch.multiprocessing.Value("i", 0)
    mapped = numpy.memmap(tmp_path / "numbers", dtype="float32", mode="w+", shape=3)

    def counts():
        with counter.get_lock():
            counter.value += 1

    for work in (lambda: shared.add_(1), counts, lambda: mapped.fill(1)):
        with pytest.raises(NotTried):
            apart(work, 10.0)
    assert torch.equal(shared, torch.zeros(3))
    assert mapped.tolist() == [0, 0, 0]
    with counter.get_lock():
        assert counter.value == 0


def test_what_is_written_in_c_is_not_written(tmp_path):
    with pytest.raises(NotTried):
        apart(lambda: torch.save(torch.zeros(2), str(tmp_path / "weights.pt")), 10.0)
    assert not (tmp_path / "weights.pt").exists()


def test_a_stream_that_stands_for_standard_output_keeps_its_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdout", open(tmp_path / "log", "w"))  # noqa: SIM115 - closed below
    print("a line")  # noqa: T201
    assert apart(lambda: 1, 10.0) == 1
    sys.stdout.close()
    assert (tmp_path / "log").read_text() == "a line\n"


def test_many_open_files_are_no_obstacle(tmp_path):
    files = [open(os.devnull) for _ in range(min(1100, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100))]  # noqa: SIM115
    try:
        assert apart(lambda: 1, 10.0) == 1
    finally:
        for file in files:
            file.close()


def test_there_is_no_copy_where_the_script_would_hear_of_it(monkeypatch):
    before = signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        assert "listens" in obstacle()
        torch.utils.data._utils.signal_handling._SIGCHLD_handler_set = False
        torch.utils.data._utils.signal_handling._set_SIGCHLD_handler()  # which calls the script's own
        assert "listens" in obstacle()
    finally:
        signal.signal(signal.SIGCHLD, before)
        torch.utils.data._utils.signal_handling._SIGCHLD_handler_set = False
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    assert "listens" in obstacle()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    monkeypatch.setattr(apart_module, "strangers", [])
    apart_module.noted(before=os.getpid, after_in_child=torch.manual_seed, after_in_parent=filelock.FileLock)
    assert obstacle() is None
    apart_module.noted(after_in_parent=test_many_open_files_are_no_obstacle)
    assert "tests asked to be called at every copy" in obstacle()
