"""What the callbacks of all trainers share: telling the watch of this process of epochs and metrics, and stopping at a finding."""

from __future__ import annotations

import atexit
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Literal, ParamSpec, TypeVar, cast

from gradwell.doctor.finding import SEVERITIES
from gradwell.errors import OptionError

if TYPE_CHECKING:
    from gradwell.doctor.finding import Finding
    from gradwell.report.data import Report
    from gradwell.session import Session
    from gradwell.watch.watcher import Watcher

StopOn = Literal["error", "warning"]
SHARE = 0.05  # of the run's time that judging it while it runs may take; the first time is free

P = ParamSpec("P")
T = TypeVar("T")


def harmless(method: Callable[Concatenate[Live, P], T]) -> Callable[Concatenate[Live, P], T | None]:
    """Let a method fail without disturbing the training: it says so in one line, and of this training nothing more is told."""

    @wraps(method)
    def guarded(self: Live, *args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in here, the user's run goes on
            self.begun = False
            say(f"the callback failed and switched itself off: {type(error).__name__}: {error}")
            return None

    return cast("Callable[Concatenate[Live, P], T | None]", guarded)


class Live:
    """The watch that a trainer's callback adds to: that of `gradwell run` or of a `with` block, else one of its own for the training.

    stop_on: the severity of a finding ("error", or "warning" for either) at which the training is to end after the epoch; None: never.
    run_dir: folder for the record of a watch of its own; without one it stays in memory. Such a watch prints its report to stderr.
    agrees: whether the trainer makes its processes agree to stop; where it does not, several processes are never stopped.

    Raises OptionError when `stop_on` is no such severity.
    """

    alone: ClassVar[Live | None] = None  # the one whose own watch is under way

    def __init__(self, stop_on: StopOn | None, run_dir: str | Path | None, agrees: bool = False) -> None:
        if stop_on not in (None, "error", "warning"):
            raise OptionError(f"stop_on={stop_on!r} is no severity to stop at; give 'error', 'warning' or None")
        self.stop_on, self.run_dir, self.agrees = stop_on, run_dir, agrees
        self.session: Session | None = None
        self.begun = False
        self._report: Report | None = None
        self._judged = self._cost = -math.inf
        self._epochs = self._pid = 0

    def __getstate__(self) -> dict[str, Any]:
        """What is kept when a trainer is copied or saved with its callbacks: how to begin anew."""
        fresh = Live(self.stop_on, self.run_dir, self.agrees)
        return vars(fresh)

    @harmless
    def begin(self, *watched: Any) -> None:
        """A training begins, of models or optimizers that were built before."""
        before = Live.alone
        if before is not None and (before is self or any(watcher.step for watcher in watchers())):
            before.end()  # its training ended with an error, of which most trainers tell nobody
        self.begun, self._report, self._epochs = True, None, 0
        if not watchers():
            from gradwell.session import watch

            self.session = watch(*watched, run_dir=self.run_dir).__enter__()
            self._pid, Live.alone = os.getpid(), self
            atexit.register(self.end)

    @harmless
    def metrics(self, values: Mapping[str, Any]) -> None:
        """The trainer measured something; what is no number is left out."""
        if not self.begun:
            return
        from gradwell.watch.patches import tell

        for name, value in values.items():
            number = as_number(value)
            if number is not None:
                tell("on_metric", str(name), number)

    @harmless
    def epoch(self, number: int | None = None) -> None:
        """So many epochs are over; without a number, one more."""
        if not self.begun:
            return
        from gradwell.watch.patches import tell

        self._epochs = self._epochs + 1 if number is None else number
        tell("on_epoch", self._epochs)

    def stop(self) -> bool:
        """Whether a finding asks for the training to end; says which."""
        return bool(self._stop())

    @harmless
    def _stop(self) -> bool:
        if self.stop_on is None or not self.begun:
            return False
        if not self.agrees and several():
            self.stop_on = None
            say("several processes train together, and this trainer cannot make them agree to stop; stop_on is ignored")
            return False
        now = time.monotonic()
        if now - self._judged < self._cost / SHARE:
            return False
        bad = SEVERITIES[:SEVERITIES.index(self.stop_on) + 1]
        finding = next((one for one in findings() if one.severity in bad), None)
        self._judged = time.monotonic()
        self._cost = self._judged - now
        if finding is not None:
            say(f"the training stops after epoch {self._epochs}: {finding.severity} {finding.code} {finding.name}: {finding.title}")
        return finding is not None

    @harmless
    def end(self) -> None:
        """The training is over: the report of a watch of its own is made and printed."""
        self.begun, session, self.session = False, self.session, None
        if session is None or os.getpid() != self._pid:
            return
        atexit.unregister(self.end)
        Live.alone = None
        session.__exit__(None, None, None)
        self._report = session.report()
        if os.environ.get("RANK", "0") == "0" and os.environ.get("LOCAL_RANK", "0") == "0" and sys.stderr is not None:
            print(self._report, file=sys.stderr)  # noqa: T201 - what the callback was put in for

    def report(self) -> Report:
        """What is known of the training so far, or of the last one.

        Raises OptionError where none was watched.
        """
        from gradwell.doctor.judge import judge
        from gradwell.report.data import Report

        if self._report is not None:
            return self._report
        for watcher in watchers():
            if watcher.record is not None:
                watcher.write()
                return Report(watcher.record, judge(watcher.record))
        raise OptionError("nothing was watched yet; the report is there once the training has begun")


def watchers() -> tuple[Watcher, ...]:
    """Everything that watches this process."""
    from gradwell.watch.patches import Patches

    return Patches._listeners


def findings() -> list[Finding]:
    """What is wrong so far, most blamed first, as the first watch of this process sees it."""
    from gradwell.doctor.judge import judge

    for watcher in watchers():
        watcher.write()
        if watcher.record is not None:
            return list(judge(watcher.record).findings)
    return []


def several() -> bool:
    """Whether several processes train together."""
    import torch

    parallel = torch.distributed
    return parallel.is_available() and parallel.is_initialized() and parallel.get_world_size() > 1


def as_number(value: Any) -> float | None:
    """A number, or a tensor or array with a single one; None for anything else."""
    if isinstance(value, (bool, str)) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        return None


def say(what: str) -> None:
    """One line on stderr."""
    if sys.stderr is not None:
        print(f"gradwell: {' '.join(what.split())}", file=sys.stderr)  # noqa: T201 - nobody else would learn of it
