"""What translator and image classifier share of a training loop that lightning runs: quiet, interruptible, alone or on many processes."""

from __future__ import annotations

import inspect
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LAST = "last.ckpt"  # in the folder of a training that is not over


def trainer(
    work: Path, epochs: int, measure: str, patience: int, kept: int, precision: str, bar: bool, clip: float | None = None,
) -> tuple[Any, Any]:
    """A lightning trainer, and the callback that keeps the checkpoints of the best epochs.

    The learner logs `measure` (training stops after `patience` epochs that do not raise it) and `quality`, by which epochs are chosen.
    """
    import lightning.pytorch as pl

    best = pl.callbacks.ModelCheckpoint(
        work, "epoch-{epoch:03d}", monitor="quality", mode="max", save_top_k=kept, save_weights_only=True,
    )
    newest = pl.callbacks.ModelCheckpoint(
        work, LAST.removesuffix(".ckpt"), save_top_k=1, enable_version_counter=False, save_on_train_epoch_end=True,
    )
    callbacks = [best, pl.callbacks.EarlyStopping(measure, mode="max", patience=patience), newest]
    bar = bar and sys.stderr.isatty()
    kind: Any = precision  # one of the words that lightning knows
    if bar:
        callbacks.append(pl.callbacks.RichProgressBar(console_kwargs={"stderr": True}))
    with still():
        made = pl.Trainer(
            max_epochs=epochs, callbacks=callbacks, gradient_clip_val=clip, precision=kind, logger=False, enable_progress_bar=bar,
            enable_model_summary=False, num_sanity_val_steps=0, use_distributed_sampler=False, **together(),
        )
    return made, best


def fit(trainer: Any, best: Any, learner: Any, batches: Any, checks: Any, work: Path) -> dict[str, Any]:
    """Run the loop, from the newest checkpoint where there is one; the checkpoints of the best epochs with their quality.

    An interrupt waits for the end of the step; then KeyboardInterrupt is raised.
    """
    last = work / LAST
    with still(), interruptible(trainer.callbacks) as interrupted:
        trainer.fit(learner, batches, checks, ckpt_path=str(last) if last.exists() else None, **trusting(trainer))
    if interrupted:
        raise KeyboardInterrupt
    return dict(best.best_k_models)


def first() -> bool:
    """Whether this is the first of the processes that train together, or the only one."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK", "NODE_RANK"))


def together() -> dict[str, Any]:
    """How torchrun has set up the processes that train together; nothing where it has not: lightning then looks for devices."""
    here, all_ = (int(os.environ.get(name, "1")) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    return {"strategy": "ddp", "devices": here, "num_nodes": all_ // here} if all_ > 1 else {}


def trusting(trainer: Any) -> dict[str, bool]:
    """Newer versions of lightning must be told that a checkpoint is our own."""
    return {"weights_only": False} if "weights_only" in inspect.signature(trainer.fit).parameters else {}


@contextmanager
def still() -> Iterator[None]:
    """Keep lightning from saying what nobody asked."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning.*")
        try:
            yield
        finally:
            logger.setLevel(level)


@contextmanager
def interruptible(callbacks: list[Any]) -> Iterator[list[int]]:
    """Let an interrupt wait for the end of the step; yields the signals that came."""
    came: list[int] = []
    from lightning.pytorch import Callback

    class Stop(Callback):
        """Stops after a step where a signal has come."""

        def on_train_batch_end(self, *_: Any) -> None:
            if came:
                raise Asked

    callbacks.append(Stop())

    def note(number: int, _: object) -> None:
        if came:  # asked twice: at once
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        came.append(number)
        print("stopping after this step; once more stops at once", file=sys.stderr)  # noqa: T201

    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread
        before = {}
    try:
        yield came
    except Asked:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Asked(Exception):  # noqa: N818 - nothing went wrong
    """Training was asked to stop."""
