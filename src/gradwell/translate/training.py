"""From pairs of sentences to a translator in a folder: learn, validate, stop in time, average the best, and go on after an interruption."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gradwell import loop
from gradwell.errors import DataError, ModelFileError
from gradwell.folder import ready
from gradwell.loop import FOUND, LAST, Processes, first
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


def train(
    pairs: Pairs, valid: Pairs, options: Options, folder: str | os.PathLike[str], tell: Tell | None = None, processes: Processes = FOUND,
) -> Translator:
    """Train a translator and save it in a folder; where an earlier training was interrupted, go on.

    `tell` is called with the figures of each epoch, and there is a progress bar; without it, nothing is shown.
    Raises DataError, OptionError, TrainingError, or ModelFileError where the folder holds something else. An interrupt
    (KeyboardInterrupt) leaves a checkpoint of the last measurement, and the same call goes on from it. Several processes (`processes`,
    torchrun) that make the same call train one translator; the first one tells and writes, and each gets it.
    """
    where = ready(folder)
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
    bar = tell is not None and first()
    turns = batches.turns
    trainer, best = loop.trainer(
        work, options.epochs * turns, "bleu", options.patience * turns, options.average, options.precision, bar, processes, options.clip,
    )
    batches.share(trainer.global_rank, trainer.world_size)
    if last.exists():
        belongs(last, options, source, target, where, trainer.world_size)
    elif first():
        files.start(work, source, target)
    learner.kept = loop.fit(trainer, best, learner, batches, checks, work)
    if not first():  # one of several processes; the first one writes
        loop.meet(trainer)
        return files.load(where)
    averaged(learner)
    model.eval().cpu()
    looked_at = [{"source": source.tokens(a), "target": target.tokens(b)} for a, b in zip(*learner.looked_at, strict=True)]
    seen = {"sentences": looked_at, "weights": learner.alignments} if learner.alignments else None
    translator = Translator(options, source, target, model, learner.history, seen)
    translator.save(where)
    shutil.rmtree(work, ignore_errors=True)
    loop.meet(trainer)
    return translator


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


def belongs(last: Path, options: Options, source: Vocabulary, target: Vocabulary, where: Path, world: int) -> None:
    """Complain unless a checkpoint is of this training, by as many processes."""
    try:
        saved = torch.load(last, map_location="cpu", weights_only=False)["gradwell"]
        same = saved["options"] == options.as_dict() and files.started(last.parent) == (source, target)
        before = saved.get("world", 1)
    except Exception:  # noqa: BLE001 - a damaged file may raise anything
        raise ModelFileError(f"{last} cannot be read; delete {last.parent} to begin again") from None
    if not same:
        raise ModelFileError(f"{where} holds a training of other pairs or options; delete {last.parent}, or name another folder")
    loop.as_many(before, world, last.parent)


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
