"""What all the derivatives of a net cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.utils.flop_counter import FlopCounterMode

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import network
from gradwell.lab.rows import Row, numbers, over_seeds


@dataclass(frozen=True)
class BackpropagationCostsTwoForwards(Experiment):
    """Backpropagation finds the derivatives of all weights at the cost of two forward passes or less, however many weights there are.

    Forward, a layer makes one product, W a. Backward it makes two: W^T delta to go on, and delta a^T for its own weights (the first layer
    spares the former). Each delta is used for a whole matrix of weights. Without that, a derivative for each weight takes a forward pass
    for each weight: (L(w + h) - L(w)) / h. Floating-point operations are counted, not timed.
    """

    id = "backpropagation-costs-two-forwards"
    zh = "不论有多少个权重，反向传播求出所有权重的导数，代价都不超过两次前向传播。"
    question = 12
    source = "Rumelhart, Hinton and Williams 1986; Baur and Strassen 1983 (The complexity of partial derivatives)"
    quick = {"widths": (4, 32), "depth": 3}
    control = {"use_deltas": False, "widths": (2, 4, 8)}  # narrow nets, since it takes so long
    charts = (Chart("Cost of all derivatives, in forward passes", "weights", "forward_passes", log_x=True, log_y=True,
                    zh="求所有导数的代价，以前向传播的次数计"),)

    use_deltas: Annotated[bool, "backpropagation, and not a forward pass for each weight"] = True
    widths: Annotated[tuple[int, ...], "units a layer, of several nets"] = (8, 32, 128, 512)
    depth: Annotated[int, "layers"] = 4
    examples: Annotated[int, "examples"] = 32
    dear: Annotated[float, "forward passes, at most, that all derivatives may cost"] = 2.0

    def measure(self, seed: int) -> Iterator[Row]:
        """Count the operations of one forward pass, and of all derivatives, for nets of several widths."""
        for width in self.widths:
            torch.manual_seed(seed)
            net = network("tanh", *[width] * (self.depth + 1))
            x, y = torch.randn(self.examples, width), torch.randn(self.examples, width)
            weights = [layer.weight for layer in net if isinstance(layer, nn.Linear)]
            with FlopCounterMode(display=False) as forward:
                loss = mse_loss(net(x), y)
            with FlopCounterMode(display=False) as backward:
                if self.use_deltas:
                    torch.autograd.grad(loss, weights)
                else:
                    one_by_one(net, x, y, weights, float(loss.detach()))
            yield {"width": width, "weights": sum(w.numel() for w in weights),
                   "forward_passes": backward.get_total_flops() / forward.get_total_flops()}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the derivatives cost no more than two forward passes in every net, the largest included."""
        most = over_seeds(rows, lambda some: max(numbers(some, "forward_passes")))
        weights = numbers(rows, "weights")
        because = f"nets of {min(weights):.0f} to {max(weights):.0f} weights pay at most {most} forward passes for all derivatives"
        zh = f"有 {min(weights):.0f} 至 {max(weights):.0f} 个权重的网络，求所有导数的代价最多为 {most:zh} 次前向传播"
        return Verdict(most.high <= self.dear, because, zh)


@torch.no_grad()
def one_by_one(net: nn.Module, x: Tensor, y: Tensor, weights: Sequence[Tensor], loss: float, step: float = 1e-3) -> list[Tensor]:
    """The derivative of each weight, from the loss with that weight changed."""
    found = []
    for weight in weights:
        slope, flat = torch.empty(weight.numel()), weight.view(-1)
        for i in range(len(flat)):
            flat[i] += step
            slope[i] = (float(mse_loss(net(x), y)) - loss) / step
            flat[i] -= step
        found.append(slope.view_as(weight))
    return found
