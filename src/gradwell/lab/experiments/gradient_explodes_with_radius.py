"""What the spectral radius of the recurrent weights does to the gradient on its way back in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, last
from gradwell.nets.recurrent import RNN, temporal_gradients


@dataclass(frozen=True)
class GradientExplodesWithRadius(Experiment):
    """The gradient of an RNN explodes on its way back in time where the recurrent weights' spectral radius is well above 1.

    dL/dh_(t-1) = U^T (dL/dh_t * tanh'(z_t)). In a network at rest (no input) tanh' is 1 and the factor is the radius of U. Inputs
    and a radius above 1 drive the units into saturation, where tanh' is small, so that the radius must be well above 1 for the gradient
    to explode. Each radius is measured at rest and driven; the claim is judged at `radius`, driven.
    """

    id = "gradient-explodes-with-radius"
    zh = "循环权重的谱半径明显大于 1 时，RNN 的梯度会在沿时间回传的途中爆炸。"
    question = 6
    source = ("Pascanu, Mikolov and Bengio 2013 (On the difficulty of training recurrent neural networks); "
              "Sompolinsky, Crisanti and Sommers 1988 (Chaos in random neural networks)")
    textbook = "the gradient explodes as soon as the radius is above 1; that is so only while the units are not saturated"
    textbook_zh = "谱半径一超过 1，梯度就爆炸；这只在单元未饱和时成立"
    rules = ("GW702", "GW202")
    quick = {"batch": 4}
    control = {"radius": 0.9}
    charts = (
        Chart("Growth of the gradient a step back in time", "radius", "growth", by="network", zh="梯度每回传一步的增长倍数"),
        Chart("Gradient at each step, of that at the last", "step", "gradient", by="network", log_y=True,
              zh="各时间步的梯度与最后一步的梯度之比"),
    )

    radius: Annotated[float, "spectral radius of the recurrent weights, where the claim is judged"] = 2.0
    others: Annotated[tuple[float, ...], "spectral radii measured beside it"] = (0.7, 0.9, 1.1, 1.5)
    size: Annotated[float, "standard deviation of the input to each unit, where the network is driven"] = 0.1
    length: Annotated[int, "time steps"] = 60
    hidden: Annotated[int, "units"] = 64
    batch: Annotated[int, "sequences"] = 16
    explodes: Annotated[float, "growth a step, at least, to be called an explosion"] = 1.05

    def measure(self, seed: int) -> Iterator[Row]:
        """Send a random gradient back from the last output, with the same weights scaled to each radius."""
        for radius in sorted({*self.others, self.radius}):
            for network, size in (("at rest", 0.0), ("driven", self.size)):
                gradient = self.gradient(seed, radius, size)
                growth = (gradient[0] / gradient[-1]) ** (1 / (self.length - 1))
                yield {"radius": radius, "network": network, "growth": float(growth)}
                if radius == self.radius:
                    for step, part in enumerate((gradient / gradient[-1]).tolist(), 1):
                        yield {"network": network, "step": step, "gradient": part}

    def gradient(self, seed: int, radius: float, size: float) -> Tensor:
        """The size of dL/dh_t, (time,)."""
        torch.manual_seed(seed)
        layer = RNN(1, self.hidden, dtype=torch.float64)
        with torch.no_grad():
            u = layer.get_parameter("weight_hh_l0").normal_()
            u.mul_(radius / torch.linalg.eigvals(u).abs().max())
            layer.get_parameter("weight_ih_l0").normal_(0, size)
        x, dy = torch.randn(self.length, self.batch, 1).double(), torch.zeros(self.length, self.batch, self.hidden).double()
        dy[-1] = torch.randn(self.batch, self.hidden)
        return temporal_gradients(layer, x, dy, lags=1)[0].h_norm

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the driven network's gradient grows at every step."""
        rest, driven = (last(rows, "growth", network=network, radius=self.radius) for network in ("at rest", "driven"))
        whole = last(rows, "gradient", network="driven", step=1)
        because = (f"with radius {self.radius:g} the gradient grows {driven} times a step, {whole} times over {self.length} steps, where "
                   f"the network is driven, and {rest} times a step at rest")
        zh = (f"谱半径为 {self.radius:g} 时，有输入驱动的网络中梯度每回传一步变为 {driven:zh} 倍，{self.length} 步共变为 {whole:zh} 倍；"
              f"静息的网络中每步变为 {rest:zh} 倍")
        return Verdict(driven.low >= self.explodes, because, zh)
