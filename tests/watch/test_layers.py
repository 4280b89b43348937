"""What is measured inside the layers, beside the same quantities computed by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import gradwell
from gradwell.doctor import gains


def step(model, x, y, loss=F.cross_entropy):
    """Watch one step of training; return the record."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with gradwell.watch(model, optimizer, every=1) as run:
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
    return run.record


def near(expected, rel=1e-5):
    return pytest.approx(expected.item(), rel=rel)


def reading(record, signal, module, kind="layer"):
    (site,) = [site for site in record.sites(kind) if site.module == module]
    (value,) = [value for _, value in record.series(signal, site)]
    return value


class Net(nn.Module):
    def __init__(self, functional):
        super().__init__()
        self.first, self.second, self.third = nn.Linear(6, 8), nn.Linear(8, 5), nn.Linear(5, 3)
        self.activation = torch.tanh if functional else nn.Tanh()

    def forward(self, x):
        self.z = self.first(x)
        self.a = self.activation(self.z)
        self.z2 = self.second(self.a)
        return self.third(self.activation(self.z2))


@pytest.fixture(params=[False, True], ids=["modules", "functional"])
def net(request):
    torch.manual_seed(0)
    return Net(request.param), torch.randn(16, 6), torch.randint(0, 3, (16,))


def test_the_gain_of_each_layer_is_the_product_of_its_weights_and_its_activations_derivative(net):
    model, x, y = net
    record = step(model, x, y)
    loss = F.cross_entropy(model(x), y)
    delta2, delta1 = torch.autograd.grad(loss, (model.z2, model.z))
    through_weights = delta2 @ model.second.weight  # W^T delta, one row an example
    torch.testing.assert_close(delta1, through_weights * (1 - model.z.tanh() ** 2))  # delta_l = (W^T delta_(l+1)) * f'(z_l)
    assert reading(record, "weight_gain", "second") == near(through_weights.norm() / delta2.norm())
    assert reading(record, "activation_gain", "first", "activation") == near(delta1.norm() / through_weights.norm())
    assert reading(record, "delta", "first") == near(delta1.norm())


def test_activation_statistics_are_those_of_the_output(net):
    model, x, y = net
    record = step(model, x, y)
    output = model.z.tanh()
    assert reading(record, "activation_mean", "first", "activation") == near(output.mean())
    assert reading(record, "activation_std", "first", "activation") == near(output.std(correction=0))
    assert reading(record, "activation_batch_std", "first", "activation") == near(output.std(0, correction=0).mean())
    assert reading(record, "batch_std", "second") == near(output.std(0, correction=0).mean())
    saturated = (output.abs() > 0.95).float().mean().item()
    assert reading(record, "saturated_share", "first", "activation") == pytest.approx(saturated)


def test_normalisation_has_a_gain_of_its_own():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    x, y = torch.randn(16, 6), torch.randint(0, 3, (16,))
    record = step(model, x, y)
    z = model[0](x)
    n = model[1](z)
    inner, outer = torch.autograd.grad(F.cross_entropy(model[3](n.relu()), y), (z, n))
    assert reading(record, "normalization_gain", "0", "normalization") == near(inner.norm() / outer.norm(), 1e-4)


def test_a_convolutions_units_are_its_channels():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))
    with torch.no_grad():
        model[0].bias[1] = -100.0  # one channel of four is dead
    x, y = torch.randn(1200, 1, 8, 8), torch.randint(0, 3, (1200,))
    record = step(model, x, y)
    assert reading(record, "never_active", "0", "activation") == 0.25
    assert reading(record, "window", "0", "activation") == 1200


def deep(activation, width=64, depth=12):
    torch.manual_seed(0)
    body = [part for i in range(depth) for part in (nn.Linear(width, width), activation())]
    return nn.Sequential(*body, nn.Linear(width, 10))


@pytest.fixture(scope="module")
def digits():
    data = pytest.importorskip("sklearn.datasets").load_digits()
    return torch.tensor(data.data[:256] / 16, dtype=torch.float32), torch.tensor(data.target[:256])


