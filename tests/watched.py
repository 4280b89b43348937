"""What many tests need: a run watched at every step, and a copy of everything it did."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

import gradwell
from gradwell.doctor.judge import judge
from gradwell.doctor.run import Run


def observe(run: Run, folder: Path | None = None) -> gradwell.Session:
    """Train a run to its end while watching every step; the record stays in memory, or in a folder."""
    with gradwell.watch(run.model, run.optimizer, every=1, run_dir=folder) as session:
        run.train()
    return session


def codes(session):
    """The codes of everything that is found in a session, folded consequences included."""

    def inside(findings):
        return {f.code for f in findings} | {code for f in findings for code in inside(f.explains)}

    return inside(judge(session.record).findings)


@dataclass
class Trace:
    """Every loss of a run, in order."""

    losses: list[float] = field(default_factory=list)


def follow(run: Run) -> Trace:
    """Note every loss that a run's loss function returns, from within torch: no line of ours is then where the loss is computed."""
    trace, followed = Trace(), torch.nn.Module()
    followed.__dict__["forward"] = run.loss
    followed.register_forward_hook(lambda _, __, loss: trace.losses.append(float(loss.detach().sum())))
    run.loss = followed
    return trace


def same_bits(a, b) -> bool:
    """Whether two tensors are equal to the last bit, NaN for NaN."""
    return torch.equal(torch.as_tensor(a).nan_to_num(12345.0), torch.as_tensor(b).nan_to_num(12345.0))
