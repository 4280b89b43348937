import torch
from torch import nn

import gradwell
from gradwell.doctor.metrics import epochs, metrics
from gradwell.watch.patches import tell


def train(steps):
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()


def test_what_a_trainer_tells_is_noted_at_its_step():
    with gradwell.watch() as run:
        tell("on_metric", "val_loss", 9.0)  # before the first step there is nothing that it could belong to
        train(3)
        tell("on_metric", "val_loss", 0.5)
        tell("on_epoch", 1)
        train(2)
        tell("on_metric", "val_loss", 0.25)
    assert [(one.name, one.readings) for one in metrics(run.record)] == [("val_loss", [(3, 0.5), (5, 0.25)])]
    assert epochs(run.record) == 1


def test_only_so_many_metrics_are_kept():
    with gradwell.watch() as run:
        train(1)
        for number in range(100):
            tell("on_metric", f"metric {number}", number)
    assert len(metrics(run.record)) == 64


def test_an_optimizer_that_is_not_what_it_was_taken_for_is_told_of_and_the_run_goes_on():
    from gradwell.watch.foreign import careful

    with gradwell.watch() as run:
        train(1)
        careful(lambda optimizer: optimizer.gone, tell)(object())
        train(1)
    assert "other libraries' optimizers failed and switched itself off: AttributeError" in str(run.report())
