"""A check-up before training, in seconds, on one batch: everything is tried on copies, and all that was touched is put back."""

from __future__ import annotations

import contextlib
import copy
import math
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gradwell.doctor import signals
from gradwell.doctor.checkup import Check, Checkup
from gradwell.doctor.finding import Finding
from gradwell.doctor.judge import judge
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.spread import spreads
from gradwell.errors import OptionError
from gradwell.watch.batch import axis_of, chosen, first_tensor
from gradwell.watch.exchange import ALIKE
from gradwell.watch.settings import Settings
from gradwell.watch.watcher import Watcher

STEPS, SECONDS = 200, 20.0  # of trying to learn the one batch by heart, whichever ends first
LEARNED = 0.1  # of the first loss, or of the trivial predictor's
FAR = 2.0  # times the trivial predictor's loss that a first loss may be
SHALLOW, STEEP = 1e-3, 1e3  # how much the spread of the examples may change from the input to the last layer


@dataclass
class Patient:
    """Copies of what is to be trained, and the batch."""

    model: nn.Module
    loss: Callable[[Any, Any], Tensor]
    optimizer: Any
    inputs: Any
    target: Any

    def forward(self, inputs: Any) -> Any:
        """The model's output on inputs given as one value, a list of values, or values by name."""
        if isinstance(inputs, Mapping):
            return self.model(**inputs)
        return self.model(*inputs) if isinstance(inputs, (list, tuple)) else self.model(inputs)


def check(model: nn.Module, loss: Callable[[Any, Any], Tensor], optimizer: Any, batch: Any,
          rules: Iterable[Rule] | None = None) -> Checkup:
    """Try a model, its loss and its optimizer on one batch before training, and say what is wrong.

    batch: (inputs, target); inputs are a tensor (N, ...), a list of them, or tensors by name; loss(model(inputs), target) is a scalar.
    rules: those to ask of the steps on the batch; without them, all.

    Nothing changes: weights, buffers, gradients, the optimizer's state and all random states are what they were. Raises OptionError
    when the batch is no pair, the loss is no scalar, or the model cannot be copied.
    """
    if not isinstance(batch, (list, tuple)) or len(batch) != 2:
        raise OptionError(f"batch is a {type(batch).__name__}; give a pair (inputs, target)")
    with untouched(model):
        try:
            twin, ours, theirs = copy.deepcopy((model, loss, optimizer))
        except Exception as error:
            raise OptionError(f"the model, loss or optimizer cannot be copied: {type(error).__name__}: {error}") from error
        patient = Patient(twin, ours, theirs, *batch)
        steady(patient.model)
        checks = [*outputs(patient)]
        record, curve = memorize(patient)
        learnt = overfits(record, curve)
        checks += [first_loss(record, curve), depth(record), learnt]
        verdict = judge(record, rules)
        return Checkup(tuple(checks), tuple(certain(verdict.findings, learnt)), tuple(certain(verdict.allowed, learnt)))


@contextlib.contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Put back random states, gradients and buffers of the user's own model, which a loss that refers to it may have touched."""
    python, arrays = random.getstate(), sys.modules.get("numpy")
    state = arrays.random.get_state() if arrays is not None else None
    gradients = [(p, p.grad, None if p.grad is None else p.grad.detach().clone()) for p in model.parameters()]
    buffers = [(b, b.detach().clone()) for b in model.buffers()]
    try:
        with torch.random.fork_rng(), torch.enable_grad():
            yield
    finally:
        random.setstate(python)
        if arrays is not None:
            arrays.random.set_state(state)
        with torch.no_grad():
            for p, gradient, values in gradients:
                p.grad = gradient
                if gradient is not None and values is not None and not torch.equal(gradient, values):
                    gradient.copy_(values)
            for buffer, values in buffers:
                if not torch.equal(buffer, values):
                    buffer.copy_(values)


def steady(model: nn.Module) -> None:
    """Switch dropout off, so that a batch can be learned by heart."""
    module: Any
    for module in model.modules():
        if isinstance(getattr(module, "p", None), float) and "Dropout" in type(module).__name__:
            module.p = 0.0
        if isinstance(module, (nn.RNNBase, nn.MultiheadAttention)):
            module.dropout = 0.0


def outputs(patient: Patient) -> Iterator[Check]:
    """Do the outputs depend on the inputs at all, and each example's only on its own?"""
    training = [(module, module.training) for module in patient.model.modules()]
    patient.model.eval()
    try:
        with torch.no_grad():
            yield from compared(patient)
    finally:
        for module, mode in training:
            module.training = mode


def compared(patient: Patient) -> Iterator[Check]:
    """Compare the outputs of the batch with those of the same batch in which all but one example, the first or the last, were exchanged."""
    count = len(patient.target) if isinstance(patient.target, Tensor) and patient.target.dim() else 0
    before = first_tensor(patient.forward(patient.inputs))
    axis = axis_of(before, count) if before is not None else None
    if before is None or axis is None or count < 3 or not before.is_floating_point():
        why = "the batch needs three examples or more" if count < 3 else "the output's axis of examples is not known"
        yield Check("input matters", None, why)
        yield Check("examples are independent", None, why)
        return
    rows = before.movedim(axis, 0).flatten(1)
    size = rows.abs().amax().clamp_min(1e-30)
    apart = float((rows - rows.mean(0)).abs().amax() / size)
    yield Check("input matters", apart > ALIKE, f"the outputs of different examples differ by {apart:.2g} of their size")
    moved = max(exchange(patient, rows, kept, axis) for kept in (0, count - 1)) / float(size)
    words = "the output of one example does not change with the others" if moved <= ALIKE else (
        f"the output of one example changes by {moved:.2g} of its size when the others are exchanged: axes are mixed up, by view in place "
        "of transpose or by a wrong batch_first")
    yield Check("examples are independent", moved <= ALIKE, words)
    x = first_tensor(patient.inputs)
    if axis == 0 and x is not None and x.dim() > 1 and before.dim() > 2 and x.shape[:2] == before.shape[:2] and x.shape[1] > 2:
        yield later(patient, x, before)


