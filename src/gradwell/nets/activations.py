"""The activations there are: value, derivative, range, and where each stands between zero-centred and not.

torch has the layers; what it lacks is written down here: each derivative as a formula of z, and what follows from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gradwell.errors import OptionError

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@dataclass(frozen=True)
class Activation:
    """An activation a = f(z), applied to each number by itself.

    layer: builds torch's layer with its defaults. derivative: f'(z), of the same shape as z; at a kink what torch takes.
    low, high: the least and the largest value that f comes to or comes near to.
    """

    name: str
    formula: str
    slope: str
    layer: Callable[[], nn.Module]
    derivative: Callable[[Tensor], Tensor]
    low: float
    high: float
    source: str

    @property
    def saturates(self) -> str:
        """At which ends the derivative goes to 0, so that no gradient comes through: "no", "below", "above" or "both"."""
        left, right = (float(self.derivative(torch.tensor([z], dtype=torch.float64)).abs()) < 1e-6 for z in (-50.0, 50.0))
        return {(False, False): "no", (True, False): "below", (False, True): "above", (True, True): "both"}[left, right]

    @property
    def mean(self) -> float:
        """The mean output for standard normal z; 0 for a zero-centred activation."""
        return expected(self.layer().double())

    @property
    def zero_centred(self) -> bool:
        """Whether the mean output for standard normal z is 0, so that the weights above may all move either way."""
        return abs(self.mean) < 1e-6

    @property
    def gain(self) -> float:
        """By what weights must be larger than 1/sqrt(fan-in) for the signal to keep its size: 1 / sqrt(E[f(z)^2]), z standard normal."""
        layer = self.layer().double()
        return 1 / math.sqrt(expected(lambda z: layer(z).square()))

    @property
    def carry(self) -> float:
        """Which share of a small excess in a signal's size one layer passes on: E[z f(z) f'(z)] / E[f(z)^2], z standard normal.

        Below 1 the size returns to where weights of the right gain keep it; at 1 it stays as it is, as with ReLU; above 1, as with GELU
        and SiLU, large signals grow and small ones shrink from layer to layer, and only a normalisation layer holds them.
        """
        f = self.layer().double()
        return expected(lambda z: z * f(z) * self.derivative(z)) / expected(lambda z: f(z).square())


def expected(f: Callable[[Tensor], Tensor], most: float = 12.0, points: int = 400_001) -> float:
    """The mean of f(z) for standard normal z, by the trapezoidal rule."""
    z = torch.linspace(-most, most, points, dtype=torch.float64)
    with torch.no_grad():
        return float(torch.trapezoid(f(z) * torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi), z))


def sigmoid_slope(z: Tensor) -> Tensor:
    """s(z) (1 - s(z)), at most 1/4."""
    s = z.sigmoid()
    return s * (1 - s)


def above(z: Tensor, otherwise: float | Tensor = 0.0) -> Tensor:
    """1 above zero, something else at and below it."""
    return torch.where(z > 0, torch.ones_like(z), torch.as_tensor(otherwise, dtype=z.dtype).expand_as(z))


def between(z: Tensor, low: float, high: float, slope: float = 1.0) -> Tensor:
    """A slope between two kinks, 0 beyond them."""
    return slope * ((z > low) & (z < high)).to(z.dtype)


def gelu_slope(z: Tensor) -> Tensor:
    """Phi(z) + z phi(z), the normal distribution and its density."""
    return (1 + torch.erf(z / math.sqrt(2))) / 2 + z * torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)


def silu_slope(z: Tensor) -> Tensor:
    """s(z) (1 + z (1 - s(z)))."""
    s = z.sigmoid()
    return s * (1 + z * (1 - s))


def mish_slope(z: Tensor) -> Tensor:
    """With t = tanh(softplus(z)): t + z s(z) (1 - t^2)."""
    t = nn.functional.softplus(z).tanh()
    return t + z * z.sigmoid() * (1 - t.square())


def hardswish_slope(z: Tensor) -> Tensor:
    """0 below -3, 1 above 3, (2 z + 3) / 6 between."""
    return torch.where(z >= 3, torch.ones_like(z), torch.where(z <= -3, torch.zeros_like(z), (2 * z + 3) / 6))


INF = math.inf
ACTIVATIONS: tuple[Activation, ...] = (
    Activation("sigmoid", "1 / (1 + exp(-z))", "a (1 - a)", nn.Sigmoid, sigmoid_slope, 0, 1, "Cybenko 1989"),
    Activation("tanh", "tanh(z)", "1 - a^2", nn.Tanh, lambda z: 1 - z.tanh().square(), -1, 1, "LeCun et al. 1998, Efficient BackProp"),
    Activation("relu", "max(0, z)", "1 if z > 0 else 0", nn.ReLU, above, 0, INF, "Nair and Hinton 2010; Glorot et al. 2011"),
    Activation("leaky_relu", "z if z > 0 else z / a, a = 100", "1 if z > 0 else 1 / a", nn.LeakyReLU, lambda z: above(z, 0.01),
               -INF, INF, "Maas et al. 2013"),
    Activation("prelu", "z if z > 0 else w z, w learned from 0.25", "1 if z > 0 else w", nn.PReLU, lambda z: above(z, 0.25),
               -INF, INF, "He et al. 2015, arXiv 1502.01852"),
    Activation("rrelu", "z if z > 0 else r z, r drawn from [1/8, 1/3]; in eval mode their mean", "1 if z > 0 else r",
               lambda: nn.RReLU().eval(), lambda z: above(z, (1 / 8 + 1 / 3) / 2), -INF, INF, "Xu et al. 2015, arXiv 1505.00853"),
    Activation("elu", "z if z > 0 else exp(z) - 1", "1 if z > 0 else exp(z)", nn.ELU, lambda z: above(z, z.clamp(max=0).exp()),
               -1, INF, "Clevert et al. 2016, arXiv 1511.07289"),
    Activation("selu", "1.0507 (z if z > 0 else 1.6733 (exp(z) - 1))", "1.0507 (1 if z > 0 else 1.6733 exp(z))", nn.SELU,
               lambda z: SELU_SCALE * above(z, SELU_ALPHA * z.clamp(max=0).exp()), -SELU_SCALE * SELU_ALPHA, INF,
               "Klambauer et al. 2017, arXiv 1706.02515"),
    Activation("gelu", "z Phi(z)", "Phi(z) + z phi(z)", nn.GELU, gelu_slope, -0.1699713, INF,
               "Hendrycks and Gimpel 2016, arXiv 1606.08415"),
    Activation("silu", "z s(z), s the sigmoid", "s + z s (1 - s)", nn.SiLU, silu_slope, -0.2784645, INF,
               "Elfwing et al. 2018, arXiv 1702.03118; swish, arXiv 1710.05941"),
    Activation("mish", "z tanh(softplus(z))", "t + z s (1 - t^2), t = tanh(softplus(z))", nn.Mish, mish_slope, -0.3088436, INF,
               "Misra 2019, arXiv 1908.08681"),
    Activation("softplus", "ln(1 + exp(z))", "s(z), the sigmoid", nn.Softplus, torch.sigmoid, 0, INF, "Dugas et al. 2001"),
    Activation("softsign", "z / (1 + |z|)", "1 / (1 + |z|)^2", nn.Softsign, lambda z: (1 + z.abs()).pow(-2), -1, 1,
               "Glorot and Bengio 2010"),
    Activation("hardtanh", "z cut to [-1, 1]", "1 if -1 < z < 1 else 0", nn.Hardtanh, lambda z: between(z, -1, 1), -1, 1,
               "Collobert 2004"),
    Activation("relu6", "z cut to [0, 6]", "1 if 0 < z < 6 else 0", nn.ReLU6, lambda z: between(z, 0, 6), 0, 6,
               "Howard et al. 2017, arXiv 1704.04861"),
    Activation("hardsigmoid", "(z + 3) / 6 cut to [0, 1]", "1/6 if -3 < z < 3 else 0", nn.Hardsigmoid,
               lambda z: between(z, -3, 3, 1 / 6), 0, 1, "Howard et al. 2019, arXiv 1905.02244"),
    Activation("hardswish", "z hardsigmoid(z)", "(2 z + 3) / 6 if -3 < z < 3 else 0 or 1", nn.Hardswish, hardswish_slope,
               -0.375, INF, "Howard et al. 2019, arXiv 1905.02244"),
)


def activation(name: str) -> Activation:
    """The activation of a name.

    Raises OptionError when there is none.
    """
    for one in ACTIVATIONS:
        if one.name == name:
            return one
    raise OptionError(f"there is no activation {name!r}; there are {', '.join(one.name for one in ACTIVATIONS)}")


class Maxout(nn.Module):
    """The largest of several linear functions of the input: an activation that learns its own shape.

    a_j = max_k (x W_jk + b_jk), for x (..., inputs) and a (..., outputs), k = 1 .. pieces

    Two pieces, one of them 0, are a ReLU; there is no flat part by construction. Goodfellow et al. 2013, arXiv 1302.4389.
    """

    def __init__(self, inputs: int, outputs: int, pieces: int = 2, bias: bool = True) -> None:
        super().__init__()
        if pieces < 2:
            raise OptionError(f"maxout takes the largest of 2 pieces or more, not of {pieces}")
        self.pieces = pieces
        self.linear = nn.Linear(inputs, outputs * pieces, bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        z: Tensor = self.linear(x)
        return z.reshape(*z.shape[:-1], -1, self.pieces).amax(-1)

    def extra_repr(self) -> str:
        """The number of pieces."""
        return f"pieces={self.pieces}"
