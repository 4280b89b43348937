"""What training says on stderr: a bar with loss, words per second and time left, and what was counted."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradwell.text.corpus import Corpus
    from gradwell.text.model import Epoch
    from gradwell.text.training import Progress

PATIENCE = 0.5  # seconds before a bar is worth showing


class Show:
    """Says nothing with verbose=0, one line at the end with 1, and shows a bar with 2."""

    def __init__(self, verbose: int) -> None:
        self.verbose = verbose
        self.started = time.perf_counter()
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Show:
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def say(self, text: str) -> None:
        """A line on stderr."""
        if self.verbose > 0:
            if self.bar is not None:
                self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
            else:
                print(text, file=sys.stderr)  # noqa: T201

    def update(self, share: float, about: str) -> None:
        """Move the bar; it appears when there has been something to wait for."""
        if self.verbose < 2 or (self.bar is None and time.perf_counter() - self.started < PATIENCE):
            return
        if self.bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            console = Console(stderr=True)
            self.bar = Progress(
                TextColumn("{task.description}"), BarColumn(20), TaskProgressColumn(), TimeRemainingColumn(),
                console=console, transient=True, disable=not console.is_terminal,
            )
            self.task = self.bar.add_task(about, total=1.0)
            self.bar.start()
        self.bar.update(self.task, completed=share, description=about)

    def reading(self, share: float) -> None:
        """How much of the text has been read."""
        self.update(share, "reading")

    def counted(self, corpus: Corpus) -> None:
        """What the text holds."""
        words, labels = corpus.dictionary.nwords, corpus.dictionary.nlabels
        self.say(f"{corpus.dictionary.ntokens:,} tokens, {words:,} words, {labels:,} labels, {corpus.rows:,} rows in use")

    def training(self, progress: Progress) -> None:
        """How far training is."""
        speed = f"{progress.words_per_second / 1e6:.2f}M words/s"
        about = f"epoch {progress.epoch + 1}/{progress.epochs}  loss {progress.loss:.4f}  {speed}  lr {progress.lr:.4f}"
        self.update(progress.share, about)

    def done(self, history: list[Epoch]) -> None:
        """The end of training, in a line."""
        if history:
            last = history[-1]
            best = max((e for e in history if e.best), key=lambda e: e.epoch)
            valid = f", best epoch {best.epoch} (f1 {best.validation['f1']:.4f})" if best.validation else ""
            speed = f"{last.words_per_second / 1e6:.2f}M words/s"
            self.say(f"{last.epoch} epochs in {last.seconds:.1f} s, {speed}, loss {last.loss:.4f}{valid}")
