import math

import pytest

from gradwell.doctor import signals
from gradwell.doctor.judge import judge
from gradwell.doctor.metrics import Metric, epochs, evaluations, metrics
from gradwell.doctor.record import Record
from gradwell.doctor.rules.gw411_overfitting import Overfitting
from gradwell.report.data import Report


def told(name, values, **training):
    """A record in which a trainer told of a metric every tenth step."""
    record = Record.create()
    record.note("started", 1.0)
    record.note("finished", 2.0)
    record.note("steps", 10 * len(values))
    loss, site = record.site("loss", "loss", "nll", "train.py", 3), record.site("metric", name, "metric")
    for epoch, value in enumerate(values, 1):
        record.add(signals.METRIC.name, site, 10 * epoch, value)
        record.add(signals.EPOCH.name, 0, 10 * epoch, epoch)
        for step in range(10):
            record.add(signals.LOSS.name, loss, 10 * epoch - 9 + step, training.get("start", 1.0) * 0.8**epoch)
    return record


@pytest.mark.parametrize(("name", "best"), [
    ("val_loss", (2, 1.0)), ("eval/perplexity", (2, 1.0)), ("WER", (2, 1.0)), ("validMSE", (2, 1.0)),
    ("val_accuracy", (3, 4.0)), ("f1", (3, 4.0)), ("valid_acc", (3, 4.0)), ("temperature", None), ("classes", None)])
def test_the_best_of_a_metric_is_known_by_its_name(name, best):
    assert Metric(name, [(1, 3.0), (2, 1.0), (3, 4.0), (4, math.nan)]).best == best


def test_epochs_and_metrics_are_read_from_the_record():
    record = told("val_loss", [3.0, 2.0, 2.5])
    assert epochs(record) == 3
    assert metrics(record) == [Metric("val_loss", [(10, 3.0), (20, 2.0), (30, 2.5)])]


@pytest.mark.parametrize(("name", "held_out"), [
    ("val_loss", True), ("eval_loss", True), ("valid/loss", True), ("testLoss", True), ("train_loss", False), ("loss", False),
    ("val_accuracy", False), ("interval_loss", False)])
def test_a_validation_loss_is_known_by_its_name(name, held_out):
    assert bool(list(evaluations(told(name, [1.0])))) is held_out


def test_a_validation_loss_that_rises_while_training_goes_on_is_overfitting():
    finding, = Overfitting().check(told("val_loss", [1.0, 0.8, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]))
    assert finding.where.module == "val_loss"
    assert not list(Overfitting().check(told("train_loss", [1.0, 0.8, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2])))
    assert not list(Overfitting().check(told("val_loss", [1.0, 0.8, 0.6, 0.5, 0.45, 0.4, 0.38, 0.37, 0.36])))


def test_the_report_tells_epochs_and_each_metric_with_its_best():
    record = told("val_loss", [3.0, 2.0, 2.5])
    text = str(Report(record, judge(record)))
    assert "trainer   3 epochs; val_loss 2.5 at step 30 (best 2 at 20)" in text
