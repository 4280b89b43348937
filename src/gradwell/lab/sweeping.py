"""Sweeps: a claim measured at every combination of some values of its knobs, by one process or by several that share a study."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

from gradwell import studies
from gradwell.errors import OptionError, TrainingError
from gradwell.lab.experiment import Experiment
from gradwell.lab.knobs import knobs, typed
from gradwell.lab.result import save
from gradwell.lab.running import Impossible, Tell, command, made_with, quiet, run

POLL = 1.0  # seconds between looks at what other processes measure
IMPOSSIBLE = "impossible"  # in place of a verdict: the knobs do not go together
LONGEST = 512  # characters of a study's name
LONGEST_NAME = 200  # bytes of a file's name, which may have 255 with its ending, and with what it has while it is written
SHOWN = 40  # characters of a longer one

Values = Mapping[str, Sequence[str]]  # those of each knob, as they are typed
Cell = dict[str, Any]  # its knobs, verdict (word), what was measured with the cause and without (because, control), seconds, made_with


@dataclass(frozen=True)
class Sweep:
    """A claim, the knobs that are swept, and how often each combination is measured."""

    experiment: Experiment
    values: Values
    seeds: int

    def __post_init__(self) -> None:
        """Complain about a combination that is not possible."""
        for some in self.cells():
            self.at(some)
        if len(self.command) > LONGEST:
            raise OptionError(f"a sweep is named by its command, which has {len(self.command)} characters and may have {LONGEST}")

    @property
    def command(self) -> str:
        """The command that makes it; its study bears this name, so that whoever types the same shares the work."""
        values = (f" '{name}={separator(self.experiment, name).join(texts)}'" for name, texts in self.values.items())
        return command(self.experiment, self.seeds).replace("lab run", "lab sweep", 1) + "".join(values)

    def cells(self) -> list[dict[str, str]]:
        """Every combination of values."""
        return [dict(zip(self.values, some, strict=True)) for some in product(*self.values.values())]

    def at(self, some: Mapping[str, str]) -> Experiment:
        """The experiment with the knobs of a combination. Raises OptionError when a knob cannot have its value."""
        return typed(self.experiment, [f"{name}={text}" for name, text in some.items()])

    def run(self, storage: str, folder: Path, jobs: int = 1, tell: Tell = quiet) -> list[Cell]:
        """Measure what is not measured yet, and wait for what other processes measure; the whole table.

        Results with all rows are saved in the folder, verdicts in the storage. Raises OptionError or TrainingError when the storage
        cannot be used.
        """
        optuna = studies.imported()
        study, _ = studies.shared(storage, self.command, optuna.samplers.RandomSampler())
        state = optuna.trial.TrialState
        with studies.quiet(optuna), studies.used(storage, TrainingError, "failed; what was measured is kept, and the same goes on from it"):
            while True:
                optuna.storages.fail_stale_trials(study)
                trials = [(key(self.of(trial)), trial.state) for trial in study.get_trials(deepcopy=False)]
                done, under_way, waiting = ({k for k, s in trials if s == one} for one in (state.COMPLETE, state.RUNNING, state.WAITING))
                missing = [some for some in self.cells() if key(some) not in done]
                for some in missing:
                    if key(some) not in under_way | waiting:  # new, or interrupted
                        study.enqueue_trial(some)
                if not missing:
                    break
                if under_way.issuperset(map(key, missing)):  # by other processes
                    time.sleep(POLL)
                else:
                    study.optimize(partial(self.measured, study=study, folder=folder, jobs=jobs, tell=tell), n_trials=1)
            found = {key(self.of(trial)): trial.user_attrs for trial in study.get_trials(states=(state.COMPLETE,))}
        return [{"knobs": some, **found[key(some)]} for some in self.cells()]

    def measured(self, trial: Any, study: Any, folder: Path, jobs: int, tell: Tell) -> float:
        """Measure one combination; 1 where the claim holds and fails without its cause."""
        import optuna

        some = {name: trial.suggest_categorical(name, list(texts)) for name, texts in self.values.items()}
        state = optuna.trial.TrialState
        for other in study.get_trials(deepcopy=False):
            before = other.state == state.COMPLETE or (other.state == state.RUNNING and other.number < trial.number)
            if before and other.number != trial.number and key(self.of(other)) == key(some):
                raise optuna.TrialPruned  # two processes asked at the same moment
        one = self.at(some)
        started = time.perf_counter()
        try:
            result = run(one, self.seeds, jobs, tell)
        except Impossible as error:
            told = {"word": IMPOSSIBLE, "because": str(error), "zh": "", "control": "", "stands": False}
        else:
            save(result, folder / f"{one.id}.sweep" / f"{named(some)}.json")
            told = {"word": result.word, "because": result.main.verdict.because, "zh": result.main.verdict.zh,
                    "control": result.control.verdict.word, "stands": result.stands}
        for name, value in {**told, "seconds": round(time.perf_counter() - started, 1), "made_with": made_with()}.items():
            trial.set_user_attr(name, value)
        return float(told["stands"] is True)

    def of(self, trial: Any) -> dict[str, str]:
        """The combination that a trial measures, from the moment that it was asked for."""
        return {name: trial.params.get(name, trial.system_attrs.get("fixed_params", {}).get(name)) for name in self.values}


def separator(experiment: Experiment, name: str) -> str:
    """What stands between the values of a knob; those of a list have commas of their own."""
    return ";" if any(one.name == name and one.several for one in knobs(experiment)) else ","


def swept(experiment: Experiment, words: Iterable[str], seeds: int) -> Sweep:
    """The sweep of knobs as typed: hidden=8,16,32, or of a knob that is a list lengths=10,20;30,40.

    Raises OptionError for what is no knob, no value of it, or a knob that is named twice.
    """
    values: dict[str, list[str]] = {}
    for word in words:
        name, _, text = word.partition("=")
        if name in values:
            raise OptionError(f"the knob {name} is swept twice; write {name}=A,B,C once")
        typed(experiment, [word.partition(separator(experiment, name))[0]])  # there must be such a knob
        values[name] = list(dict.fromkeys(part.strip() for part in text.split(separator(experiment, name))))
    return Sweep(experiment, values, seeds)


def key(some: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """A combination as something that can be looked up."""
    return tuple(sorted(some.items()))


def named(some: Mapping[str, str]) -> str:
    """A combination as the name of a file; of a long one the beginning, and what tells it from others."""
    whole = " ".join(f"{name}={text.replace('/', '_')}" for name, text in some.items())
    return whole if len(whole.encode()) <= LONGEST_NAME else f"{whole[:SHOWN]}... {sha256(whole.encode()).hexdigest()[:16]}"
