"""How much of a sentence a decoder gets right from one fixed vector, and how much with attention, by the sentence's length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.lab.tasks.translation import Language
from gradwell.lab.translator import FIXED, Translator, right, training


@dataclass(frozen=True)
class FixedVectorForgetsLongSentences(Experiment):
    """A translator that squeezes a sentence into one vector gets long sentences wrong that attention, trained as long, gets right.

    Fixed: c_t = h_last at every step. Attention: c_t = sum over j of weight_tj h_j, another vector at every step. Both have the same
    encoder, decoder and sizes, see as many sentences of each length, and are measured at the better of the `rates`, on words that follow
    the right words before them.
    """

    id = "fixed-vector-forgets-long-sentences"
    zh = "把一个句子压缩成一个向量的翻译模型会译错长句，而训练同样久的注意力能译对这些长句。"
    question = 14
    source = "Cho et al. 2014 (On the Properties of Neural Machine Translation); Bahdanau, Cho and Bengio 2015, figure 2"
    rules = ("GW701",)
    quick = {"kind": "dot", "lengths": (1, 8), "hidden": 32, "batch": 32, "steps": 80, "rates": (0.02,), "held_out": 50, "lost": 0.1}
    control = {"lengths": (1, 2)}
    charts = (
        Chart("Words right by the length of the sentence", "length", "right", by="decoder", zh="不同长度的句子中译对的词的比例"),
        Chart("Words right in the longest sentences while training", "step", "longest right", by="decoder",
              zh="训练中最长的句子里译对的词的比例"),
    )

    kind: Annotated[str, "attention"] = "additive"
    order: Annotated[str, "order of the words in the translation"] = "same"
    words: Annotated[int, "words of the language"] = 20
    lengths: Annotated[tuple[int, ...], "words a sentence"] = (2, 4, 7, 10)
    hidden: Annotated[int, "units of the encoder and of the decoder"] = 48
    steps: Annotated[int, "updates, all lengths together"] = 600
    batch: Annotated[int, "sentences"] = 64
    rates: Annotated[tuple[float, ...], "learning rates of Adam, of which the best counts"] = (0.005, 0.015)
    held_out: Annotated[int, "sentences of each length, to measure on"] = 200
    lost: Annotated[float, "of the words, more at the longest sentences than at the shortest, that the fixed vector must lose"] = 0.2

    def measure(self, seed: int) -> Iterator[Row]:
        """Train both at each rate; measure the longest sentences now and then, all lengths at the end."""
        torch.manual_seed(seed)
        language = Language.of(self.words, self.order)
        held_out = {length: language.sentences(self.held_out, length) for length in self.lengths}
        for rate in self.rates:
            for kind in (FIXED, self.kind):
                who: Row = {"decoder": kind, "rate": rate}
                translator = Translator(self.words, self.hidden, kind, max(self.lengths))
                for step in training(translator, language, self.lengths, rate, self.steps, self.batch):
                    if step % max(1, self.steps // 10) == 0:
                        yield who | {"step": step, "longest right": right(translator, held_out[max(self.lengths)]).words}
                for length in self.lengths:
                    yield who | {"length": length, "right": right(translator, held_out[length]).words}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the fixed vector loses against attention, and loses more at the longest sentences than at the shortest."""
        short, long = min(self.lengths), max(self.lengths)

        def best(some: list[Row], kind: str, length: int) -> float:
            return max(numbers(some, "right", decoder=kind, length=length))

        def lost(some: list[Row], length: int) -> float:
            return best(some, self.kind, length) - best(some, FIXED, length)

        found = {(kind, length): over_seeds(rows, lambda some, kind=kind, length=length: best(some, kind, length))  # type: ignore[misc]
                 for kind in (FIXED, self.kind) for length in (short, long)}
        more = over_seeds(rows, lambda some: lost(some, long) - lost(some, short))
        because = (f"of sentences of {long} words {found[self.kind, long]} of the words are right with {self.kind} attention, "
                   f"{found[FIXED, long]} from a fixed vector; of {short} words {found[self.kind, short]} and {found[FIXED, short]}; "
                   f"the gap grows by {more}")
        zh = (f"{long} 个词的句子中译对的词的比例，用 {self.kind} 注意力为 {found[self.kind, long]:zh}，"
              f"用固定向量为 {found[FIXED, long]:zh}；"
              f"{short} 个词的句子中分别为 {found[self.kind, short]:zh} 和 {found[FIXED, short]:zh}；差距增大 {more:zh}")
        return Verdict(more.low >= self.lost, because, zh)
