"""Keras on torch: epochs, the metrics of its logs, and an early stop where something is wrong.

`model.fit(x, y, callbacks=[GradwellCallback(stop_on="error")])`
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradwell.errors import DependencyError
from gradwell.integrations.live import Live, StopOn, say

try:
    import keras
except ModuleNotFoundError as error:
    raise DependencyError("gradwell.integrations.keras needs Keras; install it with: pip install keras") from error


class GradwellCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells the watch of this process of Keras's epochs and metrics; without such a watch it is one itself.

    stop_on: the severity of a finding ("error", or "warning" for either) at which the training ends after the epoch; None: never.
    run_dir: folder for the record where it watches itself.

    Raises OptionError when `stop_on` is no severity.
    """

    def __init__(self, stop_on: StopOn | None = None, run_dir: str | Path | None = None) -> None:
        super().__init__()
        self.live = Live(stop_on, run_dir)

    def on_train_begin(self, logs: Any = None) -> None:
        """A training begins, if it is one with torch."""
        backend = keras.backend.backend()
        if backend == "torch":
            self.live.begin(self.model)
        else:
            say(f"Keras did not train with torch but with {backend}, which cannot be watched; set KERAS_BACKEND=torch")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """An epoch is over; its validation, too."""
        self.live.metrics(logs or {})
        self.live.epoch(epoch + 1)
        if self.live.stop():
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """The training is over."""
        self.live.end()

    def report(self) -> Any:
        """The findings so far; see `gradwell.integrations.live.Live.report`."""
        return self.live.report()
