"""What recurrent networks copy of a few symbols, by how long they must hold them and by how their weights start."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.knobs import Least
from gradwell.lab.reader import errors, layer, least
from gradwell.lab.rows import Row
from gradwell.lab.tasks.copying import copying
from gradwell.nets.recurrent import Recurrent

USUAL, ORTHOGONAL, GATED = "RNN, started as usual", "RNN, started orthogonal", "LSTM"


class Copier(nn.Module):
    """p(y_k) = softmax(V h_t + b) at each of the last steps t, of which there is one for every symbol."""

    def __init__(self, layer: Recurrent, symbols: int, kinds: int) -> None:
        super().__init__()
        self.layer, self.head, self.symbols = layer, nn.Linear(layer.hidden_size, kinds), symbols

    def forward(self, x: Tensor) -> Tensor:
        """Scores (batch, kinds, symbols) of sequences (batch, time, inputs)."""
        scores: Tensor = self.head(self.layer(x)[0][:, -self.symbols :])
        return scores.transpose(1, 2)


@dataclass(frozen=True)
class CopyingByLength(Experiment):
    """The longer the delay, the less a plain RNN, started as usual, copies; from orthogonal weights it copies all, sooner than an LSTM.

    Of S kinds of symbols K are shown, nothing comes for T steps, then the K are asked for. A guess has the cross-entropy ln S; what is
    left is given in parts of it. h_t = tanh(W x_t + U h_(t-1)): as torch draws U, it shrinks what passes at each step, and an orthogonal U
    does not. The LSTM starts orthogonal, too, with forget gates open for about as long (bias ln (K + T)). All train for the same steps at
    every delay, with each of several learning rates, and each is judged by its best. The control has short delays alone.
    """

    id = "copying-by-length"
    zh = "延迟越长，按常规初始化的普通 RNN 能复制的越少；从正交权重出发，它全都能复制，而且比 LSTM 更早学会。"
    question = 5
    source = ("Hochreiter and Schmidhuber 1997 (Long short-term memory); Arjovsky, Shah and Bengio 2016 (Unitary evolution recurrent "
              "neural networks, arXiv 1511.06464), section 4.1; Henaff, Szlam and LeCun 2016 (Recurrent orthogonal networks and "
              "long-memory tasks)")
    textbook = "a plain RNN cannot bridge long delays, and gates are the remedy; here it is its usual start that cannot"
    textbook_zh = "普通 RNN 跨不过很长的延迟，补救的办法是门；而在这里，跨不过去的是它的常规初始化"
    rules = ("GW701", "GW605")
    quick = {"delays": (1, 12), "steps": 60, "rates": (0.01,)}
    control = {"delays": (1, 2)}
    charts = (
        Chart("Cross-entropy at the end of the training, of that of a guess", "delay", "best", by="network",
              zh="训练结束时的交叉熵（以猜测的交叉熵为单位）"),
        Chart("Cross-entropy while learning with the longest delay", "step", "loss", by="training", zh="以最长的延迟学习时的交叉熵"),
    )

    delays: Annotated[tuple[int, ...], "blank steps"] = (2, 10, 30)
    symbols: Annotated[int, "symbols to copy"] = 2
    kinds: Annotated[int, "kinds of symbols", Least(2)] = 4
    hidden: Annotated[int, "units"] = 32
    batch: Annotated[int, "sequences a step"] = 32
    steps: Annotated[int, "steps of training"] = 180
    rates: Annotated[tuple[float, ...], "learning rates of Adam"] = (0.003, 0.01, 0.03)
    learned: Annotated[float, "of a guess's cross-entropy, below which the symbols are copied"] = 0.1
    lost: Annotated[float, "of a guess's cross-entropy, above which they are not"] = 0.3

    def measure(self, seed: int) -> Iterator[Row]:
        """Train each network for each delay with each rate from the same seed, on the same sequences."""
        for delay in self.delays:
            networks: dict[str, tuple[str, dict[str, Any]]] = {
                USUAL: ("rnn", {"orthogonal": False}),
                ORTHOGONAL: ("rnn", {"orthogonal": True}),
                GATED: ("lstm", {"orthogonal": True, "forget_bias": math.log(self.symbols + delay)}),
            }
            for network, (cell, options) in networks.items():
                left = []
                for rate in self.rates:
                    torch.manual_seed(seed)
                    model = Copier(layer(cell, self.kinds + 2, self.hidden, **options), self.symbols, self.kinds)
                    batch = partial(copying, self.batch, self.symbols, self.kinds, delay, torch.Generator().manual_seed(seed))
                    for step, loss in errors(model, batch, self.steps, rate, every=15, loss=functional.cross_entropy):
                        if delay == max(self.delays):
                            yield {"training": f"{network}, rate {rate:g}", "step": step, "loss": loss / math.log(self.kinds)}
                    left.append(loss / math.log(self.kinds))
                    yield {"network": network, "delay": delay, "rate": rate, "left": left[-1]}
                yield {"network": network, "delay": delay, "best": min(left)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the usual start loses the longest delay and not the shortest, and there only the orthogonal start has learned."""
        short, long = min(self.delays), max(self.delays)
        near = least(rows, "left", network=USUAL, delay=short)
        usual, orthogonal, gated = (least(rows, "left", network=network, delay=long) for network in (USUAL, ORTHOGONAL, GATED))
        because = (f"of a guess's cross-entropy, the RNN started as usual leaves {near} at {short} steps of delay and {usual} at {long}, "
                   f"where the RNN started orthogonal leaves {orthogonal} and the LSTM {gated}")
        zh = (f"以猜测的交叉熵为单位，按常规初始化的 RNN 在延迟 {short} 步时剩下 {near:zh}，在 {long} 步时剩下 {usual:zh}，"
              f"此时正交初始化的 RNN 剩下 {orthogonal:zh}，LSTM 剩下 {gated:zh}")
        return Verdict(near.high < self.learned < gated.low and orthogonal.high < self.learned and usual.low > self.lost, because, zh)
