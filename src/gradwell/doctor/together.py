"""An example that needs several processes: two that train together over gloo, the second of which builds the same example anew."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from gradwell.doctor.run import Run

RANKS = 2
SECONDS = 60  # after which a rank waits for the other no longer
OTHER = "import sys; from gradwell.doctor import together; together.join(sys.argv[1], sys.argv[2] == 'sick', sys.argv[3])"


@dataclass(frozen=True)
class Together:
    """A loop that this process, as rank 0, and another one, as rank 1, run at the same time; `loop` asks torch.distributed for its rank.

    code: of the rule whose example it is, for the other process to build it.
    """

    code: str
    sick: bool
    loop: Callable[[Run], None]

    def __call__(self, run: Run) -> None:
        """Start the other rank and train as rank 0."""
        with tempfile.TemporaryDirectory() as folder:
            other = subprocess.Popen([sys.executable, "-c", OTHER, self.code, "sick" if self.sick else "healthy", f"{folder}/store"])
            try:
                self.train(run, 0, f"{folder}/store")
            finally:
                other.wait(SECONDS)

    def train(self, run: Run, rank: int, store: str) -> None:
        """Train as one rank; the processes find each other through a file."""
        from torch import distributed

        patience = timedelta(seconds=SECONDS)
        distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=RANKS, timeout=patience)
        try:
            self.loop(run)
        finally:
            distributed.destroy_process_group()


def join(code: str, sick: bool, store: str) -> None:
    """Train a rule's example as rank 1."""
    from gradwell.doctor.catalogue import rule

    run = rule(code).example(sick)
    assert isinstance(run.loop, Together)
    run.loop.train(run, 1, store)
