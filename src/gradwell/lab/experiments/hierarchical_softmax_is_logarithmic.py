"""How many rows of the output matrix one example needs, with softmax and with a Huffman tree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from gradwell.errors import OptionError
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.text.tree import Tree


@dataclass(frozen=True)
class HierarchicalSoftmaxIsLogarithmic(Experiment):
    """Hierarchical softmax needs no more than about log2 n of the n rows of the output matrix for an example, softmax needs all of them.

    An example whose label is k needs the inner nodes on the way from the root of the Huffman tree to leaf k, each of which has a row. Of
    labels with shares p_k it needs H = -sum p_k log2 p_k rows at the least and H + 1 at the most, on average, and H <= log2 n: frequent
    labels have short ways. Counts are drawn from Zipf's law, and the rows of every label are counted in the tree of gradwell.text.
    """

    id = "hierarchical-softmax-is-logarithmic"
    zh = "对一个样本，层次 softmax 至多用到输出矩阵 n 行中的约 log2 n 行，softmax 则要用全部 n 行。"
    question = 8
    source = "Huffman 1952; Morin and Bengio 2005 (Hierarchical Probabilistic Neural Network Language Model); Joulin et al. 2016"
    quick = {"labels": (10, 1000)}
    control = {"loss": "softmax"}
    charts = (
        Chart("Rows of the output matrix that an example needs", "labels", "rows", log_x=True, log_y=True, zh="一个样本用到的输出矩阵行数"),
        Chart("The same against the entropy of the labels", "entropy", "rows", zh="同上，横轴为标签的熵"),
    )

    loss: Annotated[str, "hs or softmax"] = "hs"
    labels: Annotated[tuple[int, ...], "labels"] = (10, 100, 1000, 10_000, 100_000)
    exponent: Annotated[float, "of Zipf's law: the k-th label's share is about 1 / k to this power; 0: all are equal"] = 1.0
    examples: Annotated[int, "examples a label, on average"] = 20

    def measure(self, seed: int) -> Iterator[Row]:
        """Draw how many examples each label has; count the rows that each of them needs."""
        if self.loss not in ("hs", "softmax"):
            raise OptionError(f"{self.loss!r} is no loss of this experiment; hs and softmax are")
        chance = np.random.default_rng(seed)
        for n in self.labels:
            law = np.arange(1, n + 1) ** -self.exponent
            counts = np.sort(1 + chance.multinomial(self.examples * n, law / law.sum()))[::-1].astype(np.int64)
            rows = np.diff(Tree.of(counts).paths()[2]) if self.loss == "hs" else np.full(n, n)
            p = counts / counts.sum()
            yield {"labels": n, "rows": int(counts @ rows) / int(counts.sum()), "entropy": float(-(p @ np.log2(p)))}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where no number of labels needs more than log2 n + 1 rows."""
        most = max(self.labels)
        above = over_seeds(rows, lambda some: max(float(row["rows"]) - math.log2(int(row["labels"])) for row in some))
        needed, entropy = (over_seeds(rows, lambda some, name=name: numbers(some, name, labels=most)[0])  # type: ignore[misc]
                           for name in ("rows", "entropy"))
        because = (f"with {most:,} labels, whose log2 is {math.log2(most):.3g}, an example needs {needed} rows; "
                   f"the labels' entropy is {entropy} bits, softmax needs {most:,}")
        zh = (f"{most:,} 个标签（log2 为 {math.log2(most):.3g}）时，一个样本用到 {needed:zh} 行；"
              f"标签的熵为 {entropy:zh} 比特，softmax 要用 {most:,} 行")
        return Verdict(above.high <= 1.0, because, zh)
