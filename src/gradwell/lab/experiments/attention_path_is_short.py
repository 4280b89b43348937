"""How much of the gradient of a late word reaches an early one, with attention and without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.nets.attention import attention

WITH, WITHOUT = "attention", "last state only"


@dataclass(frozen=True)
class AttentionPathIsShort(Experiment):
    """Attention carries the gradient of a late word to an early one in one step, so that orders of magnitude more of it arrive.

    c_t = sum over j of weight_tj h_j, so dc_t/dh_1 holds weight_t1, about 1/T before training: this gradient falls like 1/T. Through
    recurrent layers alone it is a product of Jacobians, one for each word read and each said, and falls exponentially. An encoder reads T
    words, its last state begins a decoder that says T words; measured is the norm of d y_T / d x_1, y_T being a random projection of
    what the decoder says last, all with first weights.
    """

    id = "attention-path-is-short"
    zh = "注意力一步就把靠后的词的梯度传到靠前的词，因此到达的梯度多出若干个数量级。"
    question = 14
    source = "Bahdanau, Cho and Bengio 2015; Vaswani et al. 2017 (Attention Is All You Need), table 1"
    rules = ("GW701",)
    quick = {"lengths": (5, 20)}
    control = {"near": True}
    charts = (Chart("Gradient of the last word said at the first word read", "length", "gradient", by="decoder", log_x=True, log_y=True,
                    zh="最后说出的词对最先读入的词的梯度"),)

    kind: Annotated[str, "attention"] = "additive"
    near: Annotated[bool, "whether attention may look at the last word only, whose state a decoder without it gets, too"] = False
    lengths: Annotated[tuple[int, ...], "words read, and as many said"] = (5, 10, 20, 40)
    hidden: Annotated[int, "units of the recurrent layers"] = 64
    batch: Annotated[int, "sentences"] = 16
    times: Annotated[float, "times the gradient with attention, at least, at the longest sentences"] = 100.0

    def measure(self, seed: int) -> Iterator[Row]:
        """Of each length one backward pass: the same encoder and decoder, with attention and with the encoder's last state in its stead."""
        torch.manual_seed(seed)
        encoder, decoder = (nn.LSTM(self.hidden, self.hidden, batch_first=True) for _ in range(2))
        attend = attention(self.kind, self.hidden, self.hidden)
        for length in self.lengths:
            x = torch.randn(self.batch, length, self.hidden, requires_grad=True)
            h, last = encoder(x)
            s, _ = decoder(torch.randn_like(x), last)  # (batch, length, hidden)
            seen = torch.arange(length).expand(self.batch, -1) >= (length - 1 if self.near else 0)
            contexts = {WITH: attend(s[:, -1], h, mask=seen)[0], WITHOUT: h[:, -1]}
            projection = torch.randn(self.batch, 2 * self.hidden)
            for name, c in contexts.items():
                y = (torch.cat([s[:, -1], c], -1) * projection).sum()
                grad, = torch.autograd.grad(y, x, retain_graph=True)
                yield {"length": length, "decoder": name, "gradient": float(grad[:, 0].norm())}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where attention brings `times` the gradient at the longest sentences."""
        short, long = min(self.lengths), max(self.lengths)

        def ratio(some: list[Row], above: tuple[int, str], below: tuple[int, str]) -> float:
            one, other = (numbers(some, "gradient", length=length, decoder=name)[0] for length, name in (above, below))
            return one / other

        more = over_seeds(rows, lambda some: ratio(some, (long, WITH), (long, WITHOUT)))
        left = {name: over_seeds(rows, lambda some, name=name: ratio(some, (long, name), (short, name))) for name in (WITH, WITHOUT)}  # type: ignore[misc]
        because = (f"at {long} words attention brings {more} times the gradient; of that at {short} words "
                   f"{left[WITH]} is left with attention, {left[WITHOUT]} without")
        zh = (f"{long} 个词时，有注意力的梯度是没有时的 {more:zh} 倍；与 {short} 个词时的梯度之比，"
              f"有注意力时为 {left[WITH]:zh}，没有时为 {left[WITHOUT]:zh}")
        return Verdict(more.low >= self.times, because, zh)
