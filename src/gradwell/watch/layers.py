"""What happens inside each layer on a sampled step: activations on the way up, and the gradient's gain on the way down.

The gradient at the outputs of layer l is delta_l = (W^T delta_(l+1)) * f'(z_l). Its size changes by one factor for the weights, one
for the activation's derivative and one for a normalisation, and each is measured at its own node of the graph.
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gradwell.doctor import signals
from gradwell.doctor.record import Record
from gradwell.watch import sample
from gradwell.watch.drift import Drift
from gradwell.watch.graph import BOUNDS, LINEAR, Part, is_linear_pass, operation, saved
from gradwell.watch.registry import Named

USES = 8  # of one shared weight (an unrolled recurrence) whose values are looked at
ATTENTION = {"NonDynamicallyQuantizableLinear", "MultiheadAttention"}  # the projections of nn.MultiheadAttention
THROUGH_TIME = {"RNN", "GRU", "LSTM"}  # whose loops over time stand in the graph, where no fused kernel runs them
GATED = {"GRU", "LSTM", "GRUCell", "LSTMCell"}  # whose sigmoids are gates, which may sit at their ends
VALUES = 16  # of each channel, below which a batch's own mean and variance are noise
WINDOW_EXAMPLES, WINDOW_SAMPLES = 1_000, 20  # units are counted as never active over a window of either length
Key = tuple[str, int, str, int]
Put = Callable[[str, int, int, Tensor], None]  # signal, site, step, a 0-d tensor


class Window:
    """The highest output of each unit over the examples of a few sampled steps."""

    def __init__(self) -> None:
        self.highest: Tensor | None = None
        self.examples = self.samples = 0

    def add(self, output: Tensor, axis: int, samples: int = 1) -> None:
        """Take a batch of outputs whose units lie along `axis`."""
        others = [i for i in range(output.dim()) if i != axis % output.dim()]
        highest = output.detach().amax(others) if others else output.detach()
        self.highest = highest if self.highest is None or self.highest.shape != highest.shape else torch.maximum(self.highest, highest)
        self.examples += output.shape[0] if output.dim() > 1 else 1
        self.samples += samples

    @property
    def full(self) -> bool:
        """Whether enough was seen."""
        return self.examples >= WINDOW_EXAMPLES or self.samples >= WINDOW_SAMPLES


class Layers:
    """Measures the parts of a graph. Knows each part again by its weight, so that its readings form one series."""

    def __init__(self, record: Record, name: Callable[[Any], Named], put: Put) -> None:
        self._record, self._name, self._put = record, name, put
        self._sites: dict[Key, int] = {}
        self._windows: dict[int, Window] = {}
        self._order: list[Any] = []
        self._pairs: list[Any] = []
        self._norms: dict[int, list[tuple[Tensor | None, Tensor]]] = defaultdict(list)
        self._kinds: dict[int, str] = {}
        self._types: dict[int, str] = {}
        self._seconds = 0.0
        self._handles: list[Any] = []
        self._drift = Drift()
        self._kept: dict[int, int] = {}  # sites of batch normalisations, by the place in memory of their running means
        self._weighed: set[int] = set()  # layers whose first weights were measured

    def site(self, part: Part, ordinal: int = 0) -> int:
        """The site of a part: a layer is known by its weight, an activation by the layer that feeds it."""
        weight = part.weight if part.kind == "layer" else part.owner.weight if part.owner else None
        key = (part.kind, id(weight), "" if part.kind == "layer" else part.type, ordinal)
        if key not in self._sites:
            named = self._name(weight) if weight is not None else Named("input", "")
            type_ = named.type if part.kind == "layer" else part.type
            self._sites[key] = self._record.site(part.kind, named.module, type_, named.file, named.line)
        return self._sites[key]

    def _type(self, part: Part) -> str:
        """The class of the module that an activation belongs to."""
        weight = part.owner.weight if part.owner else None
        if weight is None:
            return ""
        if id(weight) not in self._types:
            self._types[id(weight)] = self._name(weight).type
        return self._types[id(weight)]

    def forward(self, parts: list[Part], step: int) -> None:
        """Measure what the forward pass left behind, and hook the nodes that the backward pass will go through."""
        self._norms.clear()
        self._types.clear()
        fed = fed_by_others(parts)
        uses: Counter[int] = Counter()
        ordinals: Counter[tuple[str, int, str]] = Counter()
        lines: list[Any] = []
        for part in parts:
            if part.kind != "layer":
                place = part.kind, id(part.owner), part.type
                site = self.site(part, 0 if self._type(part) in THROUGH_TIME else ordinals[place])
                ordinals[place] += 1
            else:
                site = self.site(part)
            uses[site] += 1
            self._kinds[site] = part.kind
            edge = part.input_edge
            self._handles.append(part.node.register_hook(partial(self._on_gradient, site, edge)))
            if uses[site] == 1:
                lines.append(site)
            if uses[site] <= USES:
                if part.kind == "layer":
                    self._layer(part, site, step, data=id(part.weight) not in fed)
                elif part.kind == "activation":
                    self._activation(part, site, step)
                else:
                    self._normalization(part, site, step)
        self._facts(parts, lines, step)

    def _layer(self, part: Part, site: int, step: int, data: bool) -> None:
        if site not in self._weighed:
            self._weighed.add(site)
            fan_in = widths(part)[1] * math.prod(part.weight.shape[2:]) if part.weight.dim() > 1 and part.type in LINEAR else 0
            if step == 1 and fan_in:
                self._put(signals.FIRST_SCALE.name, site, step, signals.std(sample.flat(sample.local(part.weight))) * fan_in**0.5)
        x = taken(part)
        if x is None:
            return
        across = sample.examples(x)
        self._put(signals.BATCH_STD.name, site, step, signals.batch_std(across))
        if data:
            self._data(part, x, step, across)
        elif (drift := self._drift.since(site, x, step)) is not None:
            self._put(signals.DRIFT.name, site, step, drift)

    def _normalization(self, part: Part, site: int, step: int) -> None:
        x = saved(part.node, "input")
        if "BatchNorm" in part.type and getattr(part.node, "_saved_training", True) and isinstance(x, Tensor) and x.dim() > 1:
            self._record.add(signals.BATCH_VALUES.name, site, step, x.numel() / x.shape[1])
            self._stale(part.node, site, step)
            before = part.feeds_from
            if before is not None and before.kind == "layer":
                self._record.add(signals.BIASED.name, site, step, float(has_bias(before.node)))

    def _stale(self, node: Any, site: int, step: int) -> None:
        running, kept_var, mean, scale = (saved(node, name) for name in ("running_mean", "running_var", "result1", "result2"))
        if isinstance(running, Tensor) and isinstance(kept_var, Tensor) and isinstance(mean, Tensor) and isinstance(scale, Tensor):
            self._kept[running.data_ptr()] = site
            self._put(signals.STALE.name, site, step, signals.stale(mean, scale.pow(-2), running, kept_var))

    def kept_statistics(self, module: Any, x: Tensor, step: int) -> None:
        """Measure how far what a batch normalisation kept is from what it takes in now, in eval mode."""
        site = self._kept.get(module.running_mean.data_ptr())
        if site is not None and x.dim() > 1 and x.numel() >= VALUES * x.shape[1]:
            var, mean = torch.var_mean(x.detach().float(), [0, *range(2, x.dim())], correction=0)
            self._put(signals.STALE_IN_USE.name, site, step, signals.stale(mean, var, module.running_mean, module.running_var))

    def _data(self, part: Part, x: Tensor, step: int, across: Tensor) -> None:
        key = ("input", id(part.weight), "", 0)
        if key not in self._sites:
            named = self._name(part.weight)
            self._sites[key] = self._record.site("input", named.module, "data", named.file, named.line)
        features = sample.units(x, 1 if part.type.endswith("Convolution") else -1, 4 * sample.SIZE)
        site = self._sites[key]
        self._put(signals.INPUT_OFFSET.name, site, step, signals.offset(features))
        self._put(signals.INPUT_WIDEST.name, site, step, signals.widest(features))
        self._put(signals.INPUT_SCALES.name, site, step, signals.scale_ratio(features))
        self._put(signals.BATCH_STD.name, site, step, signals.batch_std(across))
        if (drift := self._drift.since(site, x, step)) is not None:
            self._put(signals.DRIFT.name, site, step, drift)
        low, high = torch.aminmax(features)
        self._record.fact(signals.INPUT_RANGE.name, site, step, [float(low), float(high)])

    def _activation(self, part: Part, site: int, step: int) -> None:
        output = saved(part.node, "result")
        if not isinstance(output, Tensor) or output.dim() == 0:
            return
        axis = 1 if output.dim() > 2 and part.owner is not None and part.owner.type.endswith("Convolution") else -1
        table = sample.units(output, axis)
        self._put(signals.ACTIVATION_MEAN.name, site, step, signals.mean(table))
        self._put(signals.ACTIVATION_STD.name, site, step, signals.std(table))
        if output.shape[0] > 1:
            self._put(signals.ACTIVATION_BATCH_STD.name, site, step, signals.batch_std(sample.examples(output)))
        if part.type in BOUNDS and part.hidden and self._type(part) not in GATED:
            self._put(signals.SATURATED_SHARE.name, site, step, signals.saturated_share(table, *BOUNDS[part.type]))
        if part.type == "relu":
            self._put(signals.ZERO_SHARE.name, site, step, signals.zero_share(table))
            window = self._windows.setdefault(site, Window())
            window.add(output, axis)
            if window.full:
                self._close(site, step)

    def _close(self, site: int, step: int) -> None:
        window = self._windows.pop(site)
        if window.highest is not None:
            self._put(signals.NEVER_ACTIVE.name, site, step, signals.inactive_share(window.highest))
            self._record.add(signals.WINDOW.name, site, step, window.examples)

    def finish(self, step: int) -> None:
        """Close the windows that are still open, if they saw at least three batches."""
        for site in [site for site, window in self._windows.items() if window.samples >= 3]:
            self._close(site, step)

    def _on_gradient(self, site: int, edge: int, gradient_in: Any, gradient_out: Any) -> None:
        begun = time.perf_counter()
        if gradient_out and gradient_out[0] is not None:
            inner = gradient_in[edge] if edge < len(gradient_in) else None
            self._norms[site].append((None if inner is None else sample.norm(inner), sample.norm(gradient_out[0])))
        self._seconds += time.perf_counter() - begun

    def seconds(self) -> float:
        """The time spent in hooks since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def backward(self, step: int) -> None:
        """Turn what the hooks saw into readings."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        for site, pairs in self._norms.items():
            if self._kinds[site] == "layer":
                self._put(signals.DELTA.name, site, step, together([o for _, o in pairs]))
            whole = [(i, o) for i, o in pairs if i is not None]
            if whole:
                gain = signals.gain(together([i for i, _ in whole]), together([o for _, o in whole]))
                self._put(GAINS[self._kinds[site]], site, step, gain)
        self._norms.clear()

    def _facts(self, parts: list[Part], lines: list[int], step: int) -> None:
        if lines != self._order:
            self._order = lines
            self._record.fact(signals.ORDER.name, 0, step, lines)
        pairs = [self._pair(part) for part in parts if is_pair(part)]
        pairs = [pair for i, pair in enumerate(pairs) if pair not in pairs[:i]]
        if pairs != self._pairs:
            self._pairs = pairs
            self._record.fact(signals.LINEAR_PAIRS.name, 0, step, pairs)

    def _pair(self, part: Part) -> dict[str, Any]:
        before = part.feeds_from
        assert before is not None
        (inner, entering), (leaving, _) = widths(before), widths(part)
        return {"from": self.site(before), "to": self.site(part), "entering": entering, "inner": inner, "leaving": leaving,
                "grouped": any(getattr(p.node, "_saved_groups", 1) != 1 or is_strip(p.weight) for p in (before, part)),
                "shared": part.shared, "joined": part.joined,
                "attention": not ATTENTION.isdisjoint((self._name(before.weight).type, self._name(part.weight).type))}


GAINS = {"layer": signals.WEIGHT_GAIN.name, "activation": signals.ACTIVATION_GAIN.name, "normalization": signals.NORMALIZATION_GAIN.name}


def fed_by_others(parts: list[Part]) -> set[int]:
    """The ids of the weights whose layers take in what something learned gives out; the others take data."""
    return {id(part.weight) for part in parts if part.kind == "layer" and part.node.next_functions[part.input_edge][0] is not None}


def taken(part: Part) -> Tensor | None:
    """What a layer took in, where the graph kept it and it is a batch of numbers."""
    first, second = ("mat1", "mat2") if part.type == "Addmm" else ("self", "mat2")
    x = saved(part.node, "input", first if (part.input_edge in (0, 1) and part.type != "Mm") or part.input_edge == 0 else second)
    return x if isinstance(x, Tensor) and x.dim() > 0 and x.shape[0] > 1 and x.is_floating_point() else None


def data_taken(parts: list[Part]) -> Tensor | None:
    """The batch of data that went into the last of the layers that take data; None where the graph kept none."""
    fed = fed_by_others(parts)
    found = [x for part in parts if part.kind == "layer" and id(part.weight) not in fed and (x := taken(part)) is not None]
    return found[-1] if found else None


def together(norms: list[Tensor]) -> Tensor:
    """The norm of several parts, from the norm of each."""
    return norms[0] if len(norms) == 1 else torch.stack(norms).norm()


def is_pair(part: Part) -> bool:
    """Whether a layer is fed by another layer through nothing but linear operations."""
    before = part.feeds_from
    plain = part.kind == "layer" and before is not None and before.kind == "layer" and before.weight is not part.weight
    if not plain or before is None or "Rnn" in part.type + before.type or "Fused" in part.type + before.type:
        return False
    return all(is_linear_pass(node) for node in part.between if operation(node) != "AccumulateGrad")


def has_bias(node: Any) -> bool:
    """Whether a layer adds a bias to its product."""
    edges = node.next_functions
    at = {"Addmm": 0, "Addmv": 0, "Convolution": 2, "MkldnnConvolution": 2, "Linear": 2}.get(operation(node))
    return at is not None and at < len(edges) and edges[at][0] is not None


def is_strip(weight: Any) -> bool:
    """Whether a convolution's kernel has one row or column: half of a kernel that was factorised on purpose."""
    sizes = tuple(weight.shape[2:])
    return len(sizes) > 1 and min(sizes) == 1 < max(sizes)


def widths(part: Part) -> tuple[int, int]:
    """How many values a layer gives out and takes in, per example or position."""
    shape = tuple(part.weight.shape)
    if part.type.endswith("Convolution"):
        return shape[0], shape[1]
    at_weight = part.node.next_functions[2 if part.type == "Addmm" else 1][0]
    plain = at_weight is not None and operation(at_weight) == "AccumulateGrad"  # x @ W keeps (in, out); nn.Linear has (out, in)
    return (shape[-1], shape[0]) if plain else (shape[0], shape[-1])
