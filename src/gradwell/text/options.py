"""The options of fastText, by its own names and with its own defaults (args.cc)."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import Annotated, Any

from gradwell.errors import OptionError

MODELS = {"cbow": 1, "skipgram": 2, "supervised": 3}  # the numbers that stand in a model file
LOSSES = {"hs": 1, "ns": 2, "softmax": 3, "ova": 4}
OTHER_NAMES = {
    "min_count": "minCount", "min_count_label": "minCountLabel", "word_ngrams": "wordNgrams", "lr_update_rate": "lrUpdateRate",
    "label_prefix": "label", "pretrained_vectors": "pretrainedVectors", "sg": "skipgram", "one-vs-all": "ova", "sup": "supervised",
}
MOST_THREADS = 1024


@dataclass(frozen=True)
class Options:
    """How a model is trained; a loaded model keeps those that its file holds."""

    model: Annotated[str, "supervised, skipgram or cbow"] = "supervised"
    lr: Annotated[float, "learning rate at the start; it falls to 0 in a straight line"] = 0.1
    dim: Annotated[int, "numbers in a vector"] = 100
    ws: Annotated[int, "words to either side that a word's window may reach; not used by a classifier"] = 5
    epoch: Annotated[int, "times that the whole text is learned from"] = 5
    minCount: Annotated[int, "a word seen fewer times is not kept"] = 1
    minCountLabel: Annotated[int, "a label seen fewer times is not kept"] = 0
    minn: Annotated[int, "characters in the shortest character n-gram; 0: none"] = 0
    maxn: Annotated[int, "characters in the longest character n-gram; 0: none"] = 0
    neg: Annotated[int, "negatives drawn for each target, with loss ns"] = 5
    wordNgrams: Annotated[int, "words in the longest word n-gram"] = 1
    loss: Annotated[str, "softmax, hs (hierarchical softmax), ns (negative sampling) or ova (one-vs-all)"] = "softmax"
    bucket: Annotated[int, "rows that all n-grams share by their hash"] = 2_000_000
    thread: Annotated[int, "threads; 0: one for each processor"] = 0
    lrUpdateRate: Annotated[int, "kept for fastText's sake; the rate changes at every line"] = 100
    t: Annotated[float, "share of the text above which a word is left out now and then; not used by a classifier"] = 1e-4
    label: Annotated[str, "prefix that marks a label"] = "__label__"
    verbose: Annotated[int, "0: silent; 1: a line at the end; 2: progress"] = 2
    pretrainedVectors: Annotated[str, "a .vec file to start from"] = ""
    seed: Annotated[int, "all chance comes from it"] = 0

    @property
    def threads(self) -> int:
        """Threads to use: as asked, or one for each processor that this process may use."""
        return self.thread or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))

    @property
    def hashed(self) -> bool:
        """Whether there are n-grams, which share rows by their hash."""
        return self.wordNgrams > 1 or self.maxn > 0

    def with_(self, **changes: Any) -> Options:
        """These options with changes, checked."""
        return checked(dataclasses.replace(self, **changes))


SUPERVISED = Options()
UNSUPERVISED = Options(model="skipgram", lr=0.05, minCount=5, minn=3, maxn=6, loss="ns")
NAMES = tuple(field.name for field in dataclasses.fields(Options))


def build(defaults: Options, **given: Any) -> Options:
    """Options from what a caller gave, by fastText's names or their aliases.

    Raises OptionError for an unknown value and TypeError for an unknown or repeated name, as fastText does.
    """
    values: dict[str, Any] = {}
    for name, value in given.items():
        own = OTHER_NAMES.get(name, name)
        if own not in NAMES:
            raise TypeError(f"unexpected keyword argument {name!r}; the options are {', '.join(NAMES)}")
        if own in values:
            raise TypeError(f"multiple values for argument {own!r}")
        default = getattr(defaults, own)
        if isinstance(value, str) and own in ("model", "loss"):
            value = OTHER_NAMES.get(value, value)
        values[own] = converted(own, value, type(default))
    return checked(dataclasses.replace(defaults, **values))


def converted(name: str, value: Any, kind: type) -> Any:
    """The value as the type that the option has."""
    if kind is str and isinstance(value, str):
        return value
    if kind is str and isinstance(value, os.PathLike):
        return os.fspath(value)
    try:
        number = kind(value)
    except (TypeError, ValueError, OverflowError):
        raise OptionError(f"{name} is {value!r}; it must be a {'number' if kind is float else 'whole number'}") from None
    if kind is str or isinstance(value, str) or number != value:
        raise OptionError(f"{name} is {value!r}; it must be a {'text' if kind is str else 'number' if kind is float else 'whole number'}")
    return number


def checked(options: Options) -> Options:
    """The same options, if they are possible."""
    one_of("model", options.model, MODELS)
    one_of("loss", options.loss, LOSSES)
    largest = 2**31 - 1
    for name, low, high in (
        ("dim", 1, 100_000), ("ws", 1, 10_000), ("epoch", 0, largest), ("minCount", 0, 2**62), ("minCountLabel", 0, 2**62),
        ("minn", 0, 1000), ("maxn", 0, 1000), ("neg", 0, 100_000), ("wordNgrams", 1, 1000), ("bucket", 0, largest),
        ("thread", 0, MOST_THREADS), ("lrUpdateRate", 1, largest), ("seed", -(2**63), 2**64 - 1),
    ):
        value = getattr(options, name)
        if not low <= value <= high:
            raise OptionError(f"{name} is {value}; it must be from {low} to {high}")
    for name in ("lr", "t"):
        value = getattr(options, name)
        if not 0 <= value < float("inf"):
            raise OptionError(f"{name} is {value}; it must be 0 or more and finite")
    if options.maxn and options.minn > options.maxn:
        raise OptionError(f"minn is {options.minn} and maxn {options.maxn}; the shortest n-gram cannot be longer than the longest")
    if options.hashed and options.bucket == 0:
        raise OptionError("bucket is 0, but wordNgrams or maxn asks for n-grams, which need rows to share; give bucket=2000000 or so")
    if not options.hashed and options.bucket:
        return dataclasses.replace(options, bucket=0)  # as fastText: without n-grams there are no rows to share
    return options


def one_of(name: str, value: Any, possible: Any) -> None:
    """Complain unless the value is one of those possible."""
    if value not in possible:
        raise OptionError(f"{name} is {value!r}; it can be {', '.join(possible)}")
