"""The lab: each claim of the textbook is an experiment that measures, judges, and can fail.

    rows = [row for seed in range(5) for row in measured(experiment, seed)]
    experiment.judge(rows)    # Verdict(holds=True, because="...")

`experiment("dead-relu-high-rate")` gives one, `catalogue()` all; `run` measures one over several seeds, and again
without its cause.
"""

from gradwell.lab.catalogue import catalogue, experiment
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.result import Result
from gradwell.lab.running import measured, results, run
from gradwell.lab.spread import Spread, spread

__all__ = ["Chart", "Experiment", "Result", "Spread", "Verdict", "catalogue", "experiment", "measured", "results", "run", "spread"]
