"""Ignite: epochs, what evaluators measured, and an early stop where something is wrong.

`attach(trainer, model, val=evaluator, stop_on="error")`
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from gradwell.errors import DependencyError
from gradwell.integrations.live import Live, StopOn

try:
    from ignite.engine import Engine, Events
except ModuleNotFoundError as error:
    raise DependencyError("gradwell.integrations.ignite needs Ignite; install it with: pip install pytorch-ignite") from error


def attach(trainer: Engine, *watched: Any, stop_on: StopOn | None = None, run_dir: str | Path | None = None, **evaluators: Engine) -> Live:
    """Tell the watch of this process of an engine's epochs and its evaluators' metrics; without such a watch, watch.

    watched: models and optimizers. stop_on: the severity of a finding ("error", or "warning" for either) at which the engine is
    terminated after the epoch; None: never. run_dir: folder for the record of a watch of its own. evaluators: by names of your choice,
    which come before those of their metrics: with `val=evaluator`, the metric `loss` becomes `val_loss`.

    Returns what has a `report()`. Raises OptionError when `stop_on` is no severity.
    """
    live = Live(stop_on, run_dir)
    trainer.add_event_handler(Events.STARTED, lambda: live.begin(*watched))
    trainer.add_event_handler(Events.EPOCH_COMPLETED, ended, live)
    for event in (Events.COMPLETED, Events.TERMINATE):
        trainer.add_event_handler(event, lambda: live.end())
    for name, evaluator in evaluators.items():
        evaluator.add_event_handler(Events.COMPLETED, partial(measured, name=name, live=live))
    return live


def ended(engine: Engine, live: Live) -> None:
    """An epoch is over."""
    live.epoch(engine.state.epoch)
    if live.stop():
        engine.terminate()


def measured(engine: Engine, name: str, live: Live) -> None:
    """An evaluator has run."""
    live.metrics({f"{name}_{metric}": value for metric, value in engine.state.metrics.items()})
