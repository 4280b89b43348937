"""First weights by fan-in and activation, against torch.nn.init, and by what they are for: a signal that keeps its size."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from gradwell.doctor.cures import initialize as cure
from gradwell.doctor.run import Run
from gradwell.errors import OptionError
from gradwell.nets.activations import ACTIVATIONS, activation
from gradwell.nets.initializers import SCHEMES, initialize

X = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def convolutional():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, bias=False), nn.LeakyReLU(0.2),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(288, 5), nn.Tanh(), nn.Linear(5, 2))


def drawn(model):
    return {name: p.clone() for name, p in model.named_parameters() if p.dim() > 1}


TORCHS = {
    "fan-in": lambda w: nn.init.uniform_(w, -1 / math.sqrt(w[0].numel()), 1 / math.sqrt(w[0].numel())),
    "glorot": nn.init.xavier_normal_,
    "lecun": lambda w: nn.init.kaiming_normal_(w, nonlinearity="linear"),
    "he": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "orthogonal": lambda w: nn.init.orthogonal_(w, nn.init.calculate_gain("relu")),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_weights_are_those_of_torchs_own_scheme(scheme):
    ours, theirs = convolutional(), convolutional()
    torch.manual_seed(0)
    initialize(ours, scheme, "relu")
    torch.manual_seed(0)
    for module in theirs:
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            TORCHS[scheme](module.weight)
    for name, weight in drawn(ours).items():
        torch.testing.assert_close(weight, theirs.get_parameter(name), rtol=1e-6, atol=1e-7)
    assert all(not module.bias.any() for module in ours if isinstance(module, nn.Linear))


@pytest.mark.parametrize(("kind", "scheme", "name"), [(nn.ReLU, "he", "relu"), (nn.Tanh, "glorot", "tanh")])
def test_it_draws_what_the_doctors_remedy_draws(kind, scheme, name):
    ours, theirs = (nn.Sequential(nn.Conv2d(3, 8, 3), kind(), nn.Flatten(), nn.Linear(1568, 5)) for _ in range(2))
    torch.manual_seed(0)
    initialize(ours, scheme, name)
    torch.manual_seed(0)
    cure(Run(theirs, torch.optim.SGD(theirs.parameters()), [], lambda run: None))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=1e-6, atol=1e-7)


def test_each_layer_has_the_gain_of_the_activation_that_feeds_it():
    model = convolutional()
    found = initialize(model, inputs=X)
    fed = {one.name: (one.activation, pytest.approx(one.gain, rel=1e-3)) for one in found.layers}
    assert fed == {"0": ("", 1), "3": ("relu", math.sqrt(2)), "8": ("leaky_relu", nn.init.calculate_gain("leaky_relu", 0.2)),
                   "10": ("tanh", activation("tanh").gain)}
    assert found["3"].std == pytest.approx(math.sqrt(2 / 72), rel=1e-3)
    assert float(model[8].weight.detach().std()) == pytest.approx(found["8"].std, rel=0.1)


def test_plain_functions_and_sums_are_followed_too():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c, self.d = (nn.Linear(6, 6) for _ in range(4))

        def forward(self, x):
            y = torch.relu(self.a(x))
            y = y.view(-1, 6) + self.b(F.layer_norm(y, [6]))
            return self.d(F.elu(self.c(y)).tanh_())

    fed = {one.name: one.activation for one in initialize(Residual(), inputs=torch.randn(5, 6)).layers}
    assert fed == {"a": "", "b": "", "c": "relu", "d": "tanh"}


@pytest.mark.parametrize("one", ACTIVATIONS, ids=lambda one: one.name)
def test_every_activation_is_found_with_its_gain(one):
    model = nn.Sequential(nn.Linear(4, 4), one.layer(), nn.Linear(4, 4))
    found = initialize(model, inputs=torch.randn(3, 4))["2"]
    assert found.activation in (one.name, "hardtanh")  # torch calls ReLU6 a hardtanh
    assert found.gain == pytest.approx(one.gain, rel=1e-3)


def deep(name, scheme):
    """The mean square before the last of fifty activations, and how much the examples differ there with plain weights."""
    torch.manual_seed(1)
    layers = [part for _ in range(50) for part in (nn.Linear(256, 256), activation(name).layer())]
    model, x = nn.Sequential(*layers), torch.randn(64, 256)
    initialize(model, scheme, inputs=x)
    with torch.no_grad():
        size = float(model[:99](x).square().mean())
        initialize(model, "fan-in")
        return size, float(model[:99](x).var(0).mean())


@pytest.mark.parametrize("scheme", ["he", "orthogonal"])
@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "elu", "selu", "softsign"])
def test_a_signal_keeps_its_size_through_fifty_layers(name, scheme):
    size, plain = deep(name, scheme)
    assert activation(name).carry <= 1 + 1e-9
    assert 0.3 < size < 3
    assert plain < 1e-3  # with 1/sqrt(fan-in) alone it dies


@pytest.mark.parametrize("name", ["gelu", "silu", "hardswish"])
def test_where_the_activation_carries_on_more_than_it_gets_no_weights_keep_it(name):
    assert activation(name).carry > 1.05
    assert deep(name, "he")[0] > 30


def test_grouped_and_transposed_convolutions_keep_it_too():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(16, 16, 3, groups=16, padding=1, padding_mode="circular"), nn.Conv2d(16, 32, 1, groups=2),
                          nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), nn.ConvTranspose1d(16, 16, 3, groups=4))
    x = torch.randn(8, 16, 24, 24)
    for scheme in ("he", "orthogonal"):
        initialize(model[:3], scheme, "hardtanh")
        gain = activation("hardtanh").gain
        shares = (1, 0.5, 0.5) if scheme == "orthogonal" else (1, 1, 1)  # an isometry spreads its inputs over twice as many outputs
        for layer, share in zip(model[:3], shares, strict=True):
            with torch.no_grad():
                y = layer(x if layer.in_channels == 16 else torch.randn(8, 32, 12, 12))
            assert float(y.var()) == pytest.approx(gain**2 * share, rel=0.25), (scheme, layer)
    assert initialize(model, "lecun")["2"].fan_in == 32 * 16 / 4


def test_it_says_what_it_did_and_what_it_left():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn, self.head, self.spare = nn.Embedding(9, 4), nn.LSTM(4, 4), nn.Linear(4, 9), nn.Linear(4, 4)
            self.head.weight = self.embed.weight

        def forward(self, x):
            return self.head(self.rnn(self.embed(x))[0])

    model = Tagger()
    spare = model.spare.weight.clone()
    found = initialize(model, inputs=torch.randint(9, (5, 2)))
    assert [one.name for one in found.layers] == ["head"]
    assert found.unreached == ("spare",)
    assert model.spare.weight.equal(spare)
    assert found.left == ("rnn.weight_ih_l0", "rnn.weight_hh_l0")
    first, *_, reached, left = str(found).splitlines()
    assert first.split() == ["layer", "scheme", "fed", "by", "fan-in", "fan-out", "gain", "std", "variance"]
    assert reached == "not reached, left as they were: spare"
    assert "rnn.weight_hh_l0" in left


def test_looking_for_activations_changes_nothing_but_the_weights():
    model = convolutional()
    buffers, state = [b.clone() for b in model.buffers()], torch.get_rng_state()
    initialize(model, inputs=X, generator=torch.Generator().manual_seed(0))
    assert all(b.equal(old) for b, old in zip(model.buffers(), buffers, strict=True))
    assert torch.get_rng_state().equal(state)


def test_the_same_generator_draws_the_same_weights():
    one, two = convolutional(), convolutional()
    for model in (one, two):
        initialize(model, "orthogonal", "relu", generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(drawn(one), drawn(two), rtol=0, atol=0)


def test_parametrised_weights_and_half_precision_are_set():
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(64, 64)), nn.ReLU(), nn.Linear(64, 64)).to(torch.bfloat16)
    found = initialize(model, inputs=torch.randn(2, 64, dtype=torch.bfloat16))
    assert float(model[0].weight.detach().float().std()) == pytest.approx(1 / 8, rel=0.1)
    assert found["2"].activation == "relu"
    initialize(model, "orthogonal", "relu")
    w = model[2].weight.detach().float()
    torch.testing.assert_close(w @ w.T, 2 * torch.eye(64), rtol=0, atol=0.05)


def test_what_cannot_be_done_is_said_with_what_can():
    with pytest.raises(OptionError, match="'xavier'; there are fan-in, glorot, lecun, he, orthogonal"):
        initialize(convolutional(), "xavier")
    with pytest.raises(OptionError, match="no activation 'swish'"):
        initialize(convolutional(), "he", "swish")
    with pytest.raises(OptionError, match="activation='relu', or give inputs"):
        initialize(convolutional(), "he")
    with pytest.raises(OptionError, match="not both"):
        initialize(convolutional(), "he", "relu", inputs=X)
    with pytest.raises(OptionError, match="ReLU has no linear or convolutional layer"):
        initialize(nn.ReLU(), "lecun")
    with pytest.raises(OptionError, match="is lazy and has no weights yet"):
        initialize(nn.LazyLinear(3), "lecun")
