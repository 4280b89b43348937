"""Autotune: train with many options, score each model on a validation text, and keep the best one.

Searched with optuna's TPE (Bergstra et al. 2011), in the space of fastText's autotune.cc. What is kept is the very
model that was scored; fastText trains another one with the same options.
"""

from __future__ import annotations

import dataclasses
import io
import math
import time
from collections.abc import Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradwell import studies
from gradwell.errors import DataError, OptionError, TrainingError
from gradwell.text import corpus as corpora
from gradwell.text import files, starting, study
from gradwell.text.corpus import Corpus
from gradwell.text.deadline import Hopeless, Watch
from gradwell.text.model import Model
from gradwell.text.options import Options, converted
from gradwell.text.pruning import cutoff_for, other_bytes, row_bytes
from gradwell.text.quantization import compressed, retrained
from gradwell.text.quantized import CENTROIDS
from gradwell.text.room import free_memory
from gradwell.text.scoring import Metric, size_of
from gradwell.text.searching import DSUBS, Space
from gradwell.text.sources import bytes_of, is_path, lines_of
from gradwell.text.train import Extras, Training, check, class_weights, name_of, sample_weights

if TYPE_CHECKING:
    from optuna.trial import Trial

SHARE_OF_TIME = 1 / 5  # that one trial may take, unless the best one took longer
SHARE_OF_MEMORY = 1 / 2  # of what is free, that a trial's matrix may take
KEPT = ("epoch", "lr", "dim", "wordNgrams", "minn", "maxn", "bucket", "loss")  # what is said of a trial


def autotune(
    source: Any, options: Options, extras: Extras, given: Collection[str] | Mapping[str, Any], *, autotuneValidationFile: Any,  # noqa: N803
    autotuneMetric: str = "f1", autotunePredictions: int = 1, autotuneDuration: float = 300, autotuneModelSize: str = "",  # noqa: N803
    trials: int | None = None, autotuneStorage: str = "", autotuneStudy: str = "autotune",  # noqa: N803
) -> Model:
    """The best classifier that can be trained in `autotuneDuration` seconds; those options that were `given` stay as they are.

    The first trial is of the options as they come. autotuneValidationFile: a path, or lines in memory. With
    autotuneModelSize (100k, 2M ...) each model is quantised so that its file is no larger, and scored as it is then.
    trials: end after so many, too; with a duration that is never reached, threads=1 (or deterministic) and the same seed,
    the same model comes out. `model.tuned` tells the metric, the score, the parameters and all trials.
    autotuneStorage: the address of a database, such as sqlite:///study.db, in which trials are kept under the name autotuneStudy.
    Processes that search there at the same time, on one machine or many, learn from each other's trials, and a search that was killed
    goes on; `trials` are then those of all of them. Each returns the best model of all, trained once more where another one found it.

    Raises OptionError or DataError for what is impossible, TrainingError when there was not time for one trial.
    """
    started = time.monotonic()
    autotuneDuration = converted("autotuneDuration", autotuneDuration, float)  # noqa: N806
    autotunePredictions = converted("autotunePredictions", autotunePredictions, int)  # noqa: N806
    trials = None if trials is None else converted("trials", trials, int)
    if options.model != "supervised":
        raise OptionError(f"autotune needs a classifier; the model is {options.model}")
    if extras.checkpoint is not None:
        raise OptionError("checkpoint is of one training; autotune does many. Leave one of the two out")
    if not autotuneDuration > 0:
        raise OptionError(f"autotuneDuration is {autotuneDuration}; it must be more than 0 seconds")
    if autotunePredictions != -1 and autotunePredictions < 1:
        raise OptionError(f"autotunePredictions is {autotunePredictions}; it must be 1 or more, or -1 for all labels")
    if trials is not None and trials < 1:
        raise OptionError(f"trials is {trials}; it must be 1 or more")
    size = size_of(autotuneModelSize)
    watch = Watch(options.verbose, started, autotuneDuration)
    with watch:
        search = Search(source, options, extras, given, autotuneValidationFile, autotuneMetric, autotunePredictions, size, watch)
        return search.run(trials, autotuneStorage, autotuneStudy)


