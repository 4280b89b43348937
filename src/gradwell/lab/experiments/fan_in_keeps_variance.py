"""How large first weights must be for a signal to keep its size through many layers without a bend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.layered import signals, size
from gradwell.lab.rows import Row, last


@dataclass(frozen=True)
class FanInKeepsVariance(Experiment):
    """Weights of standard deviation 1/sqrt(fan-in) keep a signal's size through linear layers; with half it dies, with twice it explodes.

    z_j = sum over i of w_ij a_i, so Var(z) = fan-in Var(w) E[a^2]: each layer multiplies the variance by fan-in Var(w), which is 1 for
    that deviation. Each of k layers multiplies the size by the deviation times sqrt(fan-in), the last one by that to the power of k.
    Tanh bends large values down: there the size is kept nearly, and shrinks as 1/sqrt(layers) rather than as a power of a factor.
    """

    id = "fan-in-keeps-variance"
    zh = "标准差为 1/sqrt(fan-in) 的权重，使信号穿过线性层时大小不变；减半则信号消失，加倍则信号爆炸。"
    question = 13
    source = "LeCun, Bottou, Orr and Mueller 1998 (Efficient BackProp); Glorot and Bengio 2010"
    rules = ("GW502", "GW105", "GW106")
    textbook = "1/sqrt(fan-in) keeps the variance through tanh layers, too; there it shrinks slowly, since |tanh(z)| < |z|."
    textbook_zh = "1/sqrt(fan-in) 穿过 tanh 层也能保持方差；但在那里方差会缓慢缩小，因为 |tanh(z)| < |z|。"
    quick = {"width": 128, "examples": 32}
    control = {"deviation": 0.5}
    charts = (
        Chart("Size of the signal by layer, weights with 1/2, 1 and 2 times the deviation", "layer", "size", by="weights", log_y=True,
              zh="各层信号的大小，权重取该标准差的 1/2、1 和 2 倍"),
        Chart("The same through tanh", "layer", "size_tanh", by="weights", log_y=True, zh="同上，穿过 tanh"),
    )

    deviation: Annotated[float, "standard deviation of the weights, times sqrt(fan-in)"] = 1.0
    depth: Annotated[int, "layers"] = 20
    width: Annotated[int, "units a layer"] = 256
    examples: Annotated[int, "examples"] = 128
    kept: Annotated[float, "times, at most, that the size changes from the first layer to the last where it is kept"] = 2.0

    def measure(self, seed: int) -> Iterator[Row]:
        """Send one batch up through weights of half the deviation, of the deviation itself and of twice the deviation."""
        for part in (0.5, 1.0, 2.0):
            torch.manual_seed(seed)
            linear, _ = signals("none", self.depth, self.width, self.examples, part * self.deviation)
            bent, _ = signals("tanh", self.depth, self.width, self.examples, part * self.deviation)
            for number, (z, t) in enumerate(zip(linear, bent, strict=True), 1):
                yield {"weights": f"{part:g}", "layer": number, "size": size(z) / size(linear[0]), "size_tanh": size(t) / size(bent[0])}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the size at the last layer is about that at the first with these weights, and neither with half nor with twice."""
        half, as_is, twice = (last(rows, "size", weights=weights) for weights in ("0.5", "1", "2"))
        tanh = last(rows, "size_tanh", weights="1")
        because = (f"the size at layer {self.depth} is {as_is} of that at layer 1 with weights of {self.deviation:g}/sqrt(fan-in), {half} "
                   f"with half of that, {twice} with twice; through tanh it is {tanh}")
        zh = (f"权重为 {self.deviation:g}/sqrt(fan-in) 时，第 {self.depth} 层的信号大小是第 1 层的 {as_is:zh} 倍，"
              f"减半时是 {half:zh} 倍，加倍时是 {twice:zh} 倍；穿过 tanh 时是 {tanh:zh} 倍")
        kept = 1 / self.kept < as_is.low and as_is.high < self.kept
        return Verdict(kept and half.high < 1 / self.kept and twice.low > self.kept, because, zh)
