"""From text to a model: read, count, pack, learn, and keep what was best."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gradwell.errors import DataError, ModelFileError, OptionError
from gradwell.text import corpus as corpora
from gradwell.text import native, starting
from gradwell.text.corpus import Corpus
from gradwell.text.dictionary import Floats
from gradwell.text.model import Epoch, Model
from gradwell.text.options import Options
from gradwell.text.quantized import rows_of
from gradwell.text.showing import Show
from gradwell.text.sources import bytes_of, is_path, plain
from gradwell.text.training import Run, State

Callback = Callable[[Epoch, Model], Any]


@dataclass(frozen=True)
class Extras:
    """What fastText never had."""

    labels: Any = None  # the labels of each line, where they do not stand in the text: a label, or several, for each line
    class_weight: Mapping[str, float] | str | None = None  # how much each label counts; "balanced": in inverse proportion to its count
    sample_weight: Any = None  # how much each line counts
    validation: Any = None  # text to measure each epoch on
    patience: int | None = None  # epochs without a better f1 on the validation text after which training stops
    callbacks: Sequence[Callback] = ()  # called after each epoch with its figures and the model so far; answering True stops
    checkpoint: str | os.PathLike[str] | None = None  # written after each epoch; where it is there, training goes on from it
    start: Model | None = None  # a model to go on training
    deterministic: bool = False  # the same result with any number of threads, at some cost in speed


NOTHING = Extras()


def train(source: Any, options: Options, extras: Extras = NOTHING) -> Model:
    """Train a model. Raises DataError, OptionError or TrainingError with what is wrong and what is possible."""
    if extras.patience is not None and (extras.validation is None or extras.patience < 1):
        raise OptionError(f"patience is {extras.patience}; it must be 1 or more and needs a validation text")
    data = bytes_of(source, "the training text")
    with Show(options.verbose) as show:
        found = corpora.scan(data, show.reading)
        if len(found.tokens) == 0:
            raise DataError(f"{name_of(source)} is empty; there must be at least one line of text")
        dictionary, given = starting.dictionary(found, options, extras.start, extras.labels)
        check(dictionary, options, name_of(source))
        weights = sample_weights(extras.sample_weight, len(found.line_ptr) - 1)
        corpus = corpora.pack(found, dictionary, options, given, weights)
        if not len(corpus.lines):
            raise DataError(f"{name_of(source)} has no line with both a label ({options.label}...) and a word")
        show.counted(corpus)
        return Training(corpus, options, extras, show).run()


def name_of(source: Any) -> str:
    """What to call the text in a message."""
    return os.fspath(source) if is_path(source) else "the training text"


def check(dictionary: Any, options: Options, name: str) -> None:
    """Complain when there is nothing to learn."""
    if dictionary.nwords == 0:
        raise DataError(f"Empty vocabulary: no word of {name} occurs {options.minCount} times or more. Try a smaller -minCount value.")
    if options.model == "supervised" and dictionary.entries[: dictionary.nwords] == [b"</s>"]:
        raise DataError(f"{name} has labels but no words; there is nothing to tell one label from another")
    if options.model == "supervised" and dictionary.nlabels == 0:
        least = max(1, options.minCountLabel)
        raise DataError(f"{name} has no labels; a label is a token that begins with {options.label!r} (and occurs {least} times or more)")


def sample_weights(given: Any, lines: int) -> Any:
    """The weight of each line, checked."""
    if given is None:
        return None
    weights = numbers(plain(given), "sample_weight")
    if weights.shape != (lines,):
        raise OptionError(f"sample_weight has the shape {weights.shape}; there are {lines} lines")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise OptionError("sample_weight holds a number that is negative or not finite")
    return weights


def numbers(values: Any, what: str) -> Floats:
    """Weights as an array."""
    try:
        return np.asarray(values, np.float32)
    except (TypeError, ValueError):
        raise OptionError(f"{what} holds something that is not a number, among {', '.join(map(repr, values[:5]))}") from None


def class_weights(given: Mapping[str, float] | str | None, corpus: Corpus) -> Any:
    """The weight of each label."""
    if given is None:
        return None
    dictionary = corpus.dictionary
    labels = [entry.decode("utf-8", "replace") for entry in dictionary.entries[dictionary.nwords :]]
    if given == "balanced":
        counts = np.maximum(corpus.target_counts, 1)
        return (counts.sum() / (len(counts) * counts)).astype(np.float32)
    if isinstance(given, str):
        raise OptionError(f"class_weight is {given!r}; it can be 'balanced' or a weight for each label")
    unknown = [label for label in given if label not in labels]
    if unknown:
        raise OptionError(f"class_weight names {unknown[0]!r}, which is not a label; the labels are {', '.join(labels[:10])}")
    weights = numbers([given.get(label, 1.0) for label in labels], "class_weight")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise OptionError("class_weight holds a number that is negative or not finite")
    return weights


class Training:
    """The epochs of one training, and what is kept of them."""

    def __init__(self, corpus: Corpus, options: Options, extras: Extras, show: Show) -> None:
        self.corpus, self.options, self.extras, self.show = corpus, options, extras, show
        self.history: list[Epoch] = []
        self.best: tuple[Floats, Floats] | None = None
        self.checkpoint = Path(extras.checkpoint) if extras.checkpoint else None
        state = self.resumed() or starting.state(corpus, options, extras.start)
        self.step = Run(corpus, options, state, class_weights(extras.class_weight, corpus), extras.deterministic)
        self.saved = len(self.history)  # epochs that the checkpoint holds

    def run(self) -> Model:
        """Train to the end; return the model, of the best epoch where there is a validation text."""
        try:
            self.epochs()
        except KeyboardInterrupt:
            if self.checkpoint and self.saved:
                done = f"{self.saved} of {self.options.epoch} epochs"
                self.show.say(f"interrupted; {self.checkpoint} holds {done}, and doing the same again goes on from there")
            raise
        last = not self.history or self.history[-1].best
        state = self.step.state
        matrix, output = (state.matrix, state.output) if self.best is None or last else self.best
        self.show.done(self.history)
        return self.model(matrix, output)

    def epochs(self) -> None:
        """Train until the epochs, patience or a callback end it."""
        while self.step.state.epoch < self.options.epoch and not self.enough():
            epoch = self.measured(self.step.epoch(self.show.training))
            self.history.append(epoch)
            if self.extras.validation is not None and epoch.best and self.enough_left():
                self.best = (self.step.state.matrix.copy(), self.step.state.output.copy())
            if self.checkpoint:
                self.save()
            if any([callback(epoch, self.model()) is True for callback in self.extras.callbacks]):  # noqa: C419 - all are called
                break

    def enough_left(self) -> bool:
        """Whether a later epoch could be worse than this one, so that it must be kept."""
        return self.step.state.epoch < self.options.epoch

    def enough(self) -> bool:
        """Whether patience is at an end."""
        if self.extras.patience is None or not self.history:
            return False
        best = max(i for i, epoch in enumerate(self.history) if epoch.best)
        return len(self.history) - 1 - best >= self.extras.patience

    def measured(self, loss: float) -> Epoch:
        """The figures of the epoch that has just ended."""
        run = self.step
        values = None
        best = True
        if self.extras.validation is not None:
            meter = self.model().test(self.extras.validation, threads=self.options.threads)
            values = {"precision": meter.precision(), "recall": meter.recall(), "f1": meter.f1()}
            best = all(not values["f1"] <= (epoch.validation or values)["f1"] for epoch in self.history)
        return Epoch(run.state.epoch, loss, run.words_per_second, run.seconds, values, best)

    def model(self, matrix: Floats | None = None, output: Floats | None = None) -> Model:
        """The model as it is now (or of other matrices of the same shape)."""
        state, dictionary = self.step.state, self.corpus.dictionary
        buckets = dictionary.rows_of_bucket
        if buckets is not None:
            buckets = np.where(buckets < 0, np.int32(self.corpus.rows), buckets)
        ready = replace(dictionary, rows_of_bucket=buckets, zero_row=self.corpus.rows if buckets is not None else -1, _cache={})
        matrices = (state.matrix if matrix is None else matrix, state.output if output is None else output)
        return Model(self.options, ready, *matrices, None, list(self.history))

    def save(self) -> None:
        """Write the checkpoint; and beside it the best epoch, where that is another."""
        assert self.checkpoint is not None
        if self.extras.validation is not None and self.history[-1].best:
            native.save(self.model(), best_beside(self.checkpoint))
        native.save(self.model(), self.checkpoint)
        self.saved = len(self.history)

    def resumed(self) -> State | None:
        """Where an earlier training of the same text with the same options stopped."""
        if self.checkpoint is None or not self.checkpoint.exists():
            return None
        saved = native.load(self.checkpoint)
        mine, other = self.corpus.dictionary, saved.dictionary
        same = saved.options.with_(thread=0, verbose=0) == self.options.with_(thread=0, verbose=0)
        if not (same and mine.ntokens == other.ntokens and mine.size == other.size and saved.input.shape[0] == self.corpus.rows + 1):
            raise ModelFileError(f"{self.checkpoint} is of another text or of other options; delete it, or name another checkpoint")
        state = starting.state(self.corpus, self.options, None)
        state.matrix[:], state.output[:], state.epoch = rows_of(saved.input, slice(None)), saved.output, len(saved.history)
        self.history = list(saved.history)
        beside = best_beside(self.checkpoint)
        if self.extras.validation is not None and not self.history[-1].best and beside.exists():
            best = native.load(beside)
            self.best = (np.array(best.input), np.array(best.output))
        return state


def best_beside(path: Path) -> Path:
    """Where the best epoch is kept while a checkpoint is."""
    return path.with_name(path.stem + ".best" + path.suffix)


