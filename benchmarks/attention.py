"""Additive attention with a hidden layer that is recomputed, beside the plain equation, and dot attention for scale.

    python benchmarks/attention.py                           # all cases, writes docs/attention-speed.md
    python benchmarks/attention.py 16x100x100x256 32x32x32x256-steps   # some, to the terminal

A case is batch x queries x time x size; "-steps" asks one query after the other, as a decoder does, and "-read" does so without
gradients. Each figure is forward and backward together, in turn in one process; ratios are taken pair by pair: median, lowest to highest.
Memory is what is saved for the backward pass (counted by hooks), and the highest use of a process of its own that does nothing else
(on CUDA: of the device) beyond its inputs.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gradwell.nets.attention import additive_score
from gradwell.nets.attention.scoring import plain, ready

PAGE = Path(__file__).parents[1] / "docs" / "attention-speed.md"
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
PAIRS = 15
NAMES = [
    "32x32x32x256", "16x100x100x256", "64x20x20x512", "80x30x30x512", "8x50x50x1000", "4x300x300x256", "1x20x20x256",
    "32x32x32x256-steps", "64x20x20x512-steps", "80x30x30x512-steps", "1x20x20x256-steps",
    "32x32x32x256-read", "80x30x30x512-read", "1x20x20x256-read",
]


@dataclass(frozen=True)
class Case:
    """What is asked of a score."""

    name: str

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Batch, queries, time, size."""
        batch, queries, length, size = map(int, self.name.partition("-")[0].split("x"))
        return batch, queries, length, size

    @property
    def steps(self) -> bool:
        """Whether queries come one after the other."""
        return "-" in self.name

    @property
    def gradients(self) -> bool:
        """Whether there is a backward pass."""
        return not self.name.endswith("-read")

    def inputs(self) -> list[Tensor]:
        """query, keys, v, and the gradient of the score."""
        torch.manual_seed(0)
        batch, queries, length, size = self.sizes
        shapes = (batch, queries, size), (batch, length, size), (size,)
        made = [torch.randn(shape, device=DEVICE, requires_grad=self.gradients) for shape in shapes]
        return [*made, torch.randn(batch, queries, length, device=DEVICE)]


def ours(query: Tensor, keys: Tensor, v: Tensor, steps: bool) -> Tensor:
    """As AdditiveAttention does it: powers of the keys once, then scores."""
    kept = ready(keys)
    parts = query.split(1, 1) if steps else [query]  # type: ignore[no-untyped-call]
    return torch.cat([additive_score(part, keys, v, powers_of_keys=kept) for part in parts], 1)


def usual(query: Tensor, keys: Tensor, v: Tensor, steps: bool) -> Tensor:
    """The equation as it stands: v · tanh(query + keys)."""
    parts = query.split(1, 1) if steps else [query]  # type: ignore[no-untyped-call]
    return torch.cat([plain(part, keys, v) for part in parts], 1)


def dot(query: Tensor, keys: Tensor, v: Tensor, steps: bool) -> Tensor:
    """Dot attention, query · keys; v only so that it has a gradient."""
    parts = query.split(1, 1) if steps else [query]  # type: ignore[no-untyped-call]
    return torch.cat([part * v @ keys.transpose(1, 2) for part in parts], 1)


WAYS: dict[str, Callable[[Tensor, Tensor, Tensor, bool], Tensor]] = {"plain": usual, "ours": ours, "dot": dot}


def once(way: str, case: Case, inputs: list[Tensor], times: int = 1) -> float:
    """Seconds for one forward and backward pass, the mean of so many."""
    query, keys, v, gradient = inputs
    settle()
    started = time.perf_counter()
    for _ in range(times):
        score = WAYS[way](query, keys, v, case.steps)
        if case.gradients:
            torch.autograd.grad(score, (query, keys, v), gradient)
    settle()
    return (time.perf_counter() - started) / times