class Search:
    """A text that was read once, and the best model so far."""

    def __init__(
        self, source: Any, options: Options, extras: Extras, given: Collection[str] | Mapping[str, Any], validation: Any,
        metric: str, k: int, size: int | None, watch: Watch,
    ) -> None:
        self.extras, self.k, self.size, self.watch = extras, k, size, watch
        self.validation = validation if is_path(validation) else lines_of(validation, "the validation text")
        held_out = bytes_of(self.validation, "the validation text")
        self.name = name_of(source)
        self.found = corpora.scan(bytes_of(source, "the training text"), watch.reading)
        if len(self.found.tokens) == 0:
            raise DataError(f"{self.name} is empty; there must be at least one line of text")
        options = dataclasses.replace(options, loss=options.loss if "loss" in given else "softmax")
        fixed = set(given)
        if extras.start is not None:
            fixed |= {"dim", "minn", "maxn", "wordNgrams", "bucket", "loss"}
        if options.pretrainedVectors:
            fixed |= {"dim"}
        bucket = int(given["bucket"]) if isinstance(given, Mapping) and "bucket" in given else None
        self.space = Space.of(options, frozenset(fixed), bucket, size is not None)
        self.dictionary, self.labels = starting.dictionary(self.found, options, extras.start, extras.labels)
        check(self.dictionary, options, self.name)
        self.weights = sample_weights(extras.sample_weight, len(self.found.line_ptr) - 1)
        names = [entry.decode("utf-8", "replace") for entry in self.dictionary.entries[self.dictionary.nwords :]]
        self.metric = Metric.of(metric, options, names)
        seen = corpora.scan(held_out)
        _, label_of = corpora.numbers(seen, self.dictionary, options)
        if not (label_of[seen.tokens] >= 0).any():
            raise DataError(f"the validation text has no line with a label that {self.name} has, such as {', '.join(names[:5])}")
        self.packed: tuple[tuple[int, ...], Corpus] | None = None
        self.best: tuple[float, Model, int] | None = None
        self.best_took = 0.0
        self.told: dict[int, dict[str, Any]] = {}  # of each trial, by its number
        told = (options.with_(thread=0, verbose=0), sorted(fixed), bucket, self.metric, k, size, extras.class_weight)
        start = () if extras.start is None else (extras.start.output,)
        texts = (*self.dictionary.entries, self.found.data, held_out)
        self.of = study.fingerprint(*told, self.weights, *(self.labels or ()), *start, *texts)
        self.qout = self.dictionary.nlabels >= CENTROIDS
        if size is not None:
            self.check_size(size)

    def check_size(self, size: int) -> None:
        """Complain when not even the smallest model would fit."""
        least = self.smallest(self.space.start.dim if "dim" in self.space.fixed else 1, DSUBS[-1])
        if least > size:
            raise OptionError(f"autotuneModelSize is {size:,} bytes; with these labels and options no file can be smaller than {least:,}")

    def smallest(self, dim: int, dsub: int) -> int:
        """The bytes that a model of this dimension takes at least."""
        labels = np.diff(self.dictionary.starts)[self.dictionary.nwords :]
        return other_bytes(labels, dim, True, self.qout) + CENTROIDS * (8 + row_bytes(dim, min(dsub, dim), True))

    def run(self, most: int | None, storage: str, name: str) -> Model:
        """Try options until the time is over, or nothing can be better."""
        optuna = studies.imported()
        with studies.quiet(optuna):
            tried = study.opened(self.space, self.of, storage, name)
            try:
                with studies.used(storage, TrainingError, "failed"):
                    while not self.enough(tried, most):
                        tried.optimize(partial(self.attempt, timed=most is None), n_trials=1)
                    self.settle(tried)
            except KeyboardInterrupt:
                if self.best is None:
                    raise
                self.watch.say("interrupted; the best model so far is kept")
            except TrainingError as error:
                if self.best is None:
                    raise
                self.watch.say(f"{error}; the best model so far is kept")
        return self.ended()

    def enough(self, tried: Any, most: int | None) -> bool:
        """Whether there were trials enough, or time, or one that is perfect."""
        self.told |= study.rows(tried)
        perfect = any(row["score"] is not None and row["score"] >= 1 for row in self.told.values())
        return perfect or (most is not None and len(self.told) >= most) or time.monotonic() >= self.watch.deadline

    def settle(self, tried: Any) -> None:
        """Where another process found what is best, train it here, too."""
        scores = {number: row["score"] for number, row in self.told.items() if row["score"] is not None}
        number = max(scores, key=lambda number: scores[number], default=None)
        if number is None or (self.best is not None and scores[number] <= self.best[0]):
            return
        from optuna.trial import FixedTrial

        self.watch.say(f"trial {number + 1} was another process's, and the best; it is trained here once more")
        self.watch.deadline = math.inf
        self.watch.open(math.inf, f"trial {number + 1} once more")
        found = tried.get_trials(deepcopy=False)[number]
        asked, dsub = self.space.ask(FixedTrial(found.params))
        try:
            model = self.model(self.space.start if found.user_attrs.get(study.START) else asked, dsub)
        except (Hopeless, TrainingError, MemoryError) as error:
            self.watch.say(f"it cannot be trained here: {error}")
            return
        score = self.metric.score(model.test(self.validation, self.k, 0.0, model.options.threads))
        if self.best is None or score > self.best[0]:
            self.best = score, model, number

    def attempt(self, trial: Trial, timed: bool) -> float:
        """Train, quantise and score one model; optuna's TrialPruned when nothing came of it."""
        import optuna

        began = time.monotonic()
        asked, dsub = self.space.ask(trial)
        options = self.space.start if trial.user_attrs.get(study.START) else asked
        limit = math.inf
        if timed and self.best is not None:
            limit = max(SHARE_OF_TIME * self.watch.duration, 1.5 * self.best_took)
        about = f"trial {trial.number + 1}"
        self.watch.open(limit, f"{about}  best {self.metric.name} {self.best[0]:.4f}" if self.best else about)
        told = {name: getattr(options, name) for name in KEPT} | ({"dsub": dsub} if self.size is not None else {})
        score, failure = None, ""
        try:
            model = self.model(options, dsub)
            score = self.metric.score(model.test(self.validation, self.k, 0.0, options.threads))
            if self.best is None or score > self.best[0]:
                self.best, self.best_took = (score, model, trial.number), time.monotonic() - began
        except (Hopeless, TrainingError) as error:
            failure = str(error)
        except MemoryError:
            failure = "it needs more memory than there is"
        told |= {"score": score, "seconds": time.monotonic() - began} | ({"failure": failure} if failure else {})
        self.told[trial.number] = told
        trial.set_user_attr(study.TOLD, told)
        if score is None:
            raise optuna.TrialPruned
        return score

    def model(self, options: Options, dsub: int) -> Model:
        """A model trained with these options, quantised where there is a limit to its size. Raises Hopeless."""
        if self.size is not None and self.smallest(options.dim, dsub) > self.size:
            raise Hopeless(f"no model of dimension {options.dim} fits in {self.size:,} bytes")
        corpus = self.corpus(options)
        if not len(corpus.lines):
            raise DataError(f"{self.name} has no line with both a label ({options.label}...) and a word")
        needed = 4 * (corpus.rows + corpus.dictionary.nlabels) * options.dim
        if needed > SHARE_OF_MEMORY * free_memory():
            raise Hopeless(f"its matrices take {needed / 1e9:.1f} GB, and there is not room enough")
        model = Training(corpus, options, self.extras, self.watch).run()
        return model if self.size is None else self.quantised(model, self.size, dsub)

    def corpus(self, options: Options) -> Corpus:
        """The packed text; kept while the options it depends on stay the same."""
        key = (options.wordNgrams, options.minn, options.maxn, options.bucket)
        if self.packed is None or self.packed[0] != key:
            self.packed = None  # so that there are not two of them
            self.packed = key, corpora.pack(self.found, self.dictionary, options, self.labels, self.weights)
        return self.packed[1]

    def quantised(self, model: Model, size: int, dsub: int) -> Model:
        """The model in no more than so many bytes: cut, trained once more, coded."""
        self.watch.check()
        options, dsub = model.options, min(dsub, model.options.dim)
        cutoff = cutoff_for(model, size, dsub, True, self.qout)
        if cutoff < CENTROIDS:
            raise Hopeless(f"only {max(cutoff, 0)} words and n-grams fit in {size:,} bytes, and {CENTROIDS} are needed")
        assert self.packed is not None
        weight = class_weights(self.extras.class_weight, self.packed[1])
        again = partial(
            retrained, found=self.found, show=self.watch, given=self.labels, sample_weight=self.weights, class_weight=weight,
            deterministic=self.extras.deterministic,
        )
        small = compressed(model, options, cutoff, dsub, True, self.qout, again, small=True)
        with io.BytesIO() as file:
            files.write(small, file)
            if file.tell() > size:
                raise Hopeless(f"its file takes {file.tell():,} bytes")
        return small

    def ended(self) -> Model:
        """The best model, with what was tried. Raises TrainingError when there is none."""
        numbers = sorted(self.told)
        rows = [self.told[number] for number in numbers]
        tried = len(rows)
        if self.best is None:
            last = next((row["failure"] for row in reversed(rows) if row.get("failure")), "there was no time to begin")
            late = time.monotonic() >= self.watch.deadline
            what = "Didn't have enough time to train once" if late else "Couldn't train once"
            remedy = "give smaller options" + ", or increase autotuneDuration" * late + ", or autotuneModelSize" * bool(self.size)
            raise TrainingError(
                f"{what}: none of {tried} trials in {self.watch.duration:g} s came to an end; of the last: {last}; {remedy}"
            )
        score, model, number = self.best
        best, place = self.told[number], numbers.index(number) + 1
        parameters = {name: best[name] for name in (*KEPT, "dsub") if name in best}
        seconds = time.monotonic() - self.watch.began
        model.tuned = {
            "metric": self.metric.name, "score": score, "parameters": parameters, "trial": place, "trials": rows, "seconds": seconds,
        }
        said = ", ".join(f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in parameters.items())
        self.watch.say(f"{tried} trials in {seconds:.1f} s; the best {self.metric.name} is {score:.4f}, of trial {place}: {said}")
        return model
