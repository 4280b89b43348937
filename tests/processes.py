"""What tests of training on several processes need: to start it, to wait for a line, to end one process hard."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")
PLACE = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])}


def start(*arguments, cwd):
    """Start Python; what it says on either stream comes in `stdout`."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)], cwd=cwd, env=PLACE, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finished(process, said=""):
    """All that a process said, after it has ended, with what was read of it before."""
    rest, _ = process.communicate(timeout=300)
    return said + rest


def ended_hard(process, rank, after):
    """Kill a rank as soon as a line matches; what was said until then. Each rank has to say `PID rank number`, once."""
    said = ""
    for line in process.stdout:
        said += line
        if re.search(after, line):
            break
    os.kill(int(re.search(rf"PID {rank} (\d+)", said)[1]), signal.SIGKILL)
    return said


def gone(said, seconds=20):
    """Whether none of the processes that said who they are is left."""
    theirs = re.findall(r"PID \d (\d+)", said)
    ends = time.monotonic() + seconds
    while (left := any(alive(pid) for pid in theirs)) and time.monotonic() < ends:
        time.sleep(0.1)
    return bool(theirs) and not left


def alive(pid):
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