def settle() -> None:
    """Wait for the device."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def saved(way: str, case: Case) -> int:
    """Bytes that are kept for the backward pass, inputs left out."""
    inputs = case.inputs()
    kept: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    query, keys, v, _ = inputs
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        score = WAYS[way](query, keys, v, case.steps)
    mine = {x.untyped_storage().data_ptr() for x in inputs}
    found = sum(size for pointer, size in kept.items() if pointer not in mine)
    del score
    return found


def peak(way: str, case: Case) -> int:
    """The highest use of memory of one pass beyond what was there before, in this process."""
    small = Case("1x2x2x65536" + "-steps" * case.steps)
    once(way, small, small.inputs())
    inputs = case.inputs()
    settle()
    if DEVICE.type == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        once(way, case, inputs)
        return torch.cuda.max_memory_allocated() - before
    before = resident("VmRSS")
    once(way, case, inputs)
    return resident("VmHWM") - before


def resident(which: str) -> int:
    """Bytes of this process in memory, now (VmRSS) or at most (VmHWM); Linux only."""
    found = next(row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith(which))
    return int(found.split()[1]) * 1024


def measure(case: Case) -> dict[str, Any]:
    """Times in turn, and memory."""
    inputs = case.inputs()
    repeats = {way: 1 + int(0.03 / max(once(way, case, inputs, 2), 1e-6)) for way in WAYS}
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(PAIRS):
        for way, found in times.items():
            found.append(once(way, case, inputs, repeats[way]))
    ratios = [theirs / mine for theirs, mine in zip(times["plain"], times["ours"], strict=True)]
    row: dict[str, Any] = {"case": case, "times": {way: statistics.median(found) for way, found in times.items()}, "ratios": ratios}
    row["saved"] = {way: saved(way, case) for way in ("plain", "ours")}
    row["peak"] = {way: int(subprocess.check_output([sys.executable, __file__, "--peak", way, case.name])) for way in ("plain", "ours")}
    print(f"{case.name}: {line(row)}", file=sys.stderr)
    return row


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    ms, (low, *_, high) = {way: f"{1e3 * t:.1f}" for way, t in row["times"].items()}, sorted(row["ratios"])
    memory = [f"{row[key][way] / 2**20:.1f}" for key in ("saved", "peak") for way in ("plain", "ours")]
    speed = f"{statistics.median(row['ratios']):.2f} ({low:.2f}-{high:.2f})"
    return f"| {row['case'].name} | {ms['plain']} | {ms['ours']} | **{speed}** | {ms['dot']} | {' | '.join(memory)} |"


def table(rows: list[dict[str, Any]]) -> str:
    """The figures as a page."""
    import gradwell

    name = torch.cuda.get_device_name() if DEVICE.type == "cuda" else f"{platform.machine()}, {torch.get_num_threads()} thread"
    return "\n".join([
        "# Additive attention: recomputed beside plain", "",
        f"{name}, Python {platform.python_version()}, PyTorch {torch.__version__}, Gradwell {gradwell.__version__}, single precision, "
        f"{PAIRS} pairs. Made by `python benchmarks/attention.py`.", "",
        "Scores v · tanh(query + keys), forward and backward, in milliseconds; *plain* is the equation as it stands, *ours* is",
        "`additive_score`, *dot* is query · keys for scale. A case is batch x queries x time x size; *-steps* asks one query after the",
        "other, as a decoder does; *-read* does so without gradients. The ratio says how many times faster ours is: median of the pairs,",
        "lowest to highest. *Saved* is kept for the backward pass beyond the inputs; *peak* is the highest use of a process of its own",
        "beyond its inputs.", "",
        "| case | plain, ms | ours, ms | times faster | dot, ms | saved, MiB, plain | ours | peak, MiB, plain | ours |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(line(row) for row in rows), "",
        "A hidden layer of fewer than 131,072 numbers takes the plain way in both, because there it is the quicker one.", "",
    ])


def main() -> None:
    """Run the cases that were named, or all."""
    if sys.argv[1:2] == ["--peak"]:
        print(peak(sys.argv[2], Case(sys.argv[3])))
        return
    names = sys.argv[1:] or NAMES
    print(f"{torch.get_num_threads()} thread(s), {DEVICE}", file=sys.stderr)
    page = table([measure(Case(name)) for name in names])
    print(page)
    if not sys.argv[1:]:
        PAGE.write_text(page)


if __name__ == "__main__":
    main()
