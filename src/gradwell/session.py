"""Watching from inside a program: the library's face of `gradwell run`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import gradwell.watch  # the room must be loaded before its name is given to the function below  # noqa: F401
from gradwell.errors import DependencyError, OptionError, RecordError

if TYPE_CHECKING:
    from gradwell.doctor.checkup import Checkup
    from gradwell.doctor.finding import Finding
    from gradwell.doctor.judge import Verdict
    from gradwell.doctor.record import Record
    from gradwell.integrations.trackers.alongside import Alongside
    from gradwell.integrations.trackers.tracker import Tracker
    from gradwell.nets.gradcheck import GradientCheck
    from gradwell.nets.inspection import Inspection
    from gradwell.report.data import Report


def watch(*watched: Any, run_dir: str | Path | None = None, budget: float = 0.03, every: int | None = None,
          track: Tracker | None = None) -> Session:
    """Watch every training loop inside a `with` block and say afterwards what is wrong.

    watched: models and optimizers that were built before the block; what is built inside it is seen anyway.
    run_dir: folder for the record; without one it stays in memory. With one, Python processes that the block starts are watched, too;
    of processes that train together each one opens its own session, after `init_process_group`, with the same folder.
    budget: share of the run's time that watching may take.
    every: look at every so manieth step instead.
    track: a tracker of `gradwell.integrations.trackers` to which numbers and findings are sent as they come.

        with gradwell.watch(model, optimizer) as run:
            train(model, optimizer)
        print(run.report())

    Raises DependencyError when torch is missing or too old, RecordError when the folder cannot be written or holds a record, OptionError
    when `track` is no tracker.
    """
    return Session(watched, run_dir, budget, every, track)


def check(model: Any, loss_fn: Any, optimizer: Any, batch: Any) -> Checkup:
    """Try a model, its loss and its optimizer on one batch before training, in seconds, and say what is wrong.

    batch: (inputs, target), where loss_fn(model(inputs), target) is a scalar; inputs are a tensor (N, ...), a list of tensors, or
    tensors by name. Nothing changes: weights, buffers, gradients, optimizer state and random states are afterwards what they were.

        print(gradwell.check(model, nn.CrossEntropyLoss(), optimizer, next(iter(loader))))

    Raises DependencyError when torch is missing, OptionError when the batch is no pair or the loss no scalar.
    """
    try:
        from gradwell.watch.checkup import check as checked
    except ModuleNotFoundError as error:
        raise DependencyError("gradwell.check needs PyTorch; install it with: pip install torch") from error
    return checked(model, loss_fn, optimizer, batch)


def check_gradients(function: Any, *inputs: Any, step: float = 1e-6, tolerance: float = 1e-5) -> GradientCheck:
    """Compare the gradient of any function or module with finite differences in double precision, entry by entry.

    inputs: tensors of any shape; parameters of a module are checked like them. step: of the central difference. tolerance: relative error
    of an entry that still counts as right. `gradwell.nets.gradcheck.check_gradients` says how it is done.

        print(gradwell.check_gradients(MyFunction.apply, torch.randn(3, 4)))

    Raises DependencyError when torch is missing, OptionError where the function gives no tensor that depends on an input.
    """
    try:
        from gradwell.nets.gradcheck import check_gradients as checked
    except ModuleNotFoundError as error:
        raise DependencyError("gradwell.check_gradients needs PyTorch; install it with: pip install torch") from error
    return checked(function, *inputs, step=step, tolerance=tolerance)


def inspect(model: Any, input: Any) -> Inspection:
    """Run a model once and say of each layer what it holds, how it is connected, what it sees of the input, and what it costs.

    input: a tensor with its batch; or a shape without it, as "3x32x32", (3, 32, 32) or "20:long", to which a batch of one is added; or
    several of these in a list, or in a dict by the names of the model's arguments. Nothing changes: training flags, buffers and random
    states are afterwards what they were. docs/inspect.md says what the numbers mean.

        print(gradwell.inspect(model, "1x28x28"))

    Raises DependencyError when torch is missing, OptionError when the input is no input or the model fails with it.
    """
    try:
        from gradwell.nets.inspection import inspect as inspected
    except ModuleNotFoundError as error:
        raise DependencyError("gradwell.inspect needs PyTorch; install it with: pip install torch") from error
    return inspected(model, input)


class Session:
    """A watched `with` block. While it runs and afterwards, `findings` and `report` say what is known so far."""

    def __init__(self, watched: Iterable[Any], run_dir: str | Path | None, budget: float, every: int | None,
                 track: Tracker | None = None) -> None:
        from gradwell.doctor.record import Record
        from gradwell.watch.attach import is_too_old
        from gradwell.watch.settings import Settings

        try:
            import torch
        except ModuleNotFoundError as error:
            raise DependencyError("gradwell.watch needs PyTorch; install it with: pip install torch") from error
        if is_too_old(torch.__version__):
            raise DependencyError(f"torch {torch.__version__} is too old to be watched; gradwell needs 2.6 or later")
        from gradwell.watch.ranks import places, process
        from gradwell.watch.watcher import Watcher

        if track is not None:
            from gradwell.integrations.trackers.tracker import Tracker

            if not isinstance(track, Tracker):
                raise OptionError(f"track={track!r} is no tracker; give TensorBoard(folder), WandB(run), MLflow() or Trackio(project) "
                                  "of gradwell.integrations.trackers")

        path = None
        if run_dir is not None:
            path = next(places(Path(run_dir)))
            if process().attempt:  # torchrun has started the workers anew, and what the last ones wrote stays
                path = next(one for one in places(Path(run_dir)) if not one.exists())
            if path.exists():
                raise RecordError(f"{run_dir} already holds a record; choose another folder or remove it")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise RecordError(f"cannot make the folder {run_dir}: {error.strerror}") from error
        self.record: Record = Record.create(path)
        self._settings = Settings(str(Path(run_dir).absolute()) if run_dir else None, "", budget, every)
        self._watcher = Watcher(self._settings, lambda: self.record)
        self._environment: dict[str, str | None] = {}  # what stood there before
        for one in watched:
            if isinstance(one, torch.nn.Module):
                self._watcher.registry.add(one)
            elif hasattr(one, "param_groups"):
                self._watcher.on_optimizer(one)
        self._alongside: Alongside | None = None
        if track is not None:
            from gradwell.integrations.trackers.alongside import Alongside, again

            self._alongside = Alongside(lambda: track, lambda: self.record, again(Path(run_dir) if run_dir else None))

    def __enter__(self) -> Session:
        from gradwell.watch.launcher import environment

        if self._settings.run_dir:
            added = environment(self._settings)
            self._environment = {name: os.environ.get(name) for name in added if os.environ.get(name) != added[name]}
            os.environ.update(added)
        self._watcher.start()
        if self._alongside:
            self._alongside.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._watcher.finish()
        before, self._environment = self._environment, {}  # it may be left twice, as by the pytest plugin
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        if self._alongside:
            self._alongside.finish(self.report)

    def verdict(self) -> Verdict:
        """What all rules say of what was seen so far."""
        from gradwell.doctor.judge import judge

        self._watcher.write()
        return judge(self.record)

    def findings(self) -> list[Finding]:
        """What is wrong, most blamed first."""
        return list(self.verdict().findings)

    def report(self) -> Report:
        """The findings with their evidence; prints as text, and shows itself as a page in a notebook."""
        from gradwell.report.data import Report
        from gradwell.report.ranks import sentences

        return Report(self.record, self.verdict(), tuple(sentences(self.record)))
