"""fastai: epochs, the losses and metrics of its recorder, and an early stop where something is wrong.

`Learner(dls, model, cbs=GradwellCallback(stop_on="error"))`
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradwell.errors import DependencyError
from gradwell.integrations.live import Live, StopOn

try:
    from fastai.callback.core import Callback, CancelFitException
except ModuleNotFoundError as error:
    raise DependencyError(f"gradwell.integrations.fastai needs fastai; install it with: pip install fastai ({error})") from error


class GradwellCallback(Callback):  # type: ignore[misc]
    """Tells the watch of this process of fastai's epochs and metrics; without such a watch it is one itself.

    stop_on: the severity of a finding ("error", or "warning" for either) at which the training ends after the epoch; None: never.
    run_dir: folder for the record where it watches itself. A search for a learning rate is not watched by it.

    Raises OptionError when `stop_on` is no severity.
    """

    order = 60  # after the recorder

    def __init__(self, stop_on: StopOn | None = None, run_dir: str | Path | None = None) -> None:
        super().__init__()
        self.live = Live(stop_on, run_dir)
        self.trains = False

    def before_fit(self) -> None:
        """A training begins, a search, or what only validates or predicts."""
        self.run = not hasattr(self.learn, "lr_finder") and not hasattr(self.learn, "gather_preds")
        self.trains = False

    def before_train(self) -> None:
        """The training part of an epoch begins, which only a training has."""
        if not self.trains:
            self.trains = True
            self.live.begin(self.learn.model, getattr(self.learn.opt, "opt", self.learn.opt))

    def after_epoch(self) -> None:
        """An epoch is over."""
        recorder = getattr(self.learn, "recorder", None)  # which may be taken off a learner
        if recorder is not None and recorder.values:
            names = [name for name in recorder.metric_names if name not in ("epoch", "time")]
            self.live.metrics(dict(zip(names, recorder.values[-1], strict=False)))
        self.live.epoch(self.learn.epoch + 1)
        if self.live.stop():
            raise CancelFitException

    def after_fit(self) -> None:
        """The training is over."""
        self.live.end()

    def report(self) -> Any:
        """The findings so far; see `gradwell.integrations.live.Live.report`."""
        return self.live.report()
