"""skorch: epochs, the losses and scores of its history, and an early stop where something is wrong.

`NeuralNetClassifier(Module, callbacks=[GradwellCallback(stop_on="error")])`
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradwell.errors import DependencyError
from gradwell.integrations.live import Live, StopOn

try:
    from skorch.callbacks import Callback
except ModuleNotFoundError as error:
    raise DependencyError("gradwell.integrations.skorch needs skorch; install it with: pip install skorch") from error

NO_METRICS = ("batches", "dur", "epoch")
ENDS = ("_batch_count", "_best")


class GradwellCallback(Callback):  # type: ignore[misc]
    """Tells the watch of this process of skorch's epochs and metrics; without such a watch it is one itself.

    stop_on: the severity of a finding ("error", or "warning" for either) at which the training ends after the epoch; None: never.
    run_dir: folder for the record where it watches itself.
    """

    def __init__(self, stop_on: StopOn | None = None, run_dir: str | Path | None = None) -> None:
        self.stop_on, self.run_dir = stop_on, run_dir  # scikit-learn asks for them by these names
        self.live_ = Live(None, None)  # with its last letter it is none of these

    def initialize(self) -> GradwellCallback:
        """Make ready, after scikit-learn has set what it wants. Raises OptionError when `stop_on` is no severity."""
        self.live_ = Live(self.stop_on, self.run_dir)
        return self

    def on_train_begin(self, net: Any, *_: Any, **__: Any) -> None:
        """A training begins."""
        self.live_.begin(net.module_)

    def on_epoch_end(self, net: Any, *_: Any, **__: Any) -> None:
        """An epoch is over. skorch ends a training at a KeyboardInterrupt, as its own EarlyStopping does."""
        row = net.history[-1]
        self.live_.metrics({name: row[name] for name in row if name not in NO_METRICS and not name.endswith(ENDS)})
        self.live_.epoch(row["epoch"])
        if self.live_.stop():
            raise KeyboardInterrupt

    def on_train_end(self, net: Any, *_: Any, **__: Any) -> None:
        """The training is over."""
        self.live_.end()

    def report(self) -> Any:
        """The findings so far; see `gradwell.integrations.live.Live.report`."""
        return self.live_.report()
