"""What translator and image classifier share of a training loop that lightning runs: quiet, interruptible, alone or on many processes."""

from __future__ import annotations

import inspect
import logging
import os
import re
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradwell.errors import ModelFileError, OptionError, TrainingError

LAST = "last.ckpt"  # in the folder of a training that is not over
STRATEGIES = ("auto", "ddp")
LOST = re.compile("gloo|connection (was )?(closed|reset)|broken pipe|nccl|recvvalue|remote process", re.IGNORECASE)
ENDED = "a process that trained along has ended; what was learned up to the last measurement is kept, and the same command goes on from it"


@dataclass(frozen=True)
class Processes:
    """How many processes train together, and how: lightning starts the others, each with the same command, unless torchrun has."""

    devices: int = 0  # of this machine, a process for each; 0: those that lightning finds (a CPU counts as one)
    strategy: str = "auto"  # lightning's name for it

    def __post_init__(self) -> None:
        """Complain about what is not possible."""
        if self.devices < 0:
            raise OptionError(f"devices is {self.devices}; it must be 1 or more, or 0 for those that are found")
        if self.strategy not in STRATEGIES:
            raise OptionError(
                f"strategy is {self.strategy!r}; it can be {', '.join(STRATEGIES)}: every process has the whole model, which is small"
            )

    def given(self) -> dict[str, Any]:
        """What lightning is told. Raises OptionError where torchrun has started another number of processes."""
        if "LOCAL_WORLD_SIZE" not in os.environ:
            return {"strategy": self.strategy, "devices": self.devices or "auto"}
        here, all_ = (int(os.environ[name]) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
        if self.devices not in (0, here):
            raise OptionError(f"devices is {self.devices}, and torchrun has started {here} here; leave one of the two out")
        return {"strategy": "ddp" if all_ > 1 else self.strategy, "devices": here, "num_nodes": all_ // here}


FOUND = Processes()


def trainer(
    work: Path, epochs: int, measure: str, patience: int, kept: int, precision: str, bar: bool, processes: Processes = FOUND,
    clip: float | None = None,
) -> tuple[Any, Any]:
    """A lightning trainer, and the callback that keeps the checkpoints of the best epochs.

    The learner logs `measure` (training stops after `patience` epochs that do not raise it) and `quality`, by which epochs are chosen.
    Raises OptionError for processes that there cannot be.
    """
    import lightning.pytorch as pl
    from lightning.fabric.utilities.exceptions import MisconfigurationException

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
    try:
        with still():
            made = pl.Trainer(
                max_epochs=epochs, callbacks=callbacks, gradient_clip_val=clip, precision=kind, logger=False, enable_progress_bar=bar,
                enable_model_summary=False, num_sanity_val_steps=0, use_distributed_sampler=False, **processes.given(),
            )
    except MisconfigurationException as error:
        raise OptionError(f"{processes.devices} devices cannot be had: {' '.join(str(error).split())}") from None
    return made, best


def fit(trainer: Any, best: Any, learner: Any, batches: Any, checks: Any, work: Path) -> dict[str, Any]:
    """Run the loop, from the newest checkpoint where there is one; the checkpoints of the best epochs with their quality.

    An interrupt waits for the end of the step; then KeyboardInterrupt is raised. Raises TrainingError when one of the processes that
    train together has ended.
    """
    last = work / LAST
    with still(), interruptible(trainer.callbacks) as interrupted, company(trainer, interrupted):
        trainer.fit(learner, batches, checks, ckpt_path=str(last) if last.exists() else None, **trusting(trainer))
    if interrupted and not first() and "LOCAL_WORLD_SIZE" not in os.environ:
        sys.exit()  # lightning started this process, and would kill the first one where it ended otherwise
    if interrupted:
        raise KeyboardInterrupt
    return dict(best.best_k_models)


def first() -> bool:
    """Whether this is the first of the processes that train together, or the only one."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK", "NODE_RANK"))


def as_many(before: int, now: int, work: Path) -> None:
    """Complain unless a training goes on with as many processes as before: each epoch had other steps, and the rate falls by steps."""
    if before != now:
        raise ModelFileError(f"{work} is of a training by {before} processes, and now there are {now}; go on with {before}, or delete it")


def meet(trainer: Any) -> None:
    """Wait for the processes that train together; raises TrainingError when one of them has ended."""
    import torch

    if torch.distributed.is_initialized():
        with company(trainer, []):
            torch.distributed.barrier()


@contextmanager
def company(trainer: Any, interrupted: list[int]) -> Iterator[None]:
    """Say in one line that a process that trains along has ended, which the others notice when they wait for it."""
    logger = logging.getLogger("lightning.fabric.strategies.launchers.subprocess_script")
    logger.addFilter(overheard)
    logger.setLevel(logging.INFO)
    try:
        yield
    except RuntimeError as error:
        if trainer.world_size == 1 or not LOST.search(str(error)):
            raise
        if signal.SIGINT in interrupted:  # each stops after its own step, and one is first
            raise KeyboardInterrupt from None
        raise TrainingError(ENDED) from None
    finally:
        logger.removeFilter(overheard)
        logger.setLevel(logging.NOTSET)


def overheard(record: logging.LogRecord) -> bool:
    """Lightning's watchman tells of a process that has ended, and then kills all others; it is told in our words instead."""
    if record.args == () and "terminated with code" in record.getMessage():
        print(f"gradwell: {ENDED}", file=sys.stderr, flush=True)  # noqa: T201
    return False


def trusting(trainer: Any) -> dict[str, bool]:
    """Newer versions of lightning must be told that a checkpoint is our own."""
    return {"weights_only": False} if "weights_only" in inspect.signature(trainer.fit).parameters else {}


@contextmanager
def still() -> Iterator[None]:
    """Keep lightning from saying what nobody asked."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning.*")
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")  # of 1 x 1 convolutions on several processes
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextmanager
def interruptible(callbacks: list[Any]) -> Iterator[list[int]]:
    """Let an interrupt wait for the end of the step; yields the signals that came."""
    came: list[int] = []
    from lightning.pytorch import Callback

    class Stop(Callback):
        """Stops after a step where a signal has come, to whichever of the processes that train together: all stop after the same one."""

        def on_train_start(self, *_: Any) -> None:
            for number in before:  # lightning's own handler would talk to the other processes in the middle of a step
                signal.signal(number, note)

        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            if trainer.strategy.reduce_boolean_decision(bool(came), all=False):
                came.append(signal.SIGINT)
                raise Asked

    callbacks.append(Stop())

    def note(number: int, _: object) -> None:
        if came:  # asked twice: at once
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        came.append(number)
        if first():
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
