"""Lightning's Trainer: epochs, validation metrics, and an early stop where something is wrong.

`Trainer(callbacks=[GradwellCallback(stop_on="error")])`

Under `gradwell run`, and with GRADWELL_WATCH=1 in the environment, every Trainer gets one by itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradwell.errors import DependencyError
from gradwell.integrations.live import Live, StopOn

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ModuleNotFoundError as error:
    raise DependencyError("gradwell.integrations.lightning needs Lightning; install it with: pip install lightning") from error

if TYPE_CHECKING:
    from torch import Tensor


class GradwellCallback(Callback):
    """Tells the watch of this process of Lightning's epochs and metrics; without such a watch it is one itself.

    stop_on: the severity of a finding ("error", or "warning" for either) at which the training ends after the epoch; None: never.
    run_dir: folder for the record where it watches itself.

    Raises OptionError when `stop_on` is no severity.
    """

    def __init__(self, stop_on: StopOn | None = None, run_dir: str | Path | None = None) -> None:
        self.live = Live(stop_on, run_dir, agrees=True)
        self._told: dict[str, Tensor] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """A training begins; of several such callbacks the first one does it all."""
        if stage == "fit" and next(one for one in trainer.callbacks if isinstance(one, GradwellCallback)) is self:  # type: ignore[attr-defined]
            self.live.begin(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Metrics are there, unless this was only a trial before the first step."""
        if not trainer.sanity_checking:
            self._tell(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Metrics are there that the module logged at the very end of the epoch before."""
        self._tell(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The same at the end of the last epoch."""
        self._tell(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """An epoch is over."""
        self._tell(trainer)
        self.live.epoch(trainer.current_epoch + 1)
        if self.live.stop_on is not None:  # on every process alike, as they wait for each other here
            wanted = self.live.stop()
            trainer.should_stop = trainer.should_stop or trainer.strategy.reduce_boolean_decision(wanted, all=False)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """The training is over."""
        if stage == "fit":
            self.live.end()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """The training has failed, or was interrupted; then there is no teardown."""
        self.live.end()

    def _tell(self, trainer: Trainer) -> None:
        """Tell of what is new: Lightning keeps a metric until it is measured again, which gives a tensor of its own.

        Processes wait for each other where Lightning brings metrics together, so all of them ask, even one that has nobody to tell.
        """
        now = {name: value for name, value in trainer.callback_metrics.items() if value.numel() == 1}
        self.live.metrics({name: value for name, value in now.items()
                           if name not in self._told or self._told[name].data_ptr() != value.data_ptr()})
        self._told = now

    def report(self) -> Any:
        """The findings so far; see `gradwell.integrations.live.Live.report`."""
        return self.live.report()


def callbacks() -> list[Callback]:
    """What every Trainer gets by itself, through Lightning's entry point: a callback where one was asked for, else nothing."""
    asked = os.environ.get("GRADWELL_RUN") or os.environ.get("GRADWELL_WATCH", "0") not in ("", "0")
    return [GradwellCallback()] if asked else []
