"""A copy of the process answers, and nothing that it does is seen outside."""

import os
import signal
import time

import pytest
import torch

from gradwell.watch.apart import NotTried, apart, obstacle


def test_a_copy_of_the_process_answers_and_changes_nothing():
    weights, counter, random = torch.zeros(3), [], torch.get_rng_state()

    def work():
        weights.add_(1)
        counter.append(1)
        return {"sum": float(weights.sum()), "drawn": float(torch.rand(()))}

    assert apart(work, 10.0)["sum"] == 3.0
    assert torch.equal(weights, torch.zeros(3))
    assert counter == []
    assert torch.equal(random, torch.get_rng_state())
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # no process is left behind


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

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            apart(lambda: time.sleep(60), 60.0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_script_that_listens_to_the_end_of_processes_is_left_alone():
    assert obstacle() is None
    before = signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        assert "listens" in obstacle()
    finally:
        signal.signal(signal.SIGCHLD, before)
