"""The watcher of one process: counts steps, decides which to look at, and passes what it sees to the probes.

Watching changes nothing: it draws no random number, keeps no tensor of the graph beyond the step, and where one of its probes
fails, that probe is switched off and the run goes on.
"""

from __future__ import annotations

import math
import os
import sqlite3
import time
import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

import torch
from torch import Tensor

from gradwell.doctor import signals
from gradwell.doctor.allowance import NOTED
from gradwell.doctor.record import Record
from gradwell.errors import GradwellError
from gradwell.watch import graph, nonfinite, sample
from gradwell.watch.attention import Attentions
from gradwell.watch.comments import Comments
from gradwell.watch.compiled import Compiled
from gradwell.watch.evaluation import Evaluation, matters
from gradwell.watch.fingerprints import Fingerprints
from gradwell.watch.held_out import HeldOut
from gradwell.watch.layers import Layers, data_taken
from gradwell.watch.looks import Looks
from gradwell.watch.losses import Losses
from gradwell.watch.optimizers import Optimizers, parameters
from gradwell.watch.origins import STEPS as ORIGINS
from gradwell.watch.origins import Line, Origins
from gradwell.watch.patches import Patches
from gradwell.watch.ranks import process
from gradwell.watch.reach import Reach
from gradwell.watch.recurrence import Recurrence
from gradwell.watch.registry import Registry
from gradwell.watch.schedule import Schedule
from gradwell.watch.settings import Settings
from gradwell.watch.source import user_line
from gradwell.watch.told import Told

PENDING = 512  # readings after which they are fetched from the device and written
LOSE = 0.8  # seconds of readings that a kill may cost
IMPATIENCE = 64  # backward passes without any optimizer step, after which each pass counts as a step

P = ParamSpec("P")


def probe(name: str) -> Callable[[Callable[Concatenate[Watcher, P], None]], Callable[Concatenate[Watcher, P], None]]:
    """Make a method of the watcher a probe: its time is charged to the budget, and if it fails it is switched off."""

    def decorate(method: Callable[Concatenate[Watcher, P], None]) -> Callable[Concatenate[Watcher, P], None]:
        @wraps(method)
        def guarded(self: Watcher, *args: P.args, **kwargs: P.kwargs) -> None:
            if name in self.off or "record" in self.off or os.getpid() != self.pid:
                return
            begun, outermost, Watcher.looking = time.perf_counter(), not Watcher.looking, True
            try:
                method(self, *args, **kwargs)
            except sqlite3.Error as error:
                self.off["record"] = f"the record could not be written any more, from step {self.step} of the run on: {error}"
            except Exception as error:  # noqa: BLE001 - whatever goes wrong in here, the user's run goes on
                self.off[name] = f"{type(error).__name__}: {error}".split("\n")[0]
            finally:
                if outermost:
                    Watcher.looking = False
                    self.schedule.spent += time.perf_counter() - begun

        return cast("Callable[Concatenate[Watcher, P], None]", guarded)

    return decorate


