"""How long fastText and a recurrent network take to learn from the same texts."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Annotated

import torch

from gradwell.lab.classifier import trained
from gradwell.lab.deep import Numbers, Reader, epochs
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.lab.tasks.docstrings import by_library


@dataclass(frozen=True)
class FasttextIsManyTimesFaster(Experiment):
    """FastText learns from a text many times faster than a recurrent network with vectors of the same size, on the same processor.

    fastText sums the vectors of n words and makes one product with the labels' matrix: (n + labels) d operations. A GRU makes a product
    with a matrix of 3 d x 2 d at every word and in each direction: 12 n d^2 operations, one word after the other. Both learn the same
    docstrings as many times, reading them included, in turn, on one thread. With vectors 256 times as long fastText does as many operations
    as the network, and the advantage is gone: that is the control.
    """

    id = "fasttext-is-many-times-faster"
    zh = "在同一处理器上，fastText 从文本中学习的速度，是向量大小相同的循环网络的许多倍。"
    question = 8
    source = "Joulin et al. 2016 (Bag of Tricks for Efficient Text Classification), table 2"
    quick = {"libraries": ("logging", "xml"), "longest": 15, "pairs": 1, "times": 3.0}
    control = {"dim": 8192}
    timed = True
    charts = (Chart("Seconds to learn the texts", "classifier", "seconds", zh="学习这些文本所需的秒数"),)

    libraries: Annotated[tuple[str, ...], "libraries of Python, one label each"] = ("email", "http", "logging", "xml")
    longest: Annotated[int, "words of a text that the network reads at the most"] = 30
    dim: Annotated[int, "numbers in a vector of fastText"] = 32
    units: Annotated[int, "numbers in a vector of the network, and units in each direction"] = 32
    batch: Annotated[int, "texts a step of the network"] = 64
    epochs: Annotated[int, "times that each text is learned from"] = 2
    pairs: Annotated[int, "times that both are timed, one after the other"] = 3
    times: Annotated[float, "times as long, at least, that the network takes"] = 5.0

    def measure(self, seed: int) -> Iterator[Row]:
        """Let both learn, once unmeasured so that all is compiled, then in pairs."""
        torch.manual_seed(seed)
        train, _ = by_library(self.libraries, random.Random(seed))

        def fast() -> None:
            trained(train, seed, dim=self.dim, epoch=self.epochs, lr=0.5)

        def deep() -> None:
            number = Numbers(train, self.longest)
            x, y = number.of(train)
            reader = Reader(len(number.words) + 1, len(number.labels), self.units)
            for _ in epochs(reader, x, y, 0.01, self.epochs, self.batch):
                pass

        for pair in range(self.pairs + 1):
            for name, learn in (("fastText", fast), ("recurrent network", deep)):
                started = time.perf_counter()
                learn()
                if pair:
                    yield {"classifier": name, "pair": pair, "seconds": time.perf_counter() - started}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the network takes `times` as long, by the median of a seed's pairs."""

        def ratio(some: list[Row]) -> float:
            fast, deep = (numbers(some, "seconds", classifier=name) for name in ("fastText", "recurrent network"))
            return median(d / f for f, d in zip(fast, deep, strict=True))

        slower = over_seeds(rows, ratio)
        fast, deep = (over_seeds(rows, lambda some, name=name: median(numbers(some, "seconds", classifier=name)))  # type: ignore[misc]
                      for name in ("fastText", "recurrent network"))
        because = f"the network takes {slower} times as long: {deep} s, fastText {fast} s"
        zh = f"网络所需的时间是 fastText 的 {slower:zh} 倍：网络 {deep:zh} 秒，fastText {fast:zh} 秒"
        return Verdict(slower.low >= self.times, because, zh)
