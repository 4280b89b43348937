"""Runs experiments: every seed in turn or several at once, with the cause and without it."""

from __future__ import annotations

import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib.metadata import version
from itertools import islice

from gradwell.errors import GradwellError, OptionError, TrainingError
from gradwell.lab.experiment import Experiment
from gradwell.lab.knobs import knobs, turned
from gradwell.lab.result import Measurement, Result
from gradwell.lab.rows import Row, kept
from gradwell.lab.workers import end, workers

SEEDS = 5
FAULTS = (ArithmeticError, LookupError, MemoryError, RuntimeError, ValueError)  # of an experiment whose knobs do not go together
Tell = Callable[[Experiment, Row | None], None]  # one more row, or None at the end of a seed
Found = tuple[list[Row], float]  # the rows of a task, and the seconds of processor time that they took
Task = tuple[Experiment, bool, int]  # what is measured, whether without its cause, seed


class Impossible(TrainingError):  # noqa: N818 - what the table says
    """The knobs of an experiment do not go together, so that it fails each time that it is measured."""


def quiet(experiment: Experiment, row: Row | None) -> None:
    """Tell nothing."""


def run(experiment: Experiment, seeds: int = SEEDS, jobs: int = 1, tell: Tell = quiet) -> Result:
    """Measure an experiment with its cause and without it, and judge both: see `results`."""
    return next(results([experiment], seeds, jobs, tell))


def results(experiments: Sequence[Experiment], seeds: int = SEEDS, jobs: int = 1, tell: Tell = quiet) -> Iterator[Result]:
    """Measure experiments, each with its cause and without it, and judge both; each result comes as soon as it is whole.

    jobs: processes that measure at once, each on one thread. tell: hears of every row (with one process) and of every seed's end.
    Raises OptionError for a number of seeds or jobs below 1, TrainingError when one cannot be measured with its knobs.
    """
    for name, number in (("seeds", seeds), ("jobs", jobs)):
        if number < 1:
            raise OptionError(f"{name} must be at least 1, not {number}")
    tasks = [(one, control, seed) for one in experiments for control in (False, True) for seed in range(seeds)]
    rows: dict[Experiment, dict[tuple[bool, int], list[Row]]] = defaultdict(dict)
    took: dict[Experiment, float] = defaultdict(float)
    for (one, control, seed), (found, seconds) in in_turn(tasks, tell) if jobs == 1 else at_once(tasks, jobs, tell):
        rows[one][control, seed] = found
        took[one] += seconds
        if len(rows[one]) == 2 * seeds:
            with_it, without_it = (judged(one, rows[one], which, seeds) for which in (False, True))
            yield Result(one.id, one.claim(), command(one, seeds), made_with(), seeds, round(took[one], 1), with_it, without_it)
            del rows[one]


def judged(one: Experiment, rows: Mapping[tuple[bool, int], list[Row]], control: bool, seeds: int) -> Measurement:
    """What an experiment measured over all seeds, with its cause or without, and its verdict."""
    variant = without_cause(one) if control else one
    found = [row for seed in range(seeds) for row in rows[control, seed]]
    with possible(variant):
        return Measurement({knob.name: knob.value for knob in knobs(variant)}, found, variant.judge(found))


def command(experiment: Experiment, seeds: int) -> str:
    """The command that makes a result again."""
    usual = {knob.name: knob.text for knob in knobs(type(experiment)())}
    own = [f" --knob {knob.name}={knob.text}" for knob in knobs(experiment) if knob.text != usual[knob.name]]
    return f"gradwell lab run {experiment.id} --seeds {seeds}{''.join(own)}"


def without_cause(experiment: Experiment) -> Experiment:
    """The experiment with the knobs of its control."""
    return turned(experiment, experiment.control)


def with_knobs(experiment: Experiment, quick: bool) -> Experiment:
    """The experiment as it is, or in its quick form."""
    return turned(experiment, experiment.quick) if quick else experiment


def measured(experiment: Experiment, seed: int, tell: Tell = quiet) -> list[Row]:
    """The rows of one seed, on one thread, with torch's random state as it was afterwards.

    Raises TrainingError when the experiment cannot be measured with its knobs.
    """
    rows = []
    with alone(), possible(experiment):
        for row in experiment.measure(seed):
            rows.append({"seed": seed, **kept(row)})
            tell(experiment, rows[-1])
    tell(experiment, None)
    return rows


def clocked(experiment: Experiment, seed: int, tell: Tell = quiet) -> Found:
    """The rows of one seed, and the seconds of processor time that they took, whatever else the machine was doing."""
    started = time.process_time()
    return measured(experiment, seed, tell), time.process_time() - started


@contextmanager
def possible(experiment: Experiment) -> Iterator[None]:
    """Knobs that do not go together end in Impossible, which names them."""
    try:
        yield
    except (OptionError, TrainingError) as error:  # said well already
        raise Impossible(str(error)) from error
    except GradwellError:
        raise
    except FAULTS as error:
        own = ", ".join(f"{knob.name}={knob.text}" for knob in knobs(experiment))
        why = str(error).partition("\n")[0] or type(error).__name__
        raise Impossible(f"{experiment.id} cannot be measured with {own}: {why}") from error


@contextmanager
def alone() -> Iterator[None]:
    """One thread, and torch's random state and the number of threads put back at the end."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)


def in_turn(tasks: Iterable[Task], tell: Tell) -> Iterator[tuple[Task, Found]]:
    """The rows of each task, one after the other."""
    for task in tasks:
        yield task, clocked(variant(task), task[2], tell)


def variant(task: Task) -> Experiment:
    """What a task measures."""
    one, control, _ = task
    return without_cause(one) if control else one


def at_once(tasks: Sequence[Task], jobs: int, tell: Tell) -> Iterator[tuple[Task, Found]]:
    """The rows of each task, measured by several processes; an interrupt or a failure ends them all."""
    pool = workers(jobs)
    waiting: dict[Future[Found], Task] = {}
    rest = iter(tasks)
    try:
        while True:
            waiting |= {pool.submit(clocked, variant(task), task[2]): task for task in islice(rest, jobs - len(waiting))}
            if not waiting:
                return
            for done in wait(waiting, return_when=FIRST_COMPLETED).done:
                task = waiting.pop(done)
                tell(task[0], None)
                yield task, done.result()
    except BrokenProcessPool:
        raise TrainingError("a process that measured was ended from outside, perhaps for want of memory; try fewer --jobs") from None
    finally:
        end(pool)  # or an interrupt would wait for a seed's end


def made_with() -> str:
    """Versions and processor."""
    packages = f"Gradwell {version('gradwell')}, PyTorch {version('torch')}, Python {platform.python_version()}"
    return f"{packages}, {platform.machine()}, one thread"
