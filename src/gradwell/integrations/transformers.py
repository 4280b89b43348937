"""The Trainer of transformers: epochs, what an evaluation measured, and an early stop where something is wrong.

`Trainer(model, args, ..., callbacks=[GradwellCallback(stop_on="error")])`
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradwell.errors import DependencyError
from gradwell.integrations.live import Live, StopOn

try:
    from transformers.trainer_callback import TrainerCallback
except ModuleNotFoundError as error:
    raise DependencyError("gradwell.integrations.transformers needs transformers; install it with: pip install transformers") from error

TIMES = ("_runtime", "_per_second", "_time")  # ends of the names of what is no metric of the model


class GradwellCallback(TrainerCallback):  # type: ignore[misc]
    """Tells the watch of this process of the Trainer's epochs and evaluations; without such a watch it is one itself.

    stop_on: the severity of a finding ("error", or "warning" for either) at which the training ends after the epoch; None: never.
    run_dir: folder for the record where it watches itself.

    Raises OptionError when `stop_on` is no severity.
    """

    def __init__(self, stop_on: StopOn | None = None, run_dir: str | Path | None = None) -> None:
        self.live = Live(stop_on, run_dir)

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None, **_: Any) -> None:
        """A training begins. The optimizer was built before, and may be wrapped by accelerate."""
        self.live.begin(model, getattr(optimizer, "optimizer", optimizer))

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float] | None = None, **_: Any) -> None:
        """An evaluation is over."""
        self.live.metrics({name: value for name, value in (metrics or {}).items() if name != "epoch" and not name.endswith(TIMES)})

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """An epoch is over, or what `max_steps` leaves of it; its evaluation comes after it."""
        self.live.epoch(int((state.epoch or 0) + 1e-6))
        if self.live.stop():
            control.should_training_stop = True

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The training is over."""
        self.live.end()

    def report(self) -> Any:
        """The findings so far; see `gradwell.integrations.live.Live.report`."""
        return self.live.report()
