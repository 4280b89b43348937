"""What tests of trainers need: one script, trained by a trainer in a process of its own, watched and unwatched, sick and healthy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradwell.doctor.metrics import epochs, metrics
from gradwell.doctor.record import Record
from tests.command import gradwell, python, script

BEGIN = """
import hashlib, random, sys, warnings
import numpy as np
import torch
from torch import nn

sick, with_callback, stop = ("sick" in sys.argv), ("callback" in sys.argv), ("error" if "stop" in sys.argv else None)
warnings.simplefilter("ignore")
torch.manual_seed(0); np.random.seed(0); random.seed(0)
x = torch.randn(320, 8)
y = x[:, :3].argmax(1)

def tell(steps, tensors):
    # everything that a callback could have changed: weights and random states
    sums = hashlib.sha256(b"".join(t.detach().cpu().numpy().tobytes() for t in tensors)).hexdigest()[:16]
    print("END", int(steps), sums, torch.rand(1).item(), np.random.rand(), random.random())
"""


@dataclass
class Trained:
    """What a watched process left: its findings as JSON, its record, what it printed, and where its script stands."""

    found: dict[str, Any]
    record: Record
    end: str
    stderr: str

    @property
    def codes(self) -> list[str]:
        return [finding["code"] for finding in self.found["findings"]]

    @property
    def steps(self) -> int:
        return int(self.end.split()[1])

    @property
    def told(self) -> tuple[int, dict[str, int]]:
        """How many epochs are over, and how often each metric was told."""
        return epochs(self.record), {metric.name: len(metric.readings) for metric in metrics(self.record)}


def watched(folder: Path, text: str, *arguments: str, env: dict[str, str] | None = None) -> Trained:
    """Train under `gradwell run`."""
    path, out = script(folder, BEGIN + text), folder / "out.json"
    done = gradwell("run", "--run-dir", folder / "run", "--json", out, path, *arguments, cwd=folder, env=env, timeout=300)
    assert done.returncode == 0, done.stderr
    return Trained(json.loads(out.read_text()), Record.open(folder / "run"), ending(done.stdout), done.stderr)


def unwatched(folder: Path, text: str, *arguments: str, env: dict[str, str] | None = None) -> tuple[str, str]:
    """Train without the command; how it ended, and what was said."""
    done = python(script(folder, BEGIN + text), *arguments, cwd=folder, env=env, timeout=300)
    assert done.returncode == 0, done.stderr
    return ending(done.stdout), done.stderr


def ending(stdout: str) -> str:
    """The line that the script ends with."""
    return next(line for line in stdout.splitlines() if line.startswith("END"))


def line_of(text: str, part: str) -> int:
    """The line of the script on which a part of it stands."""
    return next(number for number, line in enumerate((BEGIN + text).splitlines(), 1) if part in line)
