"""How much of a translation each kind of attention gets right."""

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
class AttentionVariantsDifferLittle(Experiment):
    """Additive, dot, scaled dot, general and multi-head attention differ far less from each other than from no attention at all.

    They differ in the score: v tanh(W s + U h), s h, s h / sqrt(d), s W h, and several of these side by side; each weighs by softmax and
    sums. All have the same encoder and decoder, the same number of updates, and each is measured at the best of the `rates`. All still
    improve when training ends: part of what is between them is how soon they learn.
    """

    id = "attention-variants-differ-little"
    zh = "加性、点积、缩放点积、双线性（general）和多头注意力彼此之间的差别，远小于它们与完全没有注意力之间的差别。"
    question = 14
    source = "Luong, Pham and Manning 2015; Britz et al. 2017 (Massive Exploration of Neural Machine Translation Architectures)"
    rules = ("GW801",)
    quick = {"kinds": ("dot", "scaled-dot"), "steps": 60, "rates": (0.02,), "held_out": 50, "times": 1.0}
    control = {"kinds": ("dot", "fixed")}
    charts = (
        Chart("Words translated rightly", "kind", "right", zh="译对的词的比例"),
        Chart("Words translated rightly while training, at the first rate", "step", "right so far", by="kind",
              zh="训练中译对的词的比例，用第一个学习率"),
    )

    kinds: Annotated[tuple[str, ...], "kinds of attention; fixed: none, which is measured in any case"] = (
        "additive", "dot", "scaled-dot", "general", "multi-head",
    )
    order: Annotated[str, "order of the words in the translation"] = "reversed"
    words: Annotated[int, "words of the language"] = 20
    length: Annotated[int, "words a sentence"] = 8
    hidden: Annotated[int, "units of the encoder and of the decoder"] = 32
    steps: Annotated[int, "updates"] = 200
    batch: Annotated[int, "sentences"] = 32
    rates: Annotated[tuple[float, ...], "learning rates of Adam, of which the best counts"] = (0.01, 0.02)
    held_out: Annotated[int, "sentences to measure on"] = 200
    times: Annotated[float, "times as far as the best kind is from the worst, at least, that the worst is from no attention"] = 2.0

    def measure(self, seed: int) -> Iterator[Row]:
        """Train a translator with each kind at each rate; measure it on held-out sentences."""
        torch.manual_seed(seed)
        language = Language.of(self.words, self.order)
        held_out = language.sentences(self.held_out, self.length)
        for kind in dict.fromkeys((*self.kinds, FIXED)):
            for rate in self.rates:
                translator = Translator(self.words, self.hidden, kind, self.length)
                for step in training(translator, language, (self.length,), rate, self.steps, self.batch):
                    if rate == self.rates[0] and step % max(1, self.steps // 10) == 0:
                        yield {"kind": kind, "step": step, "right so far": right(translator, held_out).words}
                yield {"kind": kind, "rate": rate, "right": right(translator, held_out).words}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the kinds are closer to each other than the worst of them is to no attention."""

        def best(some: list[Row], kind: str) -> float:
            return max(numbers(some, "right", kind=kind))

        def apart(some: list[Row]) -> float:
            each = [best(some, kind) for kind in self.kinds]
            return max(each) - min(each)

        def gain(some: list[Row]) -> float:
            return min(best(some, kind) for kind in self.kinds) - best(some, FIXED)

        every = {kind: over_seeds(rows, lambda some, kind=kind: best(some, kind))  # type: ignore[misc]
                 for kind in dict.fromkeys((*self.kinds, FIXED))}
        between, above = over_seeds(rows, apart), over_seeds(rows, gain)
        because = (f"best and worst are {between} of the words apart, the worst is {above} above none: "
                   f"{', '.join(f'{found} with {kind}' for kind, found in every.items())}")
        zh = (f"以译对的词的比例计，最好与最差相差 {between:zh}，最差的比没有注意力高 {above:zh}："
              f"{'，'.join(f'{kind} 为 {found:zh}' for kind, found in every.items())}")
        return Verdict(over_seeds(rows, lambda some: gain(some) - self.times * apart(some)).low > 0, because, zh)