def test_a_deep_sigmoid_net_loses_the_gradient_to_the_derivative(digits):
    record = step(deep(nn.Sigmoid), *digits)
    rows = gains.table(record)
    weights, activation = gains.typical(rows)
    assert (weights, activation) == (pytest.approx(0.58, abs=0.02), pytest.approx(0.245, abs=0.01))
    assert gains.culprit(record, rows) == "activation"


def test_a_deep_relu_net_with_default_weights_loses_it_to_the_weights(digits):
    record = step(deep(nn.ReLU), *digits)
    rows = gains.table(record)
    assert gains.typical(rows)[0] == pytest.approx(0.58, abs=0.02)
    assert gains.culprit(record, rows) == "weights"


def test_a_deep_relu_net_with_he_weights_keeps_the_gradient(digits):
    model = deep(nn.ReLU)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            nn.init.zeros_(module.bias)
    rows = gains.table(step(model, *digits))
    first, last = rows[0]["gradient"], rows[-1]["gradient"]
    assert 0.1 < first / last < 10


def test_a_weight_used_twice_is_one_layer():
    torch.manual_seed(0)
    shared = nn.Linear(5, 5)

    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.shared, self.head = shared, nn.Linear(5, 2)

        def forward(self, x):
            return self.head(self.shared(self.shared(x).tanh()).tanh())

    record = step(Loop(), torch.randn(16, 5), torch.randint(0, 2, (16,)))
    assert [site.module for site in record.sites("layer")] == ["shared", "head"]


def test_layers_whose_tensors_the_user_packs_are_left_packed():
    torch.manual_seed(0)
    unpacked = []
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(16, 4), torch.randint(0, 2, (16,))
    counts = []
    for watched in (False, True):
        unpacked.clear()
        with torch.autograd.graph.saved_tensors_hooks(lambda t: (t,), lambda t: unpacked.append(1) or t[0]):
            loss = F.cross_entropy(model(x), y)
        if watched:
            with gradwell.watch(model, optimizer, every=1) as run:
                loss.backward()
            assert run.record.meta("probes_off") == {}
        else:
            loss.backward()
        counts.append(len(unpacked))
    assert counts[0] == counts[1] > 0


def test_a_recurrence_that_stands_in_the_graph_step_by_step_is_one_place_for_each_activation_and_its_gates_are_no_hidden_layer():
    torch.manual_seed(0)
    with gradwell.watch(every=1) as session:
        rnn, head = nn.GRU(3, 8), nn.Linear(8, 2)
        optimizer = torch.optim.SGD([*rnn.parameters(), *head.parameters()], lr=0.1)
        head(rnn(torch.randn(20, 4, 3))[0][-1]).square().mean().backward()
        optimizer.step()
    assert [site.type for site in session.record.sites("activation")] == ["sigmoid", "tanh"]
    assert session.record.series("saturated_share") == []


def test_kept_statistics_are_compared_with_the_batch():
    from gradwell.doctor import signals

    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4, momentum=0.25), nn.Linear(4, 3))
    x, y = torch.randn(40, 6), torch.arange(40) % 3
    z = model[0](x).detach()
    mean, var = z.mean(0), z.var(0, correction=0)
    kept = 0.25 * mean, 0.75 + 0.25 * z.var(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with gradwell.watch(model, optimizer, every=1) as run:
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            model(x + 3)
            model(x)  # only the first pass of an evaluation is looked at
    expected = torch.maximum((mean - kept[0]).abs() / kept[1].sqrt(), (var / kept[1]).log().abs() / 2).mean()
    assert reading(run.record, signals.STALE.name, "0", "normalization") == near(expected, 1e-3)
    z = model[0](x + 3).detach()
    mean, var = z.mean(0), z.var(0, correction=0)
    expected = torch.maximum((mean - kept[0]).abs() / kept[1].sqrt(), (var / kept[1]).log().abs() / 2).mean()
    assert reading(run.record, signals.STALE_IN_USE.name, "0", "normalization") == near(expected, 1e-3)
    assert run.record.meta("probes_off") == {}
