"""From images to a classifier in a folder: learn, measure, stop in time, keep the best epoch, and go on after an interruption."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gradwell import loop
from gradwell.errors import DataError, ModelFileError
from gradwell.folder import ready
from gradwell.loop import FOUND, Processes
from gradwell.vision import files
from gradwell.vision.batches import Batches
from gradwell.vision.classifier import ImageClassifier
from gradwell.vision.images import Images
from gradwell.vision.model import Standardize, network
from gradwell.vision.needs import lightning
from gradwell.vision.options import Options

Tell = Callable[[dict[str, float]], None]
WORK = "training"  # folder beside the model, while training is not over
LEAST_STD = 1e-3  # of pixels in shares of white; a channel of one colour has none


def train(
    images: Images, valid: Images, options: Options, folder: str | os.PathLike[str], tell: Tell | None = None,
    processes: Processes = FOUND,
) -> ImageClassifier:
    """Train an image classifier and save it in a folder; where an earlier training was interrupted, go on.

    `tell` is called with the figures of each epoch, and there is a progress bar; without it, nothing is shown.
    Raises DataError when the images cannot be learned from, OptionError, or ModelFileError where the folder holds something else. An
    interrupt (KeyboardInterrupt) leaves a checkpoint of the last epoch, and the same call goes on from it. Several processes
    (`processes`, torchrun) that make the same call train one classifier; the first one tells and writes, and each gets it.
    """
    usable(images, valid)
    where = ready(folder)
    lightning().seed_everything(options.seed, workers=True, verbose=False)
    model = network(options, images.shape, len(images.classes))
    standardized(model, images)
    batches = Batches(images, min(options.batch, max(2, len(images))), options.seed)
    checks = Batches(valid, 4 * options.batch, options.seed, shuffle=False)

    from gradwell.vision.learner import Learner

    learner = Learner(options, model, batches, fingerprint(images), tell or (lambda _: None))
    work = where / WORK
    bar = tell is not None and loop.first()
    trainer, best = loop.trainer(work, options.epochs, "accuracy", options.patience, 1, options.precision, bar, processes)
    batches.share(trainer.global_rank, trainer.world_size)
    if (work / loop.LAST).exists():
        belongs(work / loop.LAST, learner, where, trainer.world_size)
    kept = loop.fit(trainer, best, learner, batches, checks, work)
    if loop.first():
        learner.load_state_dict(torch.load(next(iter(kept)), map_location="cpu", weights_only=False)["state_dict"])
        made = ImageClassifier(options, images.classes, images.shape, model.eval().cpu(), learner.history)
        made.save(where)
        shutil.rmtree(work, ignore_errors=True)
    loop.meet(trainer)
    return made if loop.first() else files.load(where)


def usable(images: Images, valid: Images) -> None:
    """Complain about images that nothing can be learned from."""
    there = sorted({images.classes[i] for i in images.labels.tolist()})
    if len(there) < 2:
        raise DataError(f"{images.name} has only the class {there[0]!r}; there must be two or more to tell apart")
    if valid.shape != images.shape:
        raise DataError(f"the images of {valid.name} are {sized(valid.shape)}, and those of {images.name} {sized(images.shape)}")
    if valid.classes != images.classes:
        raise DataError(f"{valid.name} has the classes {', '.join(valid.classes)}, and {images.name} {', '.join(images.classes)}")


def sized(shape: tuple[int, ...]) -> str:
    """A shape in words."""
    return f"{shape[2]} x {shape[1]} pixels of {shape[0]} {'channel' if shape[0] == 1 else 'channels'}"


def standardized(model: torch.nn.Sequential, images: Images) -> None:
    """Tell the network the mean and standard deviation of the pixels of each channel, by a sample of them."""
    some = images.pixels[:: max(1, len(images) // 4096)] / 255.0
    first = model[0]
    assert isinstance(first, Standardize), "a network begins so"
    for buffer, value in ((first.mean, some.mean((0, 2, 3))), (first.std, some.std((0, 2, 3)).clip(LEAST_STD))):
        buffer.copy_(torch.as_tensor(value, dtype=torch.float32)[:, None, None])


def fingerprint(images: Images) -> str:
    """What tells these images from others: their shape, classes, labels, and the pixels of some."""
    told = hashlib.sha256(repr((images.pixels.shape, images.classes)).encode())
    told.update(images.labels.tobytes())
    told.update(images.pixels[:: max(1, len(images) // 256)].tobytes())
    return told.hexdigest()


def belongs(last: Path, learner: Any, where: Path, world: int) -> None:
    """Complain unless a checkpoint is of this training, by as many processes."""
    try:
        saved = torch.load(last, map_location="cpu", weights_only=False)["gradwell"]
        same = (saved["options"], saved["images"]) == (learner.options.as_dict(), learner.fingerprint)
        before = saved.get("world", 1)
    except Exception:  # noqa: BLE001 - a damaged file may raise anything
        raise ModelFileError(f"{last} cannot be read; delete {last.parent} to begin again") from None
    if not same:
        raise ModelFileError(f"{where} holds a training of other images or options; delete {last.parent}, or name another folder")
    loop.as_many(before, world, last.parent)
