"""Recurrent layers that show their gates, and layers of our own, beside torch's layers and a loop over torch's cells.

    python benchmarks/recurrent.py                         # all cases, writes docs/recurrent-speed.md
    python benchmarks/recurrent.py LSTM-32x64x256x256      # some, to the terminal

A case is time x batch x inputs x hidden. All ways take turns in one process; ratios to torch's layer are taken round by round: median,
lowest to highest.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gradwell.nets import recurrent
from gradwell.nets.recurrent import trace

PAGE = Path(__file__).parents[1] / "docs" / "recurrent-speed.md"
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ROUNDS = 9
SHAPES = ["32x64x256x256", "32x64x256x512", "100x16x64x64", "400x1x32x32"]
NAMES = [f"{kind}-{shape}" for kind in ("LSTM", "GRU") for shape in SHAPES]
WAYS = ["layer", "traced", "ours", "normed", "cells", "hand"]


def ways(name: str) -> tuple[dict[str, Callable[[Tensor], Tensor]], dict[str, list[Tensor]], Tensor]:
    """What is compared, the weights of each, and the inputs."""
    torch.manual_seed(0)
    kind, _, shape = name.partition("-")
    steps, batch, inputs, hidden = map(int, shape.split("x"))
    layer: Any = getattr(nn, kind)(inputs, hidden).to(DEVICE)
    cell: Any = getattr(nn, kind + "Cell")(inputs, hidden).to(DEVICE)
    ours = getattr(recurrent, kind)(inputs, hidden, implementation="fast", device=DEVICE)
    normed = getattr(recurrent, kind)(inputs, hidden, layer_norm=True, device=DEVICE)
    hand = getattr(recurrent, kind)(inputs, hidden, implementation="reference", device=DEVICE)

    def traced(x: Tensor) -> Tensor:
        """In training the layer is read for its gradients, too; else the trace has its output."""
        output = trace(layer, x.detach()).output
        assert isinstance(output, Tensor)
        return layer(x)[0] if torch.is_grad_enabled() else output

    def cells(x: Tensor) -> Tensor:
        state, outputs = None, []
        for step in x:
            state = cell(step, state)
            outputs.append(state[0] if kind == "LSTM" else state)
        return torch.stack(outputs)

    modules = {"layer": layer, "traced": layer, "ours": ours, "normed": normed, "cells": cell, "hand": hand}
    found: dict[str, Callable[[Tensor], Tensor]] = {
        "layer": lambda x: layer(x)[0], "traced": traced, "ours": lambda x: ours(x)[0], "normed": lambda x: normed(x)[0], "cells": cells,
        "hand": lambda x: hand(x)[0],
    }
    return found, {way: list(m.parameters()) for way, m in modules.items()}, torch.randn(steps, batch, inputs, device=DEVICE)


def once(way: Callable[[Tensor], Tensor], weights: list[Tensor], x: Tensor, backward: bool, times: int = 1) -> float:
    """Seconds for one pass, the mean of so many."""
    x = x.detach().requires_grad_(backward)
    settle()
    started = time.perf_counter()
    with torch.set_grad_enabled(backward):
        for _ in range(times):
            y = way(x)
            if backward:
                torch.autograd.grad(y, [x, *weights], torch.ones_like(y))
    settle()
    return (time.perf_counter() - started) / times


def settle() -> None:
    """Wait for the device."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def measure(name: str, backward: bool) -> str:
    """A row of the table."""
    found, weights, x = ways(name)
    repeats = {way: 1 + int(0.03 / max(once(found[way], weights[way], x, backward, 2), 1e-6)) for way in WAYS}
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            times[way].append(once(found[way], weights[way], x, backward, repeats[way]))
    entries = [name, f"{1e3 * statistics.median(times['layer']):.1f}"]
    for way in WAYS[1:]:
        low, *middle, high = sorted(mine / base for mine, base in zip(times[way], times["layer"], strict=True))
        entries.append(f"**{statistics.median([low, *middle, high]):.2f}** ({low:.2f}-{high:.2f})")
    row = f"| {' | '.join(entries)} |"
    print(f"{'forward and backward' if backward else 'forward'} {row}", file=sys.stderr)
    return row


def page(names: list[str]) -> str:
    """The figures as a page."""
    import gradwell

    device = torch.cuda.get_device_name() if DEVICE.type == "cuda" else f"{platform.machine()}, {torch.get_num_threads()} thread(s)"
    head = ["| case | torch's layer, ms | traced | ours | ours, normalising | loop over cells | loop by hand |", "|---" + "|--:" * 6 + "|"]
    forward, both = ([measure(name, backward) for name in names] for backward in (False, True))
    return "\n".join([
        "# Recurrent layers: torch's, traced, and ours", "",
        f"{device}, Python {platform.python_version()}, PyTorch {torch.__version__}, Gradwell {gradwell.__version__}, single precision, "
        f"{ROUNDS} rounds. Made by `python benchmarks/recurrent.py`.", "",
        "A case is time x batch x inputs x hidden. All but the first column of figures are times as multiples of that of torch's layer in",
        "the same round (less is better): median, lowest to highest. *traced* is `trace` of torch's layer: its output, and all gates,",
        "candidates and cells of every step. *ours* is our layer when plain, by its own operation (left alone it would call torch's",
        "kernel); *normalising* has layer normalisation, which torch's has not. One loop goes over torch's LSTMCell or GRUCell, the other",
        "over the equations, as they stand in `cells.py`.", "",
        "## Forward, without gradients", "", *head, *forward, "",
        "## Forward and backward", "",
        "*traced* is one step of training with a trace beside it: the layer is read twice.", "", *head, *both, "",
    ])


def main() -> None:
    """Run the cases that were named, or all."""
    print(f"{torch.get_num_threads()} thread(s), {DEVICE}", file=sys.stderr)
    text = page(sys.argv[1:] or NAMES)
    print(text)
    if not sys.argv[1:]:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
