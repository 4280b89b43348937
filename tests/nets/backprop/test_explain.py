"""Backpropagation by hand against autograd: every gradient to 1e-6, every factor's product."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gradwell.errors import OptionError
from gradwell.nets.backprop import explain

X, IMAGES, SERIES = torch.randn(7, 6), torch.randn(5, 4, 12, 12), torch.randn(5, 4, 20)
CLASSES, REAL = torch.arange(7) % 3, torch.randn(7, 3)
ACTIVATIONS = [nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.LeakyReLU(0.2), nn.PReLU(), nn.PReLU(8), nn.ELU(0.7), nn.SELU(), nn.GELU(), nn.SiLU(),
               nn.Mish(), nn.Softplus(2.0), nn.Softsign(), nn.Hardtanh(), nn.ReLU6(), nn.Hardsigmoid(), nn.Hardswish()]
CONVOLUTIONAL = {
    "plain, in place": (nn.Conv2d(4, 6, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
    "stride, padding, dilation": (nn.Conv2d(4, 6, 3, stride=2, padding=2, dilation=2), nn.Tanh()),
    "grouped": (nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.BatchNorm2d(6), nn.ReLU()),
    "depthwise and 1x1": (nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 6, 1), nn.SiLU()),
    "overlapping pools": (nn.Conv2d(4, 6, (3, 1), padding=(1, 0)), nn.AvgPool2d(3, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 1, 1)),
    "group norm": (nn.Conv2d(4, 6, 3), nn.GroupNorm(3, 6), nn.ReLU(), nn.AdaptiveAvgPool2d(2)),
}


def check(model, x, loss, target):
    """All of explain against autograd, in double precision."""
    model, x = model.double(), x.double()
    before = copy.deepcopy(model.state_dict())
    told = explain(model, loss, (x, target))
    assert all(torch.equal(a, b) for a, b in zip(before.values(), model.state_dict().values(), strict=True))
    assert all(p.grad is None for p in model.parameters())
    x = x.clone().requires_grad_()
    value = loss(model(x), target)
    value.backward()
    assert told.loss == pytest.approx(float(value.detach()))
    assert set(told.gradients) == {name for name, p in model.named_parameters() if p.requires_grad}
    for name, p in model.named_parameters():
        if p.requires_grad:
            torch.testing.assert_close(told.gradients[name], p.grad, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(told.factors[0].below.reshape(x.shape), x.grad, rtol=1e-6, atol=1e-9)
    return told


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_a_feed_forward_net_agrees_with_autograd(activation):
    check(nn.Sequential(nn.Linear(6, 8), activation, nn.Linear(8, 3)), X, F.cross_entropy, CLASSES)


@pytest.mark.parametrize("layers", CONVOLUTIONAL.values(), ids=CONVOLUTIONAL)
def test_a_convolutional_net_agrees_with_autograd(layers):
    body = nn.Sequential(*copy.deepcopy(layers)).double()
    size = body(IMAGES.double()).flatten(1).shape[1]
    check(nn.Sequential(body, nn.Flatten(), nn.Linear(size, 3)), IMAGES, F.cross_entropy, CLASSES[:5])


def test_a_net_over_time_agrees_with_autograd():
    model = nn.Sequential(nn.Conv1d(4, 6, 5, padding=2), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2), nn.AvgPool1d(2), nn.Flatten(),
                          nn.Linear(30, 3))
    check(model, SERIES, F.mse_loss, REAL[:5].double())


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(8), nn.BatchNorm1d(8, affine=False), nn.BatchNorm1d(8).eval(), nn.LayerNorm(8),
                                  nn.LayerNorm(8, elementwise_affine=False)], ids=str)
def test_normalisation_agrees_with_autograd(norm):
    model = nn.Sequential(nn.Linear(6, 8), norm, nn.Tanh(), nn.Dropout(0.5).eval(), nn.Linear(8, 3), nn.LogSoftmax(1))
    check(model, X, F.nll_loss, CLASSES)


def test_a_softmax_between_layers_and_frozen_weights_agree_with_autograd():
    model = nn.Sequential(nn.Linear(6, 8), nn.Softmax(-1), nn.Linear(8, 3))
    model[0].requires_grad_(False)
    assert "0.weight" not in check(model, X, F.mse_loss, REAL.double()).gradients


class Written(nn.Module):
    def __init__(self, functional):
        super().__init__()
        self.conv, self.act, self.fc, self.functional = nn.Conv2d(4, 3, 3), nn.ReLU(), nn.Linear(300, 3), functional

    def forward(self, x):
        h = self.conv(x).relu() if self.functional else self.act(self.conv(x))
        return self.fc(h.view(len(h), -1))


def test_a_model_of_modules_with_reshaping_between_is_followed():
    model = Written(functional=False)
    told = check(model, IMAGES, F.cross_entropy, CLASSES[:5])
    assert [one.name for one in told.factors] == ["conv", "act", "fc"]


def test_the_factors_multiply_to_the_gradient():
    model = nn.Sequential(nn.Linear(6, 8), nn.Sigmoid(), nn.Linear(8, 3))
    first, act, last = explain(model, F.cross_entropy, (X, CLASSES)).factors
    a = X @ model[0].weight.T + model[0].bias
    torch.testing.assert_close(act.slope, a.sigmoid() * (1 - a.sigmoid()))
    torch.testing.assert_close(act.delta, last.delta @ model[2].weight)
    torch.testing.assert_close(first.delta, act.delta * act.slope)
    torch.testing.assert_close(first.gradients["weight"], first.delta.T @ X)
    assert last.gain == pytest.approx(float(act.delta.norm() / last.delta.norm()))


def test_the_table_names_every_layer():
    text = str(explain(nn.Sequential(nn.Linear(6, 8), nn.Sigmoid(), nn.Linear(8, 3)), F.cross_entropy, (X, CLASSES)))
    assert [line.split()[1] for line in text.splitlines()[2:]] == ["Linear", "Sigmoid", "Linear"]
    assert "mean f'" in text


@pytest.mark.parametrize(("model", "says"), [
    (Written(functional=True), "between conv (Conv2d) and fc (Linear) something happens that is no module"),
    (nn.Sequential(nn.Flatten(), nn.Linear(576, 3), nn.Dropout(0.5)), "no rule for 2 (Dropout); call model.eval() first"),
    (nn.Sequential(nn.Conv2d(4, 3, 3, padding="same"), nn.Flatten(), nn.Linear(432, 3)), "padding in numbers"),
    (nn.Sequential(nn.Flatten(), nn.Linear(576, 3), nn.CELU()), "no rule for 2 (CELU)"),
], ids=["functional", "dropout", "same", "unknown"])
def test_what_cannot_be_explained_is_named(model, says):
    with pytest.raises(OptionError) as error:
        explain(model, F.cross_entropy, (IMAGES, CLASSES[:5]))
    assert says in str(error.value)


def test_a_loss_of_many_numbers_is_refused():
    with pytest.raises(OptionError, match="a loss of one number"):
        explain(nn.Linear(6, 3), lambda z, y: F.cross_entropy(z, y, reduction="none"), (X, CLASSES))