class Watcher:
    """Watches every training loop of this process from `start` to `finish`; `create` opens the record when the first step comes."""

    looking = False  # whether any of them is at work: what torch is asked for then is not the script's

    def __init__(self, settings: Settings, create: Callable[[], Record]) -> None:
        self.settings = settings
        self.registry = Registry()
        self.schedule = Schedule(settings.budget, settings.every)
        self.patches = Patches(self)
        self.record: Record | None = None
        self.fingerprints: Fingerprints | None = None  # of a process that trains with others
        self.step = 0
        self.off: dict[str, str] = {}
        self.pid = os.getpid()
        self._create = create
        self._pending: list[tuple[str, int, int, Tensor]] = []
        self._early: list[tuple[weakref.ref[Any], int]] = []  # optimizers built before the first step, with their age
        self._sampled = self._began = self._stepped = self._stepped_now = False
        self._alone = self._closure = self._clipped = self._suspect = self._glancing = False
        self._since = self._stale = self._fresh = 0  # backward passes since the last update, those that found old gradients or none
        self._scaler: Any = None  # a GradScaler whose factor is in the gradients
        self._scaled: tuple[weakref.ref[Tensor], Tensor] | None = None
        self._root: Any = None
        self._order: dict[str, Any] | None = None  # that a DistributedSampler gave out
        self._dealt: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()  # data sets, and since which step they are dealt out
        self._pole: str | None = None
        self._compiled = Compiled()
        self._recurrence = Recurrence(self.registry)
        self._evaluation = Evaluation(self.registry, self._evaluated)
        self._held_out = HeldOut()
        self._origins = Origins()
        self._told = Told()
        self._reach = Reach(self.registry)
        self._comments = Comments()
        self._looks = Looks(self.registry, self.schedule)
        self._known: set[int] = set()  # optimizers that were seen to step
        self._unseen: set[str] = set()
        self._traced: set[str] = set()  # kinds of non-finite values whose origin was looked for
        self._flushed, self._ticked = -math.inf, time.monotonic()  # the first step is written at once
        self._pace = LOSE

    def start(self) -> None:
        """Begin to listen."""
        self.registry.install()
        self.patches.install()

    def finish(self) -> None:
        """Stop listening, write everything and close the record."""
        self._reach.disarm()
        self._looks.stop()
        self.patches.remove()
        self.registry.remove()
        self._finish()

    def end(self) -> None:
        """Stop listening and close the record; the process is about to end."""
        self.finish()
        self._close()

    @probe("finish")
    def write(self) -> None:
        """Write what was measured so far."""
        if self.record is not None:
            self._flush()

    @probe("finish")
    def _close(self) -> None:
        if self.record is not None:
            self.record.close()

    @probe("finish")
    def _finish(self) -> None:
        if self.record is None:
            return
        self._close_step()
        self.layers.finish(self.step)
        self.record.note("finished", time.time())
        self._flush()

    # what the patches tell

    @probe("optimizers")
    def on_optimizer(self, optimizer: Any) -> None:
        """An optimizer was built."""
        self._reach.arm()
        self._alone = False
        self.registry.roots([p for p in parameters(optimizer) if hasattr(p, "to_local")])  # as long as the shards stand in their modules
        if self.record is not None:
            self.optimizers.add(optimizer, self.registry.age)
        else:
            self._early.append((weakref.ref(optimizer), self.registry.age))

    @probe("second looks")
    def before_compile(self) -> None:
        """A model or a function is about to be compiled, which global hooks would disturb."""
        self._looks.stop()

    @probe("compiled")
    def on_compile(self, result: Any) -> None:
        """A model or a function was compiled."""
        self._reach.disarm(for_good=True)
        self._looks.end("it is compiled" if isinstance(result, torch.nn.Module) else "a part of it may be compiled")
        if isinstance(result, torch.nn.Module):
            self._compiled.follow(result)

    @probe("recurrence")
    def on_recurrence(self, result: Any, args: tuple[Any, ...]) -> None:
        """A recurrent layer read sequences."""
        if not torch.compiler.is_compiling():
            self._recurrence.note(result, args)

    @probe("evaluation")
    def on_no_grad(self, context: Any) -> None:
        """Somebody switched gradients off."""
        if self.record is not None and not torch.compiler.is_compiling():
            self._evaluation.begin(context)

    @probe("evaluation")
    def after_no_grad(self, context: Any) -> None:
        """Gradients are as they were before."""
        if self.record is not None and not torch.compiler.is_compiling():
            self._evaluation.end(context)

    @probe("evaluation")
    def _evaluated(self, root: Any, module: Any) -> None:
        assert self.record is not None
        if root in self.registry.roots([p for p in root.parameters() if id(p) in self.optimizers.held()][:1]):
            self.record.add(signals.EVALUATED.name, self.optimizers.model(root), self.step, float(module.training and matters(root)))
            if not module.training:
                self._evaluation.listen(root, self._kept)

    @probe("evaluation")
    def _kept(self, module: Any, inputs: Tensor) -> None:
        self.layers.kept_statistics(module, inputs, self.step)

    def on_loss(self, result: Any) -> None:
        """One of torch's loss functions was called, in an evaluation or in training."""
        if Watcher.looking or torch.compiler.is_compiling():
            return
        if torch.is_grad_enabled():
            if self.step < ORIGINS:
                self._note_origin(result)
        elif self.record is not None:
            self._hear_loss(result)

    @probe("loss")
    def _note_origin(self, result: Any) -> None:
        self._origins.note(result)

    @probe("evaluation")
    def _hear_loss(self, result: Any) -> None:
        self._held_out.note(result)

    def on_trouble(self, error: Exception) -> None:
        """Another library's optimizer is not what it was taken for."""
        self.off.setdefault("other libraries' optimizers", f"{type(error).__name__}: {error}".split("\n")[0])

    @probe("what the trainer tells")
    def on_epoch(self, number: int) -> None:
        """A trainer said that so many epochs are over."""
        if self.record is not None:
            self._told.epoch(self.record, number, self.step)

    @probe("what the trainer tells")
    def on_metric(self, name: str, value: float) -> None:
        """A trainer measured something."""
        if self.record is not None:
            self._told.metric(self.record, name, value, self.step)

    @probe("clipping")
    def on_scale(self, loss: Any, scaled: Any, scaler: Any) -> None:
        """A loss was scaled for mixed precision; the true one is kept until its backward pass."""
        if isinstance(loss, Tensor) and isinstance(scaled, Tensor):
            self._scaled = weakref.ref(scaled), loss.detach()
            self._scaler = scaler if scaler.is_enabled() else None

    @probe("clipping")
    def on_unscale(self) -> None:
        """A GradScaler's factor was taken out of the gradients."""
        self._scaler = None

    @probe("clipping")
    def on_clip(self, norm: Any, threshold: Any) -> None:
        """Gradients were clipped to a norm."""
        if self._glancing and isinstance(norm, Tensor) and threshold is not None and not sample.is_partial(norm):
            self._clipped = True
            norm = sample.local(norm.detach())
            self._put(signals.GRADIENT_NORM.name, 0, self.step, norm)
            self._put(signals.CLIPPED.name, 0, self.step, float(threshold) / norm)
        self.on_value_clip(threshold)

    @probe("clipping")
    def on_value_clip(self, threshold: Any) -> None:
        """Gradients were cut to a size; is a GradScaler's factor still in them, and is it in the threshold, too?"""
        if self._glancing and self.record is not None and threshold is not None:
            factor = float(self._scaler.get_scale()) if self._scaler is not None else 1.0
            meant = factor <= 1 or threshold >= factor**0.5  # a threshold of the factor's order, not of 1
            self.record.add(signals.SCALED_CLIP.name, 0, self.step, float(not meant))

    @probe("backward")
    def on_backward(self, tensors: Any) -> None:
        """backward() was called; the graph is still whole."""
        if torch._C._current_graph_task_id() != -1 or torch._C._functorch.peek_interpreter_stack() is not None:
            return  # a backward pass inside another (checkpointing), or a function transform
        found = tensors if isinstance(tensors, (list, tuple)) else [tensors]  # an iterator is left to whom it was given
        root = next((t for t in found if isinstance(t, Tensor) and t.grad_fn is not None), None)
        if root is None:
            self._note_rootless(found)
            return
        if not self._open():
            return
        self._meet()
        if root.is_meta:
            self._unseen.add("what ran on the meta device has shapes and no values, so there was nothing to read")
            return
        self._begin()
        value = self._scaled[1] if self._scaled is not None and self._scaled[0]() is root else root
        whole, value = not sample.is_partial(value), sample.local(value.detach())
        line = user_line()
        self._root = root.grad_fn if self._sampled else None
        number = value.item() if value.device.type == "cpu" and value.numel() == 1 and whole else None
        lost = "loss" not in self._traced and (self._suspect or (number is not None and not math.isfinite(number)))
        new = not self.losses.knows(line)
        if new or lost or self._glancing:
            with torch.no_grad():
                self._look(root.grad_fn, line, lost, new, value)
        if self._looks.listening:
            self._hear_of_calls(root.grad_fn)
        if number is not None:
            self.losses.number(number, line, self.step)
        elif value.numel() == 1 and whole:
            self.losses.value(value.reshape(()), line, self.step)

    @probe("failure")
    def on_failure(self, error: Exception, backward: bool = True) -> None:
        """A backward pass failed, or an error ended the script, perhaps because another rank is gone.

        What waits on a device is not asked for: that might wait, too.
        """
        if self.record is not None:
            note = {"step": self.step, "error": f"{type(error).__name__}: {error}".split("\n")[0][:300], "backward": True}
            if not backward and self.record.meta("failed") != note:  # it was not that of the backward pass
                note["backward"] = False
            self.record.note("failed", note)
            self.record.note("steps", self.step)
            self.record.flush()

    @probe("ranks")
    def on_order(self, sampler: Any) -> None:
        """A DistributedSampler was asked for the order of an epoch; without gradients it is that of an evaluation."""
        if torch.is_grad_enabled():
            try:
                data = self._dealt.setdefault(sampler.dataset, self.step)
            except TypeError:  # a list, say, of which nobody can tell when it is gone
                data = -1
            self._order = {"epoch": int(sampler.epoch), "shuffle": bool(sampler.shuffle), "seed": int(sampler.seed),
                           "examples": len(sampler.dataset), "data": data}

    def after_backward(self) -> None:
        """The backward pass is done; the gradients are there."""
        self._origins.clear()
        if self._glancing and self.record is not None and torch._C._current_graph_task_id() == -1:
            if self._sampled and self._root is not None:
                self._collect()
            self._keep_gradients()

    def before_step(self, optimizer: Any) -> None:
        """An optimizer is about to change its weights."""
        if self.record is not None and not any(p.is_meta for p in parameters(optimizer)[:1]):
            self._closure = not self._began and not self._stepped_now  # it calls backward itself, as LBFGS does
            if self._glancing or id(optimizer) not in self._known:
                self._look_at_gradients(optimizer)
                self._look_at_weights(optimizer, updated=False)
            if not self._closure and (self._sampled or self._reach.wants(optimizer)):
                self._look_at_reach(optimizer)

    def after_step(self, optimizer: Any) -> None:
        """An optimizer has changed its weights."""
        if self.record is not None and not any(p.is_meta for p in parameters(optimizer)[:1]):
            if self._glancing:
                self._look_at_update(optimizer)
                self._look_at_weights(optimizer, updated=True)
            self._updated()

    @probe("clipping")
    def after_scaler_step(self) -> None:
        """A GradScaler has stepped its optimizer or, where a gradient overflowed, skipped it."""
        if self.record is not None:
            self._updated()

    @probe("other libraries' optimizers")
    def _meet(self) -> None:
        self.patches.meet()

    # the steps

    def _begin(self) -> None:
        """Count a backward pass; the first one after an update begins a new step, as each one does where nothing updates."""
        self._alone = not len(self.optimizers) or (not self._stepped and (self._alone or self._since >= IMPATIENCE))
        if not self._began or self._alone:
            self._close_step()
            self.step += 1
            self._began = True
            self._stepped_now = False
            self._since = self._stale = self._fresh = 0
            self._clipped = False
            self._reach.begin()
            self._sampled = self.schedule.due(self.step)
            self._glancing = self._sampled or self.step & (self.step - 1) == 0  # at the update; powers of two whatever the budget says
            if self._sampled:
                self.schedule.begin(self.step)
            self.optimizers.descent.clear()
            self._note_order()
        self._since += 1

    def _updated(self) -> None:
        """The weights were changed; the next backward pass begins a new step."""
        self._began, self._stepped, self._stepped_now = False, True, True
        self._scaler = None
        self._compiled.calls.clear()
        self._recurrence.calls.clear()
        if self._looks.listening:
            self._look_again()
            self._looks.stop()  # even where the probe is off
        if self.settings.steps is None:  # a run that is treated is not looked at
            self._looks.begin(self.step + 1)
        if self._pace > LOSE / 8:  # the next step may come too late
            self._tick()

    def _close_step(self) -> None:
        """A step is over: account for what looking at it cost."""
        if self._sampled:
            self.schedule.end()
        self._sampled = self._glancing = False
        self._root = None
        if self._held_out.heard:
            self._close_evaluation()
        self._tick()

    @probe("evaluation")
    def _close_evaluation(self) -> None:
        if self.record is not None:
            self._held_out.write(self.record, self._put, self.step)

    def _tick(self) -> None:
        """Write when it is time: before more would be lost than a kill may cost."""
        now = time.monotonic()
        self._pace, self._ticked = max(now - self._ticked, self._pace / 2), now
        if len(self._pending) >= PENDING or now - self._flushed + self._pace > LOSE:
            self.write()

    # the probes

    @probe("graph")
    def _look(self, root: Any, line: Line, lost: bool, new: bool, value: Tensor) -> None:
        """Read the graph of a loss."""
        if self.fingerprints is not None:
            self.fingerprints.shards()
        order, whole = graph.forward_order(root)
        parts = graph.parts(order)
        self._note_unseen(order, whole)
        if lost:
            self._trace_loss(order, parts, line, value)
        if new or self._glancing:
            self._look_at_loss(root, line)
        if self._sampled or lost:
            self._look_at_attention(order, parts)
        if self._sampled:
            self._look_inside(parts)
        if self._glancing:
            self._look_at_batch(root, order, parts)
            self._look_at_data(parts)
            self._look_at_leaves(graph.leaves(order))
        if self._sampled:
            self._compiled.listen()
            self._recurrence.listening = True
            self.poles.hook(order)

    @probe("ranks")
    def _note_order(self) -> None:
        order, self._order = self._order, None
        if order is not None and self.record is not None:
            self.record.fact(signals.EPOCH_ORDER.name, 0, self.step, order)

    @probe("ranks")
    def _look_at_batch(self, root: Any, order: list[Any], parts: list[graph.Part]) -> None:
        if self.fingerprints is not None:
            self.fingerprints.batch(root, order, parts, self.step)

    @probe("ranks")
    def _look_at_weights(self, optimizer: Any, updated: bool) -> None:
        if self.fingerprints is not None:
            with torch.no_grad():
                (self.fingerprints.after if updated else self.fingerprints.before)(optimizer, self.step)

    @probe("gradients")
    def _collect(self) -> None:
        """Read what the hooks of the graph saw during the backward pass."""
        with torch.no_grad():
            self.layers.backward(self.step)
            self.schedule.spent += self.layers.seconds()
            self._pole = self.poles.first()
        if self._compiled.calls:
            self._look_into_compiled()
        self._look_through_time()

    @probe("recurrence")
    def _look_through_time(self) -> None:
        assert self.record is not None
        self.schedule.spent += self._recurrence.seconds()
        self._recurrence.measure(self.record, self._put, self.step)

    @probe("compiled")
    def _look_into_compiled(self) -> None:
        def look(root: Any) -> None:
            with torch.no_grad():
                self.layers.forward(graph.parts(graph.forward_order(root)[0]), self.step)

        if self._compiled.replay(look):
            with torch.no_grad():
                self.layers.backward(self.step)

    @probe("optimizers")
    def _look_at_gradients(self, optimizer: Any) -> None:
        self.optimizers.add(optimizer, self.registry.age)
        self._known.add(id(optimizer))
        with torch.no_grad():
            if self._glancing:
                self.optimizers.before(optimizer)
                if not self._closure:
                    self._trace_gradients(optimizer)
                    self.optimizers.gradients(optimizer, self.step, self._clipped)

    @probe("optimizers")
    def _look_at_update(self, optimizer: Any) -> None:
        with torch.no_grad():
            if self._closure:
                self.optimizers.gradients(optimizer, self.step, self._clipped)
            self.optimizers.after(optimizer, self.step, self._since, self._fresh == 0 if self._fresh + self._stale else None)

    @probe("optimizers")
    def _keep_gradients(self) -> None:
        with torch.no_grad():
            self.optimizers.left()

    @probe("reach")
    def _look_at_reach(self, optimizer: Any) -> None:
        assert self.record is not None
        self._reach.look(optimizer, self.optimizers, self.record, self.step)

    @probe("backward")
    def _note_rootless(self, found: Any) -> None:
        """backward() was called on values without a history, such as a loss that went through numpy or was made anew."""
        value = next((t for t in found if isinstance(t, Tensor) and not isinstance(t, torch.nn.Parameter) and t.numel() == 1), None)
        if value is None or not (self._early or self.record is not None) or not self._open() or id(value) in self.optimizers.held():
            return
        assert self.record is not None
        self._begin()
        line = user_line()
        self.losses.value(value.detach().reshape(()), line, self.step)
        self.record.add(signals.ROOTLESS.name, self.losses.site(line, 0, "loss"), self.step, 1.0)

    @probe("second looks")
    def _hear_of_calls(self, root: Any) -> None:
        with torch.no_grad():
            self._looks.loss(root, graph.forward_order(root)[0])

    @probe("second looks")
    def _look_again(self) -> None:
        assert self.record is not None
        begun = time.perf_counter()
        try:
            self._looks.take(self.record, self.step)
        finally:
            self.schedule.aside += time.perf_counter() - begun

    @probe("layers")
    def _look_inside(self, parts: list[graph.Part]) -> None:
        self.layers.forward(parts, self.step)

    @probe("loss")
    def _look_at_data(self, parts: list[graph.Part]) -> None:
        self.losses.answers.inputs(data_taken(parts), self.step)

    @probe("attention")
    def _look_at_attention(self, order: list[Any], parts: list[graph.Part]) -> None:
        self.attentions.look(order, parts, self.step)

    @probe("loss")
    def _look_at_loss(self, root: Any, line: Line) -> None:
        self.losses.look(root, line, self.step)

    @probe("leaves")
    def _look_at_leaves(self, leaves: list[Any]) -> None:
        self._reach.leaves(leaves)
        if self._stepped:
            stale = self.optimizers.stale(leaves)
            self._stale += stale is True
            self._fresh += stale is False
            self.optimizers.orphans(leaves, self.step)

    @probe("non-finite values")
    def _trace_loss(self, order: list[Any], parts: list[graph.Part], line: Line, value: Tensor) -> None:
        """Find where a loss that is not finite came from.

        When it came from the weights, while the loss before it was finite, the update between them had a gradient that was not.
        """
        assert self.record is not None
        facts = nonfinite.first(order, parts, self.registry.name) | {"value": str(float(value.sum()))}
        self.record.fact(signals.NON_FINITE.name, self.losses.site(line, 0, "loss"), self.step, facts)
        if facts["what"] == "weight" and not self._traced and self.step > 1:
            self._note_gradient(nonfinite.bad(graph.leaves(order), graph.leaves(order), self.registry.name), order, self.step - 1)
        self._traced.add("loss")

    @probe("non-finite values")
    def _trace_gradients(self, optimizer: Any) -> None:
        """Look for a gradient that is not finite; a GradScaler's own optimizers see to that themselves."""
        if self._traced or getattr(optimizer, "found_inf", None) is not None:
            return
        bad = nonfinite.bad_gradients(parameters(optimizer), self.registry.name)
        if bad is not None:
            self._note_gradient(bad, graph.forward_order(self._root)[0] if self._root is not None else [], self.step)

    def _note_gradient(self, bad: dict[str, Any], order: list[Any], step: int) -> None:
        assert self.record is not None
        self._traced.add("gradient")
        suspects = sorted({graph.operation(node) for node in order} & nonfinite.POLES)
        facts = bad | {"operation": self._pole if step == self.step else None, "suspects": suspects}
        self.record.fact(signals.NON_FINITE_GRADIENT.name, 0, step, facts)

    def _note_unseen(self, order: list[Any], whole: bool) -> None:
        if not whole:
            self._unseen.add(f"the graph of the loss has more than {graph.LIMIT} operations; only a part of it was read")
        if not self._compiled.calls and any(graph.operation(node).startswith("CompiledFunction") for node in order):
            self._unseen.add("inside a compiled model only losses, gradients and updates are seen; run once with "
                             "TORCH_COMPILE_DISABLE=1 to look at its layers")

    # the record

    def _open(self) -> bool:
        """Open the record at the first step; where that fails, nothing more is watched."""
        if self.record is not None:
            return True
        try:
            self.record = self._create()
        except GradwellError as error:
            self.off["record"] = str(error)
            return False
        self.losses, self.layers = Losses(self.record, self._put, self._origins), Layers(self.record, self.registry.name, self._put)
        self.attentions = Attentions(self.record, self.registry.name, self._put)
        self.optimizers, self.poles = Optimizers(self.record, self.registry, self._put), nonfinite.Poles()
        for reference, age in self._early:
            if (optimizer := reference()) is not None:
                self.optimizers.add(optimizer, age)
        self.record.note("script", self.settings.script)
        self.record.note("started", time.time())
        this = process()
        self.record.note("process", this.as_dict())
        if this.world > 1:
            self.fingerprints = Fingerprints(self.record, self.registry, self.optimizers, self._put)
        return True

    @probe("comments")
    def _read_comments(self) -> None:
        """Keep what the user's source allows as it stands now: the record may be judged when it has changed."""
        assert self.record is not None
        if self._comments.read(self.registry.files() | {site.file for site in self.record.sites()}):
            self.record.note(NOTED, self._comments.found)

    def _put(self, signal: str, site: int, step: int, value: Tensor) -> None:
        if value.device.type == "cpu":  # nothing to wait for, and small tensors kept between the user's would scatter his memory
            assert self.record is not None
            self.record.add(signal, site, step, value.item())
        else:
            self._pending.append((signal, site, step, value))

    def _flush(self) -> None:
        """Fetch what was measured from the device, all at once, and write it; where the disk refuses, stop watching."""
        assert self.record is not None
        pending, self._pending = self._pending, []
        alike: dict[tuple[torch.device, torch.dtype], list[tuple[str, int, int, Tensor]]] = {}
        for reading in pending:
            alike.setdefault((reading[3].device, reading[3].dtype), []).append(reading)
        for readings in alike.values():
            values = torch.stack([value for *_, value in readings]).tolist()
            for (signal, site, step, _), value in zip(readings, values, strict=True):
                self.record.add(signal, site, step, value)
                self._suspect = self._suspect or (signal == signals.LOSS.name and not math.isfinite(value))
        s = self.schedule
        self.record.note("steps", self.step)
        self.record.note("overhead", {"share": s.spent / max(s.elapsed, 1e-9), "seconds": s.spent, "run_seconds": s.elapsed,
                                      "samples": s.samples, "budget": s.budget if s.every is None else None})
        self.record.note("probes_off", self.off)
        self.record.note("unseen", sorted(self._unseen | self._looks.unseen))
        self._read_comments()
        self.record.flush()
        self._flushed = time.monotonic()
