"""Reading layers out of the graph, for modules and functional code alike."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import gradwell
from gradwell.doctor import signals
from gradwell.watch.graph import forward_order, leaves, operation, output, parts

torch.manual_seed(0)
X, IMAGES = torch.randn(6, 4), torch.randn(6, 2, 5, 5)


def kinds(loss):
    """The kinds of parts that a loss was computed through."""
    return [(part.kind, part.type) for part in parts(forward_order(loss.grad_fn)[0])]


def pairs(model, x):
    """The linear pairs that a watched step of a model shows."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with gradwell.watch(model, optimizer, every=1) as session:
        model(x).square().sum().backward()
        optimizer.step()
    assert session.record.meta("probes_off") == {}
    return [pair for _, found in session.record.facts(signals.LINEAR_PAIRS.name) for pair in found]


def test_functional_code_and_modules_show_the_same_parts():
    first, second = nn.Linear(4, 8), nn.Linear(8, 2)
    modules = nn.Sequential(first, nn.ReLU(), second)(X).sum()
    functional = F.linear(F.relu(F.linear(X, first.weight, first.bias)), second.weight, second.bias).sum()
    assert kinds(modules) == kinds(functional) == [("layer", "Addmm"), ("activation", "relu"), ("layer", "Addmm")]


def test_inputs_come_before_what_uses_them():
    order, whole = forward_order(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))(X).sum().grad_fn)
    assert whole
    places = {node: place for place, node in enumerate(order)}
    assert all(places[below] < places[node] for node in order for below, _ in node.next_functions if below is not None)


def test_the_leaves_are_the_tensors_that_receive_a_gradient():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    model[0].bias.requires_grad_(False)
    loss = model(X).sum()
    found = {id(leaf) for leaf in leaves(forward_order(loss.grad_fn)[0])}
    loss.backward()
    assert found == {id(p) for p in model.parameters() if p.grad is not None}


@pytest.mark.parametrize("net", [
    nn.Linear(4, 3), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()),
    nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)), nn.Sequential(nn.Linear(4, 6), nn.Unflatten(1, (2, 3))),
], ids=["first layer", "later layer", "sigmoid", "softmax", "reshaped"])
def test_a_nodes_output_is_computed_again_as_the_forward_pass_computed_it(net):
    y = net(X)
    torch.testing.assert_close(output(y.grad_fn), y.detach())


def test_an_output_that_was_not_kept_is_not_made_up():
    assert output(nn.Linear(4, 3)(X).exp().sin().grad_fn) is None


LINEAR_PAIRS = {
    "nothing": nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8)),
    "dropout": nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 8)),
    "reshape": nn.Sequential(nn.Linear(4, 8), nn.Unflatten(1, (2, 4)), nn.Flatten(), nn.Linear(8, 8)),
}


@pytest.mark.parametrize("name", LINEAR_PAIRS)
def test_a_layer_that_feeds_a_layer_is_a_pair(name):
    (pair,) = pairs(LINEAR_PAIRS[name], X)
    assert (pair["entering"], pair["inner"], pair["leaving"]) == (4, 8, 8)


@pytest.mark.parametrize("middle", [nn.ReLU(), nn.Softmax(1), nn.BatchNorm1d(8), nn.LayerNorm(8), nn.PReLU()])
def test_what_is_not_linear_parts_a_pair(middle):
    assert pairs(nn.Sequential(nn.Linear(4, 8), middle, nn.Linear(8, 8)), X) == []


def test_pooling_by_mean_joins_convolutions_and_pooling_by_maximum_parts_them():
    assert len(pairs(nn.Sequential(nn.Conv2d(2, 4, 3), nn.AvgPool2d(3), nn.Flatten(), nn.Linear(4, 4)), IMAGES)) == 1
    assert pairs(nn.Sequential(nn.Conv2d(2, 4, 3), nn.MaxPool2d(3), nn.Flatten(), nn.Linear(4, 4)), IMAGES) == []


def test_a_residual_branch_is_no_pair():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return self.second(x.tanh() + self.first(x))

    assert pairs(Residual(), X) == []


def test_one_layer_that_feeds_several_is_shared():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.query, self.key = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            z = self.embed(x)
            return self.query(z) * self.key(z)

    assert [pair["shared"] for pair in pairs(Attention(), X)] == [True, True]


def test_a_low_rank_branch_beside_a_layer_is_joined():
    class LoRA(nn.Module):
        def __init__(self):
            super().__init__()
            self.whole, self.down, self.up = nn.Linear(4, 4), nn.Linear(4, 2, bias=False), nn.Linear(2, 4, bias=False)

        def forward(self, x):
            return self.whole(x) + 0.5 * self.up(self.down(x))

    (pair,) = pairs(LoRA(), X)
    assert pair["joined"]
    assert not pair["shared"]


def test_a_grouped_convolution_says_so():
    (pair,) = pairs(nn.Sequential(nn.Conv2d(2, 2, 3, groups=2), nn.Conv2d(2, 4, 1)), IMAGES)
    assert pair["grouped"]


def test_a_factorised_kernel_counts_as_grouped():
    (pair,) = pairs(nn.Sequential(nn.Conv2d(2, 4, (3, 1)), nn.Conv2d(4, 4, (1, 3))), IMAGES)
    assert pair["grouped"]


def test_operations_are_named_without_their_suffix():
    assert operation(torch.relu(X.clone().requires_grad_()).grad_fn) == "Relu"