def later(patient: Patient, x: Tensor, before: Tensor) -> Check:
    """Does the output of a step depend on later steps of the input? Where the target is the next input, it must not."""
    changed = x.clone()
    changed[:, -1] = x[:, -1].roll(1, 0)
    inputs = patient.inputs
    swap = changed if inputs is x else {k: changed if v is x else v for k, v in inputs.items()} if isinstance(inputs, Mapping) \
        else [changed if v is x else v for v in inputs]
    after = first_tensor(patient.forward(swap))
    assert after is not None
    moved = float((after - before)[:, :-1].abs().amax() / before.abs().amax().clamp_min(1e-30))
    y = patient.target
    ahead = isinstance(y, Tensor) and y.shape == x.shape and torch.equal(y[:, :-1], x[:, 1:].to(y.dtype))
    if moved <= ALIKE:
        return Check("steps in time", True, "the output of a step depends on earlier steps only")
    if ahead:
        return Check("steps in time", False, f"the output of a step changes by {moved:.2g} of its size with later steps, and the target is "
                     "the next step: the model sees the answer (a causal mask is missing, or a layer is bidirectional)")
    return Check("steps in time", True, "the output of a step depends on later steps, too")


def exchange(patient: Patient, rows: Tensor, kept: int, axis: int) -> float:
    """How much the output of one example moves when all others change places. rows: (examples, values), the outputs before that."""
    others = torch.tensor([i for i in range(len(rows)) if i != kept])
    order = torch.arange(len(rows))
    order[others] = others.roll(1)
    after = first_tensor(patient.forward(chosen(patient.inputs, order, len(rows))))
    assert after is not None
    return float((after.movedim(axis, 0).flatten(1)[kept] - rows[kept]).abs().amax())


def memorize(patient: Patient) -> tuple[Record, list[float]]:
    """Train on the one batch for a while, watched; the record and the losses."""
    record = Record.create()
    curve: list[float] = []
    watcher = Watcher(Settings(every=1), lambda: record)
    watcher.registry.add(patient.model)
    watcher.on_optimizer(patient.optimizer)
    ends = time.monotonic() + SECONDS
    watcher.start()
    try:
        while len(curve) < STEPS and time.monotonic() < ends and not done(curve):
            patient.optimizer.zero_grad()
            loss = patient.loss(patient.forward(patient.inputs), patient.target)
            if not isinstance(loss, Tensor) or loss.numel() != 1:
                raise OptionError(f"the loss is a {type(loss).__name__} of shape {tuple(getattr(loss, 'shape', ()))}; it must be a scalar")
            curve.append(float(loss.detach()))
            if not loss.requires_grad:
                break
            loss.backward()  # type: ignore[no-untyped-call]
            patient.optimizer.step()
    finally:
        watcher.finish()
    return record, curve


def done(curve: list[float]) -> bool:
    """Whether the batch is known by heart, or the loss is lost."""
    return bool(curve) and (not math.isfinite(curve[-1]) or (len(curve) >= 30 and curve[-1] < 0.02 * curve[0]))


def trivial(record: Record) -> float | None:
    """The loss of a predictor that ignores the input, on this batch."""
    known = [value for site in record.sites("loss") for _, value in record.series(signals.TRIVIAL_LOSS.name, site)]
    return known[-1] if known and known[-1] > 1e-6 else None


def first_loss(record: Record, curve: list[float]) -> Check:
    """Is the loss before training about that of a predictor that ignores the input (ln C for C even classes)?"""
    name, base = "loss before training", trivial(record)
    if not curve or not math.isfinite(curve[0]):
        return Check(name, False, f"it is {curve[0] if curve else 'missing'}")
    if base is None:
        return Check(name, None, f"{curve[0]:.3g}; what a predictor that ignores the input would reach is not known for it")
    return Check(name, curve[0] <= FAR * base, f"{curve[0]:.3g}; a predictor that ignores the input reaches {base:.3g} on this batch")


def depth(record: Record) -> Check:
    """Does the spread of the examples survive from the input to the last layer?"""
    places = spreads(record)
    if not places:
        return Check("signal through depth", None, "no layer takes the data directly")
    last = places[-1]
    good = SHALLOW <= last.at_start <= STEEP
    return Check("signal through depth", good, f"the examples' spread at {last.site.where} is {last.at_start:.2g} times that of the input")


def overfits(record: Record, curve: list[float]) -> Check:
    """Can the batch be learned by heart? What cannot do that will not learn more."""
    name = "learns one batch by heart"
    if len(curve) < 2:
        return Check(name, False, "the loss does not depend on any parameter")
    base = max(abs(curve[0]), trivial(record) or 0.0)
    best, words = min(curve), f"in {len(curve)} steps the loss went from {curve[0]:.3g} to {curve[-1]:.3g}"
    return Check(name, (math.isfinite(curve[-1]) and best < LEARNED * base) or best < curve[0] - base, words)


def certain(findings: Iterable[Finding], learnt: Check) -> Iterator[Finding]:
    """The faults of the few steps: what is certain, and the rest only where the batch could not be learned."""
    for finding in findings:
        if finding.severity == "error" or (finding.severity == "warning" and not learnt.passed):
            yield finding
