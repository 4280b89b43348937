"""Whether a bag of words, and a bag of n-grams, can tell which of two words comes first."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from gradwell.lab.classifier import right, trained
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.knobs import Least
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.lab.tasks.order import ordered, shuffled


@dataclass(frozen=True)
class NgramsKeepWordOrder(Experiment):
    """A mean of word vectors cannot tell which of two words comes first; n-grams of words can, where n reaches from one to the other.

    x = mean of the vectors of all words and n-grams, p = softmax(B x): the mean of words alone is the same in any order. The text's
    label is which of two words comes first; all else is chance, and both words are in every text. Between the two stand `gaps` others.
    """

    id = "ngrams-keep-word-order"
    zh = "词向量的平均分不清两个词谁先谁后；词的 n-gram 可以，只要 n 大到能同时覆盖这两个词。"
    question = 8
    source = "Joulin et al. 2016 (Bag of Tricks for Efficient Text Classification); Wang and Manning 2012 (Baselines and Bigrams)"
    quick = {"gaps": (0,), "ngrams": (1, 2), "texts": 500}
    control = {"shuffle": True}
    charts = (Chart("Texts classified rightly by the words between the two", "gap", "right", by="n", zh="两词间隔不同词数时的分类准确率"),)

    shuffle: Annotated[bool, "whether the words of each text are put in any order"] = False
    gaps: Annotated[tuple[int, ...], "words between the two", Least(0)] = (0, 1, 2)
    ngrams: Annotated[tuple[int, ...], "words in the longest n-gram"] = (1, 2, 3, 4)
    fillers: Annotated[int, "other words a text, at least 6 more than stand between the two", Least(6)] = 10
    kinds: Annotated[int, "different words that the others are drawn from"] = 10
    texts: Annotated[int, "texts to learn from"] = 3000
    held_out: Annotated[int, "texts to measure on"] = 500
    dim: Annotated[int, "numbers in a vector"] = 16
    epochs: Annotated[int, "times that each text is learned from"] = 15
    rate: Annotated[float, "learning rate"] = 0.5
    bucket: Annotated[int, "rows for n-grams"] = 100_000
    margin: Annotated[float, "of the texts, more that are right where n-grams reach, at least"] = 0.2

    def measure(self, seed: int) -> Iterator[Row]:
        """Train a classifier with each length of n-grams on texts of each gap."""
        chance = random.Random(seed)
        for gap in self.gaps:
            texts = ordered(self.texts + self.held_out, self.fillers, gap, self.kinds, chance)
            texts = shuffled(texts, chance) if self.shuffle else texts
            train, test = texts[: self.texts], texts[self.texts :]
            for n in self.ngrams:
                classifier = trained(train, seed, wordNgrams=n, dim=self.dim, epoch=self.epochs, lr=self.rate, bucket=self.bucket)
                yield {"gap": gap, "n": n, "right": right(classifier, test)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the worst that reaches from one word to the other beats the best that does not."""

        def right_where(some: list[Row], reaches: bool) -> list[float]:
            return numbers([row for row in some if (int(row["n"]) >= int(row["gap"]) + 2) == reaches], "right")

        reach = over_seeds(rows, lambda some: min(right_where(some, reaches=True)))
        short = over_seeds(rows, lambda some: max(right_where(some, reaches=False)))
        gain = over_seeds(rows, lambda some: min(right_where(some, reaches=True)) - max(right_where(some, reaches=False)))
        because = (f"at the least {reach} of the texts are right where n-grams reach from word to word, "
                   f"at the most {short} where they do not (chance: 0.5)")
        zh = f"n-gram 能覆盖两个词时，分对的文本至少占 {reach:zh}；不能时至多占 {short:zh}，随机猜测为 0.5"
        return Verdict(gain.low >= self.margin, because, zh)
