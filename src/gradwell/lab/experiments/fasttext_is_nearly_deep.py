"""How often fastText and a recurrent network are right about the same texts, and what an answer costs each."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch.utils.flop_counter import FlopCounterMode

from gradwell.errors import OptionError
from gradwell.lab.classifier import Texts, right, trained
from gradwell.lab.deep import NONE, Numbers, Reader, epochs
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.lab.tasks.docstrings import by_library
from gradwell.lab.tasks.order import ordered

FAST, DEEP = "fastText", "recurrent network"
TASKS = ("docstrings", "order")


@dataclass(frozen=True)
class FasttextIsNearlyDeep(Experiment):
    """Where words tell the topic, fastText is about as often right as a network that reads them in order, at a fraction of the cost.

    fastText: p = softmax(B x), x the mean of n + n vectors of words and bigrams. Deep: a GRU in both directions, its maximum over
    time, softmax. The texts are some 1,700 docstrings of Python, tested on files not learned from; the label is the library. Each side is
    measured at its best rate, the network at its best epoch, too. The cost is the multiply-adds of an answer: of fastText rows times dim to
    sum and labels times dim, of the network its matrix products as PyTorch counts them.
    """

    id = "fasttext-is-nearly-deep"
    zh = "当词语本身就能表明主题时，fastText 的正确率与按顺序读词的网络相近，而成本只是后者的一小部分。"
    question = 8
    source = "Joulin et al. 2016 (Bag of Tricks for Efficient Text Classification), tables 1 and 2"
    quick = {"libraries": ("email", "logging", "xml"), "longest": 15, "deep_epochs": 3, "deep_rates": (0.02,), "batch": 32,
             "texts": 700, "margin": 0.1}
    control = {"task": "order"}
    charts = (
        Chart("Texts classified rightly", "classifier", "right", zh="分类正确的文本的比例"),
        Chart("Texts that the network classifies rightly while training", "epoch", "right so far", by="rate",
              zh="训练中网络分类正确的文本的比例"),
        Chart("Multiply-adds of an answer", "classifier", "cost", zh="得出一个答案的乘加次数"),
    )

    task: Annotated[str, "docstrings, or order: which of two words comes first, with others between them"] = "docstrings"
    libraries: Annotated[tuple[str, ...], "libraries of Python, one label each"] = (
        "asyncio", "email", "http", "logging", "unittest", "tkinter", "xml",
    )
    texts: Annotated[int, "texts of the task order, a quarter of them to measure on"] = 1200
    longest: Annotated[int, "words of a text that the network reads at the most"] = 30
    dim: Annotated[int, "numbers in a vector and units in each direction"] = 32
    fast_epochs: Annotated[int, "times that fastText learns from each text"] = 15
    fast_rates: Annotated[tuple[float, ...], "learning rates of fastText, of which the best counts"] = (0.25, 0.5, 1.0)
    deep_epochs: Annotated[int, "times that the network learns from each text"] = 8
    deep_rates: Annotated[tuple[float, ...], "learning rates of Adam, of which the best counts"] = (0.005, 0.015)
    batch: Annotated[int, "texts a step of the network"] = 64
    margin: Annotated[float, "of the texts, that the network may get right more, at the most"] = 0.03
    times: Annotated[float, "times the cost of fastText, at least, that the network has"] = 20.0

    def measure(self, seed: int) -> Iterator[Row]:
        """Train both; count what an answer costs on some of the texts measured on."""
        torch.manual_seed(seed)
        train, test = self.data(random.Random(seed))
        for rate in self.fast_rates:
            classifier = trained(train, seed, dim=self.dim, epoch=self.fast_epochs, lr=rate, wordNgrams=2, bucket=100_000)
            yield {"classifier": FAST, "rate": rate, "right": right(classifier, test)}
        number = Numbers(train, self.longest)
        (x, y), (test_x, test_y) = number.of(train), number.of(test)
        for rate in self.deep_rates:
            reader = Reader(len(number.words) + 1, len(number.labels), self.dim)
            best = 0.0
            for epoch in epochs(reader, x, y, rate, self.deep_epochs, self.batch):
                with torch.no_grad():
                    now = float((reader(test_x).argmax(1) == test_y).double().mean())
                best = max(best, now)
                yield {"rate": rate, "epoch": epoch, "right so far": now}
            yield {"classifier": DEEP, "rate": rate, "right": best}
        model, some = classifier.model, test[:20]
        rows = sum(len(model.dictionary.line(text.encode() + b"\n", model.options, b"__label__")[0]) for _, text in some)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            for words in test_x[: len(some)]:
                reader(words[: max(1, int((words != NONE).sum()))][None])
        yield {"classifier": FAST, "cost": (rows / len(some) + len(number.labels)) * self.dim}
        yield {"classifier": DEEP, "cost": counter.get_total_flops() / 2 / len(some)}

    def data(self, chance: random.Random) -> tuple[Texts, Texts]:
        """(label, text) to learn from and to measure on."""
        if self.task not in TASKS:
            raise OptionError(f"{self.task!r} is no task of this experiment; the tasks are {', '.join(TASKS)}")
        if self.task == "docstrings":
            return by_library(self.libraries, chance)
        texts = ordered(self.texts, fillers=12, gap=4, kinds=10, generator=chance)
        return texts[self.texts // 4 :], texts[: self.texts // 4]

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the network is right little more often, and costs many times as much."""

        def best(some: list[Row], who: str) -> float:
            return max(numbers(some, "right", classifier=who))

        def ratio(some: list[Row]) -> float:
            return numbers(some, "cost", classifier=DEEP)[0] / numbers(some, "cost", classifier=FAST)[0]

        fast, deep = (over_seeds(rows, lambda some, who=who: best(some, who)) for who in (FAST, DEEP))  # type: ignore[misc]
        lead = over_seeds(rows, lambda some: best(some, DEEP) - best(some, FAST))
        dearer = over_seeds(rows, ratio)
        because = (f"fastText is right about {fast} of the texts, the network about {deep}: a lead of {lead}, "
                   f"at {dearer} times the multiply-adds")
        zh = (f"fastText 分类正确的文本的比例为 {fast:zh}，网络为 {deep:zh}：网络领先 {lead:zh}，"
              f"乘加次数是 fastText 的 {dearer:zh} 倍")
        return Verdict(lead.high <= self.margin and dearer.low >= self.times, because, zh)
