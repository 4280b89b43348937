"""From pairs of sentences to a translator in a folder: learn, validate, stop in time, average the best, and go on after an interruption."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from gradwell.errors import DataError, ModelFileError
from gradwell.translate import files
from gradwell.translate.batches import Batches
from gradwell.translate.model import EncoderDecoder
from gradwell.translate.needs import lightning
from gradwell.translate.options import Options
from gradwell.translate.pairs import Pairs
from gradwell.translate.translator import Translator
from gradwell.translate.vocabulary import Vocabulary

Tell = Callable[[dict[str, float]], None]
WORK = "training"  # folder beside the model, while training is not over
LAST = "last.ckpt"


def train(pairs: Pairs, valid: Pairs, options: Options, folder: str | os.PathLike[str], tell: Tell | None = None) -> Translator:
    """Train a translator and save it in a folder; where an earlier training was interrupted, go on.

    `tell` is called with the figures of each epoch, and there is a progress bar; without it, nothing is shown.
    Raises DataError, OptionError, TrainingError, or ModelFileError where the folder holds something else. An interrupt
    (KeyboardInterrupt) leaves a checkpoint of the last measurement, and the same call goes on from it. Several processes (torchrun)
    that make the same call train one translator; the first one tells and writes, and each gets it.
    """
    where = files.ready(folder)
    lightning().seed_everything(options.seed, workers=True, verbose=False)
    source, target = vocabularies(pairs, options)
    rows = encoded(pairs, source, target, options)
    batches = Batches(*rows, options.batch_tokens, options.seed)
    checks = Batches(source.encode(valid.source), target.encode(valid.target), 4 * options.batch_tokens, options.seed, shuffle=False)
    model = EncoderDecoder(options, len(source), len(target))

    from gradwell.translate.learner import Learner

    learner = Learner(options, model, target, valid, (checks.source, checks.target), batches, tell or (lambda _: None))
    work = where / WORK
    last = work / LAST
    if last.exists():
        belongs(last, options, source, target, where)
    elif first():
        files.start(work, source, target)
    fit(learner, batches, checks, work, tell is not None and first())
    if not first():  # one of several processes; the first one writes
        torch.distributed.barrier()
        return files.load(where)
    averaged(learner)
    model.eval().cpu()
    looked_at = [{"source": source.tokens(a), "target": target.tokens(b)} for a, b in zip(*learner.looked_at, strict=True)]
    seen = {"sentences": looked_at, "weights": learner.alignments} if learner.alignments else None
    translator = Translator(options, source, target, model, learner.history, seen)
    translator.save(where)
    shutil.rmtree(work, ignore_errors=True)
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
    return translator


def first() -> bool:
    """Whether this is the first of the processes that train together, or the only one."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK", "NODE_RANK"))


def together() -> dict[str, Any]:
    """How torchrun has set up the processes that train together; nothing where it has not: lightning then looks for devices."""
    here, all_ = (int(os.environ.get(name, "1")) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    return {"strategy": "ddp", "devices": here, "num_nodes": all_ // here} if all_ > 1 else {}


def vocabularies(pairs: Pairs, options: Options) -> tuple[Vocabulary, Vocabulary]:
    """The vocabularies of both languages, one and the same where they share it."""
    if options.one_vocabulary:
        both = Vocabulary.learn([*pairs.source, *pairs.target], options.source_units, options.vocabulary, options.lowercase)
        return both, both
    return (
        Vocabulary.learn(pairs.source, options.source_units, options.vocabulary, options.lowercase),
        Vocabulary.learn(pairs.target, options.target_units, options.vocabulary, options.lowercase),
    )


def encoded(pairs: Pairs, source: Vocabulary, target: Vocabulary, options: Options) -> tuple[list[list[int]], list[list[int]]]:
    """The pairs as numbers, those that are too long left out."""
    both = list(zip(source.encode(pairs.source), target.encode(pairs.target), strict=True))
    short = [(a, b) for a, b in both if max(len(a), len(b)) <= options.longest]
    if not short:
        raise DataError(f"every pair of {pairs.name} is longer than {options.longest} tokens; allow more with longest")
    return [a for a, _ in short], [b for _, b in short]


def belongs(last: Path, options: Options, source: Vocabulary, target: Vocabulary, where: Path) -> None:
    """Complain unless a checkpoint is of this training."""
    try:
        saved = torch.load(last, map_location="cpu", weights_only=False)["gradwell"]["options"]
        same = saved == options.as_dict() and files.started(last.parent) == (source, target)
    except Exception:  # noqa: BLE001 - a damaged file may raise anything
        raise ModelFileError(f"{last} cannot be read; delete {last.parent} to begin again") from None
    if not same:
        raise ModelFileError(f"{where} holds a training of other pairs or options; delete {last.parent}, or name another folder")


def fit(learner: Any, batches: Batches, checks: Batches, work: Path, bar: bool) -> None:
    """Run the loop."""
    pl = lightning()
    kept = pl.callbacks.ModelCheckpoint(
        work, "epoch-{epoch:03d}", monitor="quality", mode="max", save_top_k=learner.options.average, save_weights_only=True,
    )
    newest = pl.callbacks.ModelCheckpoint(
        work, LAST.removesuffix(".ckpt"), save_top_k=1, enable_version_counter=False, save_on_train_epoch_end=True,
    )
    enough = pl.callbacks.EarlyStopping("bleu", mode="max", patience=learner.options.patience * batches.turns)
    callbacks = [kept, enough, newest]
    if bar and sys.stderr.isatty():
        callbacks.append(pl.callbacks.RichProgressBar(console_kwargs={"stderr": True}))
    with still(), interruptible(callbacks) as interrupted:
        trainer = pl.Trainer(
            max_epochs=learner.options.epochs * batches.turns, callbacks=callbacks, gradient_clip_val=learner.options.clip,
            precision=learner.options.precision, logger=False, enable_progress_bar=bar and sys.stderr.isatty(), enable_model_summary=False,
            num_sanity_val_steps=0, use_distributed_sampler=False, **together(),
        )
        batches.rank, batches.world = trainer.global_rank, trainer.world_size
        last = work / LAST
        trainer.fit(learner, batches, checks, ckpt_path=str(last) if last.exists() else None, **trusting(trainer))
    if interrupted:
        raise KeyboardInterrupt
    learner.kept = kept.best_k_models


def trusting(trainer: Any) -> dict[str, bool]:
    """Newer versions of lightning must be told that a checkpoint is our own."""
    import inspect

    return {"weights_only": False} if "weights_only" in inspect.signature(trainer.fit).parameters else {}


def averaged(learner: Any) -> None:
    """Give the model the mean weights of its best epochs, or those of the very best where these translate better."""
    best = sorted(learner.kept.items(), key=lambda item: -float(item[1]))
    states = [torch.load(path, map_location="cpu", weights_only=False)["state_dict"] for path, _ in best]
    from gradwell.translate.scoring import bleu

    choices = [states[0]]
    if len(states) > 1:
        choices.append({name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]})
    scores = []
    for state in choices:
        learner.load_state_dict(state)
        scores.append(bleu(learner.translations(), learner.valid_target, short=True).score)
    learner.load_state_dict(choices[scores.index(max(scores))])
    learner.history[-1]["averaged_bleu"] = max(scores)


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
    pl = lightning()

    class Stop(pl.callbacks.Callback):  # type: ignore[misc, name-defined]
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
