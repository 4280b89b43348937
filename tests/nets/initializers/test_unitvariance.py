"""Weights from one batch: every layer's outputs have a variance of 1, however deep and whatever the activation."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from gradwell.errors import DataError, OptionError, TrainingError
from gradwell.nets.activations import activation
from gradwell.nets.initializers import initialize_on
from gradwell.nets.onebatch import as_before, call


def outputs(model, inputs):
    """The variance of what comes out of each layer, by plain hooks, as in training without dropout."""
    seen = {}
    handles = [module.register_forward_hook(lambda m, a, out, name=name: seen.setdefault(name, []).append(out.flatten()))
               for name, module in model.named_modules() if hasattr(module, "weight") and not isinstance(module, nn.BatchNorm2d)]
    with as_before(model):
        model.train()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.eval()
        call(model, inputs)
    for handle in handles:
        handle.remove()
    return {name: float(torch.cat(parts).var(correction=0)) for name, parts in seen.items()}


def convolutional():
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, groups=8, bias=False),
                         nn.Conv2d(8, 16, 1), nn.GELU(), nn.ConvTranspose2d(16, 4, 2, stride=2), nn.Flatten(), nn.Dropout(),
                         nn.Linear(4 * 10 * 10, 5))


IMAGES = 7 + 3 * torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["tanh", "relu", "sigmoid", "gelu"])
def test_fifty_layers_keep_a_variance_of_one(name):
    torch.manual_seed(0)
    layers = [part for _ in range(50) for part in (nn.Linear(64, 64), activation(name).layer())]
    model, x = nn.Sequential(*layers), 100 * torch.randn(128, 64)
    found = initialize_on(model, x)
    measured = outputs(model, x)
    assert len(found.layers) == 50
    for one in found.layers:
        assert measured[one.name] == pytest.approx(1, abs=0.0101)
        assert one.variance == pytest.approx(measured[one.name], rel=1e-4)


def test_convolutions_of_all_kinds_and_the_last_layer_have_it_too():
    model = convolutional()
    found = initialize_on(model, IMAGES, tolerance=1e-3)
    measured = outputs(model, IMAGES)
    assert {one.name for one in found.layers} == {"0", "3", "4", "6", "9"}
    assert all(measured[one.name] == pytest.approx(1, abs=1.1e-3) for one in found.layers)


def test_the_weights_are_orthogonal_ones_times_a_number_and_biases_are_zero():
    model = nn.Sequential(nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 8))
    x = torch.randn(50, 32)
    initialize_on(model, x, generator=torch.Generator().manual_seed(3))
    w = nn.init.orthogonal_(torch.empty(16, 32), generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(model[0].weight.detach(), w / (x @ w.T).std(correction=0), rtol=0.011, atol=1e-6)
    assert not model[0].bias.any()


class Shared(nn.Module):
    def __init__(self, kind=torch.tanh, steps=12):
        super().__init__()
        self.read, self.again, self.never, self.kind, self.steps = nn.Linear(20, 20), nn.Linear(20, 20), nn.Linear(3, 3), kind, steps

    def forward(self, x):
        h = self.read(x)
        for _ in range(self.steps):
            h = h + self.kind(self.again(h))
        return h


class Chain(Shared):
    def forward(self, x):
        h = self.read(x)
        for _ in range(self.steps):
            h = self.kind(self.again(h))
        return h


SHARED = {
    "tanh": Shared(), "relu": Shared(torch.relu), "chain of tanh": Chain(), "chain of relu": Chain(torch.relu),
    "long chain of relu": Chain(torch.relu, 40), "chain that overflows at first": Chain(lambda h: 100 * h, 30),
    "chain that dies at first": Chain(lambda h: h / 1000, 20),
}


@pytest.mark.parametrize("model", SHARED.values(), ids=SHARED)
def test_a_shared_layer_has_it_over_all_its_uses_and_one_never_reached_is_left_and_named(model):
    torch.manual_seed(0)
    x = 5 * torch.randn(100, 20)
    never = model.never.weight.clone()
    found = initialize_on(model, x)
    assert outputs(model, x)["again"] == pytest.approx(1, abs=0.0101)
    assert outputs(model, x)["read"] == pytest.approx(1, abs=0.0101)
    assert found.unreached == ("never",)
    assert model.never.weight.equal(never)


def test_two_layers_with_one_weight_count_as_one():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 10), nn.Tanh(), nn.Linear(10, 10))
    model[2].weight = model[0].weight
    x = torch.randn(200, 10)
    found = initialize_on(model, 9 * x)
    assert [one.name for one in found.layers] == ["0"]
    with torch.no_grad():
        first = model[0](9 * x)
        both = torch.cat([first, model[2](first.tanh())])
    assert float(both.var()) == pytest.approx(1, abs=0.02)


def test_nothing_but_weights_and_biases_changes():
    model = convolutional()
    model[1].eval()
    before = {name: b.clone() for name, b in model.named_buffers()}
    x, state = IMAGES.clone(), torch.get_rng_state()
    initialize_on(model, x, generator=torch.Generator().manual_seed(0))
    assert all(b.equal(before[name]) for name, b in model.named_buffers())
    assert [part.training for part in model] == [True, False] + [True] * 8
    assert torch.get_rng_state().equal(state)
    assert x.equal(IMAGES)
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert not any(part._forward_hooks for part in model)


def test_weight_norm_named_inputs_and_bfloat16_work():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = parametrizations.weight_norm(nn.Linear(40, 40))

        def forward(self, *, x, scale):
            return self.layer(x * scale)

    model, x = Named().to(torch.bfloat16), torch.randn(300, 40, dtype=torch.bfloat16)
    initialize_on(model, {"x": x, "scale": 30}, tolerance=0.02)
    with torch.no_grad():
        assert float(model(x=x, scale=30).float().var()) == pytest.approx(1, abs=0.021)


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def refused(model, inputs, error, match, **options):
    before = state(model)
    with pytest.raises(error, match=match):
        initialize_on(model, inputs, **options)
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
    assert not any(part._forward_hooks for part in model.modules())


def test_dead_units_are_named_and_all_weights_are_as_they_were():
    class Dead(nn.Module):
        def forward(self, x):
            return (x - 1e6).relu()

    model = nn.Sequential(nn.Linear(4, 8), Dead(), nn.Linear(8, 2))
    refused(model, torch.randn(10, 4), DataError, r"out of 2 \(Linear\) is 0 throughout.*all units before it are dead")


def test_a_batch_that_says_nothing_is_refused():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    refused(model, torch.zeros(10, 4), DataError, r"out of 0 \(Linear\) is 0 throughout")
    refused(model, torch.full((10, 4), float("nan")), DataError, r"out of 0 \(Linear\) is not finite")
    refused(model, torch.randn(1, 4), DataError, r"1 number comes out of 2 \(Linear\)")


def test_weights_whose_size_does_not_matter_are_refused():
    model = nn.Sequential(parametrizations.spectral_norm(nn.Linear(8, 8)), nn.ReLU())
    with pytest.raises(TrainingError, match=r"after 3 tries the outputs of 0 \(ParametrizedLinear\) have a variance of"):
        initialize_on(model, 100 * torch.randn(20, 8), tries=3)


def test_impossible_tolerances_are_refused():
    with pytest.raises(OptionError, match="not 0 and 20"):
        initialize_on(nn.Linear(2, 2), torch.randn(3, 2), tolerance=0)
    with pytest.raises(OptionError, match=r"not 0\.01 and 0"):
        initialize_on(nn.Linear(2, 2), torch.randn(3, 2), tries=0)
