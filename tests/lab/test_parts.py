"""The parts that several experiments are made of, against torch's own and by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from gradwell.errors import OptionError
from gradwell.lab.connected import KINDS, LocallyConnected, connected
from gradwell.lab.fitting import accuracy, fit, training
from gradwell.lab.normalised import before_relu, deep, drift, gradient, moved, norm
from gradwell.lab.tasks.canvas import on_canvas
from gradwell.nets.inspection import inspect


def test_a_locally_connected_layer_with_the_same_kernel_everywhere_is_a_convolution():
    torch.manual_seed(0)
    convolution, local = nn.Conv2d(2, 3, 3), LocallyConnected(2, 3, 7, 3)
    with torch.no_grad():
        local.weight.copy_(convolution.weight.flatten(1).expand_as(local.weight))
        local.bias.copy_(convolution.bias[:, None].expand_as(local.bias))
    x = torch.randn(4, 2, 7, 7)
    torch.testing.assert_close(local(x), convolution(x))


def test_each_kind_has_the_parameters_that_inspect_says_it_would_have():
    count = {kind: sum(p.numel() for p in connected(kind, 2, 3, 7, 3).parameters()) for kind in KINDS}
    layer = inspect(nn.Conv2d(2, 3, 3), (2, 7, 7)).layers[0]
    assert count == {"convolution": layer.parameters, "local": layer.local_parameters, "dense": layer.dense_parameters}


def test_units_cannot_be_connected_in_a_way_there_is_not():
    with pytest.raises(OptionError, match=r"'sparse'.*convolution, local, dense"):
        connected("sparse", 1, 1, 8, 3)


def test_an_image_on_a_canvas_is_moved_by_at_most_the_shift_and_whole():
    images = torch.rand(50, 1, 4, 4) + 0.1
    canvas = on_canvas(images, 8, 2, torch.Generator().manual_seed(0))
    corners = [(int(one.nonzero()[:, 1].min()), int(one.nonzero()[:, 2].min())) for one in canvas]
    for (row, column), one, image in zip(corners, canvas, images, strict=True):
        torch.testing.assert_close(one[:, row : row + 4, column : column + 4], image)
    assert {max(abs(row - 2), abs(column - 2)) for row, column in corners} == {2}
    torch.testing.assert_close(on_canvas(images, 8, 0, torch.Generator()), functional.pad(images, (2, 2, 2, 2)))


def test_a_classifier_learns_what_can_be_learned():
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > 0).long()
    torch.manual_seed(0)
    net = nn.Linear(2, 2)
    losses = list(training(net, torch.optim.SGD(net.parameters(), 0.5), x, y, 100, 32, torch.Generator().manual_seed(0)))
    assert losses[-1] < losses[0] / 2
    assert accuracy(net, x, y) > 0.95
    again = nn.Linear(2, 2)
    again.load_state_dict({"weight": torch.zeros(2, 2), "bias": torch.zeros(2)})
    fit(again, torch.optim.SGD(again.parameters(), 0.5), x, y, 100, 32, torch.Generator().manual_seed(0))
    assert accuracy(again, x, y) > 0.95


@pytest.mark.parametrize("normalisation", [None, nn.BatchNorm1d, nn.LayerNorm])
def test_the_gradient_at_other_weights_is_that_of_a_net_with_these_weights(normalisation):
    torch.manual_seed(0)
    net, x, y = deep(2, 8, normalisation), torch.rand(16, 1, 8, 8), torch.arange(16) % 10
    own = dict(net.named_parameters())
    loss, g = gradient(net, own, x, y)
    there = moved(own, g, -0.1)
    assert norm(g) == pytest.approx(float(torch.cat([one.flatten() for one in g.values()]).norm()))
    lower, g_there = gradient(net, there, x, y)
    assert lower < loss
    net.load_state_dict(there, strict=False)
    expected = functional.cross_entropy(net(x), y)
    torch.testing.assert_close(list(g_there.values()), list(torch.autograd.grad(expected, list(net.parameters()))))


def test_drift_is_how_far_the_means_moved_in_standard_deviations():
    torch.manual_seed(0)
    net, x = deep(3, 8, nn.BatchNorm1d), torch.rand(16, 1, 8, 8)
    seen = before_relu(net, x)
    assert len(seen) == 3
    assert drift(seen, [one + 2 * one.std(0) for one in seen]) == pytest.approx(2, rel=1e-3)
