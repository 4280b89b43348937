import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SCRIPT = """
import sys, time
from gradwell.lab.workers import workers
if __name__ == "__main__":
    pool = workers(2)
    asked = [pool.submit(time.sleep, 60) for _ in range(2)]
    while len(pool._processes) < 2:
        time.sleep(0.05)
    time.sleep(2)
    print(*pool._processes, flush=True)
    time.sleep(60)
"""


def test_workers_end_with_a_process_that_is_killed(tmp_path):
    (tmp_path / "pool.py").write_text(SCRIPT)
    process = subprocess.Popen([sys.executable, "pool.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    theirs = [int(word) for word in process.stdout.readline().split()]
    assert len(theirs) == 2
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    process.stdout.close()
    ends = time.monotonic() + 20
    while time.monotonic() < ends and any(alive(pid) for pid in theirs):
        time.sleep(0.1)
    assert not any(alive(pid) for pid in theirs)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_an_interrupt_does_not_reach_a_worker():
    from gradwell.lab.workers import end, workers

    pool = workers(1)
    try:
        assert pool.submit(os.getpid).result(60)
        (worker,) = pool._processes
        os.kill(worker, signal.SIGINT)
        assert pool.submit(os.getpid).result(60) == worker
    finally:
        end(pool)
