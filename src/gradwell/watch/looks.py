"""Second looks at a model: on a few steps it runs again, on examples of the batch that it was just trained on, to see what depends on what.

All of it happens in a copy of the process (`apart`). Where that is not certain to leave the run alone, or where one forward pass is too
dear for the budget, there is no look, and the report says so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from gradwell.doctor import signals
from gradwell.doctor.record import Record
from gradwell.watch import loss
from gradwell.watch.apart import NotTried, TooLong, apart, cost, obstacle
from gradwell.watch.batch import tensors
from gradwell.watch.calls import Call, Calls
from gradwell.watch.exchange import exchanged
from gradwell.watch.graph import Node
from gradwell.watch.padded import padded
from gradwell.watch.registry import Registry
from gradwell.watch.schedule import Schedule
from gradwell.watch.subject import EXAMPLES, Subject

STEPS = (4, 33)  # of the run, from which on a look is taken: one even, one odd, since two models often take turns
RUNS = 10  # of a model in one look, about
TRIES = 6  # steps whose calls are heard in vain
DEAR = "it would take too much time"
PATIENCE = 3.0  # times the expected seconds after which a look is given up
NUMBERS = 500_000_000  # of a model's weights, above which there is none


class Looks:
    """Decides when a second look is due, hears what the model is called on, and looks after the update."""

    def __init__(self, registry: Registry, schedule: Schedule) -> None:
        self.unseen: set[str] = set()
        self._registry, self._schedule = registry, schedule
        self._calls = Calls()
        self._chosen: dict[int, tuple[Call, int, bool]] = {}  # by model: a call, how many examples, whether each has one label
        self._taken = self._vain = 0
        self._expected = 0.0  # seconds of a look, as far as they are known
        self._next = STEPS[0]
        self._never = False
        self._sites: dict[int, int] = {}

    @property
    def listening(self) -> bool:
        """Whether the calls of this step are heard."""
        return self._calls.listening

    def begin(self, step: int) -> None:
        """A step begins: from `_next` on, its calls are heard if a look can be paid for."""
        if self._never or step < self._next or self.listening:
            return
        if (reason := obstacle()) is not None:
            self.end(reason)
            return
        if not self._schedule.affords(max(cost(), self._expected)):
            self._next = step + 1 + step // 8
            return
        self._calls.listen()

    def stop(self) -> None:
        """Hear of no more calls."""
        self._calls.stop()
        self._chosen.clear()

    def end(self, reason: str, model: str = "the model") -> None:
        """Look no more, and say why; as where a compiler would take the hooks for a part of the model."""
        if not self._never and reason:
            self.unseen.add(f"whether the examples of a batch stay apart in {model} was not tried: {reason}")
        self._never = True
        self.stop()

    def loss(self, root: Node, order: list[Node]) -> None:
        """A loss is about to be sent back: remember the calls that it was computed from."""
        terms = loss.terms(root)
        for call in self._calls.made(order):
            found = next((found for term in terms if (found := examples(call, term)) is not None), None)
            if found is not None:
                self._chosen.setdefault(id(call.model), (call, *found))

    def take(self, record: Record, step: int) -> None:
        """The weights were updated: look at the models of this step."""
        chosen = list(self._chosen.values())
        self.stop()
        reason = obstacle()
        if reason is not None:
            self.end(reason)
            return
        looked = False
        for call, count, each in chosen[:2]:
            name = type(call.model).__name__
            self._expected = seconds = cost() + RUNS * call.seconds * min(1.0, 2 * EXAMPLES / count)
            if not self._schedule.affords(seconds):
                self._next = step + 1
                if not self._taken:
                    self.unseen.add(f"whether the examples of a batch stay apart in {name} was not tried: {DEAR}")
                return
            self.unseen = {words for words in self.unseen if not words.endswith(DEAR)}
            try:
                admit(call)
                facts = apart(partial(look, call, count, self._registry.line), PATIENCE * seconds)
            except TooLong:
                self.end(DEAR, name)
                return
            except NotTried as why:
                self.end(str(why), name)
                return
            looked = True
            for signal, fact in ((signals.EXCHANGE, facts["exchanged"]), (signals.PADDED, facts["padded"])):
                if fact is not None:
                    record.fact(signal.name, self._site(call.model, record), step, fact | {"one_label_each": each})
        self._taken += looked
        self._vain += not looked
        self._never = self._taken == len(STEPS) or self._vain == TRIES
        self._next = max(step + 1, STEPS[-1]) if looked else 2 * step + 1

    def _site(self, model: nn.Module, record: Record) -> int:
        if id(model) not in self._sites:
            self._sites[id(model)] = record.site("call", "model", type(model).__name__, *self._registry.line(model))
        return self._sites[id(model)]


def examples(call: Call, term: loss.Term) -> tuple[int, bool] | None:
    """How many examples a call was made on, and whether the loss has one label for each; None where that is not certain.

    It is where the loss has one row for each, or where the target of each step of a sequence is the next.
    """
    rows, x = term.prediction_shape, next(tensors(call.inputs), None)
    if x is None or not rows or term.target is None:
        return None
    if len(rows) <= 2 and rows[0] > 2 and rows[0] in call.output[:2] and rows[0] in x.shape[:2]:
        return rows[0], True
    y = term.target
    if x.dim() == 2 and not x.is_floating_point() and y.numel() == x.numel() and x.shape[1] > 2 and not y.is_floating_point():
        return (int(x.shape[0]), False) if bool((y.reshape(x.shape)[:, :-1] == x[:, 1:]).all()) else None
    return None


def admit(call: Call) -> None:
    """Raise NotTried where the model cannot be run in a copy of the process."""
    parts = [*call.model.parameters(), *call.model.buffers(), *tensors(call.inputs)]
    if any(part.device.type != "cpu" for part in parts):
        raise NotTried("it is on an accelerator, which a copy of the process cannot use")
    if any(part.is_shared() for part in [*call.model.parameters(), *call.model.buffers()]):  # type: ignore[no-untyped-call]
        raise NotTried("other processes use its weights, too")
    if any(type(part).__module__.startswith("torch.distributed") for part in parts) or sum(p.numel() for p in parts) > NUMBERS:
        raise NotTried("it is too large, or spread over several processes")


def look(call: Call, count: int, line: Callable[[nn.Module], tuple[str | None, int | None]]) -> dict[str, Any]:
    """In a copy of the process: what the outputs depend on."""
    subject = Subject(call, count)
    subject.prepare()
    return {"exchanged": exchanged(subject, line), "padded": padding_of(subject)}


def padding_of(subject: Subject) -> dict[str, Any] | None:
    """What padding changes; None where that cannot be tried, as in a model for sequences of one length."""
    try:
        return padded(subject)
    except Exception:  # noqa: BLE001 - a model may take no longer sequences
        return None


