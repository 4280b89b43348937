"""Where autotune looks: the options it may change, and how far (fastText's autotune.cc)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradwell.text.options import Options

if TYPE_CHECKING:
    from optuna.trial import Trial

WHOLE = {"epoch": (1, 100), "dim": (1, 1000)}  # both sought in steps of a factor, not of one
RATE = (0.01, 5.0)
LONGEST = (1, 5)  # words in a word n-gram
BUCKETS = (10_000, 10_000_000)
SHORTEST = (0, 2, 3)  # characters in the shortest character n-gram; the longest has three more
DSUBS = (2, 4, 8, 16)
BUCKET = 2_000_000
TUTORIAL = (  # what fastText's tutorial ends with, and the same with characters
    {"epoch": 25, "lr": 0.5, "wordNgrams": 2, "minn": 0},
    {"epoch": 25, "lr": 0.5, "wordNgrams": 2, "minn": 3},
)


@dataclass(frozen=True)
class Space:
    """The options that a search starts from, those of them that it must keep, and whether the model will be quantised."""

    start: Options
    fixed: frozenset[str]
    bucket: int  # the one given, or where the search begins
    quantised: bool

    @classmethod
    def of(cls, start: Options, fixed: frozenset[str], bucket: int | None, quantised: bool) -> Space:
        """A space; without rows for n-grams (bucket = 0) there are none to look for."""
        if bucket == 0 and "bucket" in fixed:
            fixed |= {"wordNgrams", "minn", "maxn"}
        return cls(start, fixed, bucket if bucket is not None else start.bucket or BUCKET, quantised)

    @property
    def shortest(self) -> list[int]:
        """The possible lengths of the shortest character n-gram."""
        return [n for n in SHORTEST if "maxn" not in self.fixed or n <= self.start.maxn]

    def first(self) -> list[dict[str, Any]]:
        """The parameters of the first trials: the start, as far as it lies in the space, then what often does well."""
        start = self.start
        values = {name: min(max(getattr(start, name), low), high) for name, (low, high) in WHOLE.items()}
        values |= {"lr": min(max(start.lr, RATE[0]), RATE[1]), "wordNgrams": min(start.wordNgrams, LONGEST[1]), "dsub": DSUBS[0]}
        values |= {"minn": start.minn if start.minn in self.shortest else 0, "bucket": min(max(self.bucket, BUCKETS[0]), BUCKETS[1])}
        return [values, *(values | known for known in TUTORIAL if known["minn"] in self.shortest)]

    def ask(self, trial: Trial) -> tuple[Options, int]:
        """The options of a trial and its dsub."""
        values: dict[str, Any] = {}
        for name, (low, high) in WHOLE.items():
            if name not in self.fixed:
                values[name] = trial.suggest_int(name, low, high, log=True)
        if "lr" not in self.fixed:
            values["lr"] = trial.suggest_float("lr", *RATE, log=True)
        if "wordNgrams" not in self.fixed:
            values["wordNgrams"] = trial.suggest_int("wordNgrams", *LONGEST)
        if "minn" not in self.fixed and len(self.shortest) > 1:
            values["minn"] = trial.suggest_categorical("minn", self.shortest)
        if "maxn" not in self.fixed:
            minn = values.get("minn", self.start.minn)
            values["maxn"] = minn + 3 if minn else 0
        dsub = trial.suggest_categorical("dsub", DSUBS) if self.quantised else DSUBS[0]
        options = dataclasses.replace(self.start, **values)
        bucket = self.bucket
        if options.hashed and "bucket" not in self.fixed:
            bucket = trial.suggest_int("bucket", *BUCKETS, log=True)
        return options.with_(bucket=bucket), dsub
