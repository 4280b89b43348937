"""The tables of docs/activations.md and docs/losses.md, computed from what gradwell.nets says of itself and from what torch does."""

from __future__ import annotations

import math
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from gradwell.nets.activations import ACTIVATIONS, Activation
from gradwell.nets.losses import LOSSES, Loss

MEASURED = "## Measured time"  # what comes after it differs from one machine to the next
TRANSCENDENTAL = {"exp", "expm1", "erf", "log", "log1p", "tanh"}
MOVES = {"view_of", "sum", "full_like", "broadcast_in_dim", "empty"}  # operations that compute nothing of f or f'
GRID = torch.cat([torch.arange(-1000, 1001), torch.arange(-80_000, 80_001) / 10_000]).double()
ORDER = ("its input", "its output", "one more")
CLASSES, NUMBERS, ROUNDS = 10, 1_000_000, 30


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown; a line in a cell is escaped."""
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in (head, *rows)]
    return ["", f"| {lines[0]} |", "|" + "---|" * len(head), *(f"| {line} |" for line in lines[1:]), ""]


def code(text: str) -> str:
    """A formula in a cell."""
    return f"`{text}`"


def activations() -> str:
    """docs/activations.md, with the times of this machine."""
    return "\n".join([*described(), MEASURED, "", TIME, *table(("activation", "forward and backward, ReLU = 1"),
                                                               ((name, f"{ratio:.1f}") for name, ratio in times().items()))])


def described() -> list[str]:
    """What does not depend on the machine."""
    lines = ["# Activations", "", INTRODUCTION, "", "![values and derivatives of all activations](activations.png)", "", "## What they are"]
    lines += table(("activation", "f(z)", "f'(z)", "range", "largest f'", "source"),
                   ((one.name, code(one.formula), code(one.slope), extent(one), steepest(one), one.source) for one in ACTIVATIONS))
    lines += ["## What they do to a signal", "", SIGNAL]
    lines += table(("activation", "mean", "zero-centred", "gain", "carry", "saturates"),
                   ((one.name, number(one.mean), "yes" if one.zero_centred else "no", number(one.gain), number(one.carry), one.saturates)
                    for one in ACTIVATIONS))
    lines += ["## What they cost", "", COST]
    lines += table(("activation", "operations forward", "and backward", "kept for the way back"),
                   ((one.name, *operations(one), kept(one)) for one in ACTIVATIONS))
    return [*lines, MAXOUT, ""]


def extent(one: Activation) -> str:
    """The range, once all outputs over a wide grid lie in it and come near to its finite ends."""
    with torch.no_grad():
        a = one.layer().double()(GRID)
    for found, said in ((float(a.min()), one.low), (float(a.max()), one.high)):
        if math.isfinite(said) and abs(found - said) > 2e-3:
            raise AssertionError(f"{one.name} comes to {found}, not {said}")
    ends = ["-inf" if one.low == -math.inf else f"{one.low:.4g}", "inf" if one.high == math.inf else f"{one.high:.4g}"]
    return f"{ends[0]} to {ends[1]}"


def steepest(one: Activation) -> str:
    """The largest derivative over a wide grid."""
    return number(float(one.derivative(GRID).max()))


def number(value: float) -> str:
    """Four digits, and 0 for what is 0 but for rounding."""
    return f"{value:.4g}" if abs(value) > 1e-6 else "0"


def operations(one: Activation) -> tuple[str, str]:
    """Elementwise operations a number, down to torch's primitives, forward alone and with the way back; how many are transcendental."""
    from torch._decomp import decomposition_table
    from torch.fx.experimental.proxy_tensor import make_fx

    layer, table_ = one.layer(), cast(Any, decomposition_table)

    def both(z: Tensor) -> Any:
        z = z.detach().requires_grad_()
        return torch.autograd.grad(layer(z).sum(), z)

    cells = []
    for function in (layer, both):
        graph = make_fx(function, decomposition_table=table_)(torch.randn(5)).graph
        names = Counter(str(node.target).split(".")[1] for node in graph.nodes if node.op == "call_function")
        count, hard = sum(n for name, n in names.items() if name not in MOVES), sum(names[name] for name in TRANSCENDENTAL)
        cells.append(f"{count}, {hard} transcendental" if hard else f"{count}")
    return cells[0], cells[1]


