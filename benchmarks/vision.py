"""Image classifiers on Fashion-MNIST: how good, how large, and how fast against a plain PyTorch loop.

    python benchmarks/vision.py            # trains what is not there yet (an hour), measures the rest
    python benchmarks/vision.py speed      # only the pairs of loops

The classifiers stay in gradwell-runs/vision: what was interrupted goes on, and what is there is only measured. Accuracy is that on the
10,000 test images, which training never saw. Speed is measured in pairs: ours, watched by the doctor and not, and a plain loop with the
same network, images, optimizer and augmentation, in turn in one run. Writes docs/vision-quality.json and, from it, docs/vision-quality.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

import gradwell
from gradwell import vision
from gradwell.vision import Images, Options
from gradwell.vision.augment import augmented
from gradwell.vision.batches import Batches
from gradwell.vision.model import network
from gradwell.vision.training import standardized

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("GRADWELL_DATA", ROOT.parent / "shared" / "data")) / "vision"
PAGE, FIGURES = ROOT / "docs" / "vision-quality.md", ROOT / "docs" / "vision-quality.json"
CASES = {
    "compact": Options(flip=True, shift=0.04, erase=0.1, epochs=18, lr=3e-3),
    "mlp": Options(network="mlp", flip=True, shift=0.0, erase=0.0, epochs=12, lr=2e-3),
}
PICTURE = ROOT / "docs" / "fashion-confusion.png"
CLASSES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"]
PAIRS, SOME = 5, 6_400  # runs of each loop, images of an epoch of it


def main() -> None:
    """Measure, and write the page."""
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    if "speed" not in sys.argv[1:]:
        for name, options in CASES.items():
            figures[name] = measured(name, options)
            FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    figures["speed"] = pairs(vision.read(DATA).some(list(range(SOME))), CASES["compact"].with_(epochs=2))
    FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    PAGE.write_text(page(figures))
    print(PAGE.read_text())


def measured(name: str, options: Options) -> dict[str, Any]:
    """Train one classifier, or take what is there, and measure it."""
    folder = ROOT / "gradwell-runs" / "vision" / name
    if (folder / "config.json").exists():
        made = vision.load(folder)
    else:
        images, valid = (part.named(CLASSES) for part in vision.read(DATA).held_out(options.seed))
        made = vision.train(images, valid, options, folder, lambda epoch: print(epoch, file=sys.stderr, flush=True))
    test = vision.read(DATA, "test", classes=made.classes)
    started = time.perf_counter()
    scores = made.score(test)
    seconds = time.perf_counter() - started
    one_way = vision.ImageClassifier(made.options.with_(flip=False), made.classes, made.shape, made.model)
    if name == "compact":
        scores.picture(PICTURE)
    return {
        "parameters": made.parameters, "accuracy": scores.accuracy, "one_way": one_way.score(test).accuracy,
        "test": scores.images, "epochs": len(made.history),
        "valid": max(epoch["accuracy"] for epoch in made.history), "minutes": sum(epoch["seconds"] for epoch in made.history) / 60,
        "predicted_a_second": len(test) / seconds, "threads": torch.get_num_threads(), "options": made.options.as_dict(),
        "worst": min(zip(scores.recall.tolist(), scores.classes, strict=True)),
    }


def pairs(images: Images, options: Options) -> dict[str, Any]:
    """Seconds of an epoch of each loop, in turn; the second epoch of each run counts."""
    loops: dict[str, Callable[[Images, Options], float]] = {
        "plain": plain, "ours": partial(ours, watched=False), "watched": partial(ours, watched=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for i in range(PAIRS):
        for name in sorted(loops, reverse=i % 2 == 1):
            seconds[name].append(loops[name](images, options))
            print(i, name, seconds[name][-1], file=sys.stderr, flush=True)
    return {"seconds": seconds, "images": len(images), "threads": torch.get_num_threads()}


def plain(images: Images, options: Options) -> float:
    """A loop as everybody writes it."""
    torch.manual_seed(options.seed)
    model = network(options, images.shape, len(images.classes))
    standardized(model, images)
    optimizer = torch.optim.AdamW(model.parameters(), options.lr, weight_decay=options.weight_decay)
    batches = Batches(images, options.batch, options.seed)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs * len(batches))
    model.train()
    started = 0.0
    for _ in range(options.epochs):
        started, total = time.perf_counter(), 0.0
        for x, y in batches:
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(augmented(x, options)), y, label_smoothing=options.label_smoothing)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            scheduler.step()
            total += loss.item()
    return time.perf_counter() - started


def ours(images: Images, options: Options, watched: bool) -> float:
    """The loop of `gradwell vision train`."""
    session = gradwell.watch() if watched else contextlib.nullcontext()
    with tempfile.TemporaryDirectory() as folder, session:
        made = vision.train(images, images.some(list(range(200))), options, Path(folder) / "model")
    return float(made.history[-1]["seconds"])


def page(figures: dict[str, Any]) -> str:
    """The page."""
    machine = f"{platform.machine()}, Python {platform.python_version()}, PyTorch {torch.__version__}, Gradwell {gradwell.__version__}"
    lines = [
        "# Image classifiers on Fashion-MNIST", "",
        f"{machine}. Made by `python benchmarks/vision.py`; the options are in its `CASES`. One image in 12 of the 60,000 is held out to "
        "choose the epoch, the rest is learned from; accuracy is that on the 10,000 test images. Both networks were trained with `--flip`, "
        "so that each image is judged by the mean for it and its mirror image; without that the accuracy is the one in brackets.", "",
        "| network | parameters | test accuracy | on the images held out | epochs | minutes | worst class (recall) | predicted a second |",
        "|---|--:|--:|--:|--:|--:|---|--:|",
    ]
    for name in CASES:
        if row := figures.get(name):
            recall, worst = row["worst"]
            lines.append(
                f"| {name} | {row['parameters']:,} | {row['accuracy']:.2%} ({row['one_way']:.2%}) | {row['valid']:.2%} | {row['epochs']} | "
                f"{row['minutes']:.0f} | "
                f"{worst} ({recall:.1%}) | {row['predicted_a_second']:,.0f}, threads: {row['threads']} |"
            )
    lines += ["", "What the compact network takes for what:", "", f"![confusion matrix]({PICTURE.name})"]
    speed = figures["speed"]
    base = speed["seconds"]["plain"]
    lines += [
        "", "## Against a plain loop", "",
        f"Seconds of an epoch of {speed['images']:,} images (compact network, batches of 128, threads: {speed['threads']}), the loops in "
        f"turn {len(base)} times in one run; the ratio is the median of the pairs', with the least and the greatest.", "",
        "| loop | seconds, median | images a second | times the plain loop's |", "|---|--:|--:|--:|",
    ]
    words = {"plain": "plain PyTorch", "ours": "`gradwell vision train --no-watch`", "watched": "`gradwell vision train`, watched"}
    for name, about in words.items():
        taken = speed["seconds"][name]
        ratios = sorted(a / b for a, b in zip(taken, base, strict=True))
        median = statistics.median(taken)
        share = "1" if name == "plain" else f"{statistics.median(ratios):.3f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        lines.append(f"| {about} | {median:.1f} | {speed['images'] / median:,.0f} | {share} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
