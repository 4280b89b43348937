"""What hierarchical softmax costs in accuracy, with few labels and with many."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from gradwell.lab.classifier import right, trained
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.lab.tasks.docstrings import by_file


@dataclass(frozen=True)
class HierarchicalSoftmaxCostsAccuracy(Experiment):
    """Hierarchical softmax buys its speed with accuracy: the more labels there are, the more texts it gets wrong that softmax gets right.

    softmax: p(k) = exp(b_k x) / sum over l of exp(b_l x). Hierarchical: p(k) = product over the nodes n on the way to leaf k of
    sigmoid(+-b_n x), and the tree is Huffman's, which joins labels by how rare they are and not by what they mean: each node must tell
    apart two arbitrary sets of labels by one vector. The texts are docstrings of Python's own libraries, the label is the file that one is
    from. Each loss is measured at the best of the `rates`.
    """

    id = "hierarchical-softmax-costs-accuracy"
    zh = "层次 softmax 用准确率换速度：标签越多，softmax 分对而它分错的文本就越多。"
    question = 8
    source = "Joulin et al. 2016; Mnih and Hinton 2008 (A Scalable Hierarchical Distributed Language Model)"
    textbook = "It is commonly taught as a faster softmax, as though it answered the same."
    textbook_zh = "通常把它当作更快的 softmax 来讲，仿佛两者给出的答案相同。"
    quick = {"libraries": ("email", "tkinter", "idlelib"), "labels": (2, 50), "rates": (1.0,), "epochs": 15, "cost": 0.02}
    control = {"labels": (2,)}
    charts = (Chart("Docstrings classified rightly by the number of labels", "labels", "right", by="loss", log_x=True,
                    zh="不同标签数下文档字符串的分类准确率"),)

    libraries: Annotated[tuple[str, ...], "libraries of Python"] = (
        "asyncio", "email", "http", "idlelib", "importlib", "logging", "multiprocessing", "tkinter", "unittest", "urllib", "xml",
    )
    labels: Annotated[tuple[int, ...], "files, those with most docstrings"] = (2, 10, 50, 150)
    dim: Annotated[int, "numbers in a vector"] = 32
    epochs: Annotated[int, "times that each text is learned from"] = 25
    rates: Annotated[tuple[float, ...], "learning rates, of which the best counts"] = (0.25, 0.5, 1.0)
    cost: Annotated[float, "of the texts, more that hierarchical softmax gets wrong with the most labels, at least"] = 0.03

    def measure(self, seed: int) -> Iterator[Row]:
        """Train with both losses on the files with most docstrings, more and more of them."""
        for count in self.labels:
            train, test = by_file(self.libraries, count, random.Random(seed))
            for loss in ("softmax", "hs"):
                for rate in self.rates:
                    classifier = trained(train, seed, loss=loss, dim=self.dim, epoch=self.epochs, lr=rate)
                    yield {"labels": count, "loss": loss, "rate": rate, "right": right(classifier, test)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where softmax gets more right with the most labels, and gains less with the fewest."""
        fewest, most = min(self.labels), max(self.labels)

        def best(some: list[Row], loss: str, labels: int) -> float:
            return max(numbers(some, "right", labels=labels, loss=loss))

        def cost(some: list[Row], labels: int) -> float:
            return best(some, "softmax", labels) - best(some, "hs", labels)

        softmax, tree = (over_seeds(rows, lambda some, loss=loss: best(some, loss, most)) for loss in ("softmax", "hs"))  # type: ignore[misc]
        few, many = (over_seeds(rows, lambda some, labels=labels: cost(some, labels)) for labels in (fewest, most))  # type: ignore[misc]
        grown = over_seeds(rows, lambda some: cost(some, most) - cost(some, fewest))
        because = (f"with {most} labels softmax gets {softmax} of the texts right and hierarchical softmax {tree}, which costs {many}; "
                   f"with {fewest} it costs {few}")
        zh = (f"{most} 个标签时，softmax 分对的文本占 {softmax:zh}，层次 softmax 占 {tree:zh}，代价为 {many:zh}；"
              f"{fewest} 个标签时代价为 {few:zh}")
        return Verdict(many.low >= self.cost and grown.low > 0, because, zh)