def kept(one: Activation, size: int = 4096) -> str:
    """Bytes a float32 number that autograd holds until the way back, and whether that is the input or the output."""
    x, held = torch.randn(size, requires_grad=True), dict[int, int]()

    def pack(t: Tensor) -> Tensor:
        held[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        y = one.layer()(x)
    known = {x.untyped_storage().data_ptr(): "its input", y.untyped_storage().data_ptr(): "its output"}
    large = [known.get(place, "one more") for place, count in held.items() if count >= 4 * size]
    return f"{sum(held.values()) // size} bytes: {' and '.join(sorted(large, key=ORDER.index))}"


def times() -> dict[str, float]:
    """Median time of forward and backward over that of ReLU in the same round, one thread, float32."""
    torch.set_num_threads(1)
    x = torch.randn(NUMBERS).requires_grad_()
    upstream, layers = torch.randn(NUMBERS), {one.name: one.layer() for one in ACTIVATIONS}
    taken: dict[str, list[float]] = {name: [] for name in layers}
    for _ in range(ROUNDS):
        for name, layer in layers.items():
            start = time.perf_counter()
            torch.autograd.grad(layer(x), x, upstream)
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(a / b for a, b in zip(all_, taken["relu"], strict=True)) for name, all_ in taken.items()}


def losses() -> str:
    """docs/losses.md."""
    rows = ((one.name, code(one.formula), code(one.slope), one.head, one.targets, start(one), one.source) for one in LOSSES)
    head = ("loss", "L(z, y) of an example", "dL/dz", "head", "targets", "at zero logits", "source")
    return "\n".join(["# Losses on logits", "", LOSS, *table(head, rows)])


def start(one: Loss) -> str:
    """What the loss is where all logits are 0, and that as a number where it hangs on nothing but the number of classes."""
    z, hard = torch.zeros(1, CLASSES, dtype=torch.float64), torch.tensor([3])
    ids = one.targets.startswith("class")
    target = hard if ids else torch.ones_like(z)
    if one.start.startswith("mean") or "entropy" in one.start or one.start == "1":
        return one.start
    given = f" for {CLASSES} classes" if "C" in one.start else ""
    return f"{one.start} = {float(one.value(z, target)):.4g}{given}"


INTRODUCTION = """\
torch has the layers; `gradwell.nets.activations` says of each what follows from its formula. Every number here is computed by
`python docs/generate.py`: ranges and derivatives over fine grids, means by integration, operations from torch's own graph.

```python
from gradwell.nets.activations import activation

gelu = activation("gelu")
gelu.layer()           # nn.GELU()
gelu.derivative(z)     # f'(z), of the same shape as z
gelu.low, gelu.gain, gelu.zero_centred, gelu.saturates
```"""
SIGNAL = """\
All for standard normal z. The *mean* is that of f(z): where it is not 0, the weights above all push the same way. The *gain* is
1 / sqrt(E[f(z)^2]): how many times 1/sqrt(fan-in) weights must be for a signal to keep its size. The *carry* is the share of a small excess
in size that a layer passes on, E[z f f'] / E[f^2]. Below 1 the size comes back by itself; a rectifier keeps what it gets; above 1
large signals grow and small ones shrink, layer upon layer, and only a normalisation layer holds them. *Saturates*: at which end f' is
all but 0 fifty away from the middle; that of softsign falls only with 1/z^2."""
COST = """\
Operations a number, once torch's graph is taken apart into its primitives (to cut a number off at both ends counts as eight, since
NaN must come through; the slopes that RReLU draws in training are not counted). A transcendental one, such as exp or tanh, takes many
times what a multiplication does. What is kept is measured with
`torch.autograd.graph.saved_tensors_hooks`, for float32: an output costs nothing if a linear layer comes next, which keeps it as its
input anyway; an input is kept for the activation alone."""
MAXOUT = ("`Maxout(inputs, outputs, pieces=k)` is no function of one number: it takes k times the weights and the products of a linear "
          "layer, and k - 1 comparisons an output.")
TIME = f"""\
Forward and backward over {NUMBERS:,} float32 numbers on one thread, the median of {ROUNDS} rounds, each beside ReLU in the same round.
This is a measurement of one machine, which `make check` does not compare; in a network the products of the layers outweigh it."""
LOSS = """\
Each takes the logits z, which are what the last linear layer gives. The head's function, such as softmax, is inside the loss, where it is
stable; it must not be applied before. `predict` applies it afterwards, for people and metrics.

```python
from gradwell.nets.losses import loss

cross_entropy = loss("cross_entropy")
cross_entropy.value(z, y, label_smoothing=0.1)       # torch's own where torch has it; reduction="mean", "sum" or "none"
cross_entropy.gradient(z, y, label_smoothing=0.1)    # dL/dz in closed form; the tests hold it against autograd
cross_entropy.predict(z)                             # softmax(z)
```

The formulas are those of an example, with the default options; p = softmax(z), s = sigmoid(z), g = gamma, q = the targets as
probabilities, w and v = weights. All but `poisson`, whose rate is exp(z), are finite for logits up to 10,000 either way. Where every
logit is 0, as an untrained network's nearly are, the loss has the value in the last but one column: a first loss far from it says that the
weights, the targets or the loss are not what was meant."""
