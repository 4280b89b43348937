"""What a classifier can say about words it has never seen, by itself and by their n-grams of characters."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from gradwell.lab.classifier import Texts, right, trained
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.knobs import Least
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.lab.spread import Spread

VOWELS, CONSONANTS = "aeiou", "bdfgklmnprstvz"


@dataclass(frozen=True)
class NgramsOfCharactersReadUnseenWords(Experiment):
    """N-grams of characters give words that were never seen a vector and a meaning, where a vector for each word leaves them unread.

    vector(word) = mean of the rows of the word and of its n-grams of `shortest` to `longest` characters: a word never seen still shares
    n-grams with those that were. The language is made up: a word is a stem and an ending, each stem belongs to one topic, and the label is
    the topic. Of each stem some endings are kept out of training, and the texts measured on hold these words only.
    """

    id = "ngrams-of-characters-read-unseen-words"
    zh = "字符 n-gram 让从未见过的词也有向量和含义，而每词一个向量的做法读不懂这些词。"
    question = 8
    source = "Bojanowski et al. 2017 (Enriching Word Vectors with Subword Information)"
    quick = {"texts": 300, "held_out": 150}
    control = {"shortest": 0, "longest": 0}
    charts = (
        Chart("Texts of unseen words classified rightly", "classifier", "right", zh="由未见词组成的文本的分类准确率"),
        Chart("Unseen words that have a vector", "classifier", "read", zh="有向量的未见词所占比例"),
    )

    shortest: Annotated[int, "characters in the shortest n-gram", Least(0)] = 3
    longest: Annotated[int, "characters in the longest n-gram", Least(0)] = 5
    topics: Annotated[int, "labels"] = 5
    stems: Annotated[int, "stems a topic"] = 10
    endings: Annotated[int, "endings"] = 8
    kept_out: Annotated[int, "endings of each stem that are only measured on"] = 2
    length: Annotated[int, "words a text"] = 3
    texts: Annotated[int, "texts to learn from"] = 1000
    held_out: Annotated[int, "texts to measure on"] = 500
    dim: Annotated[int, "numbers in a vector"] = 16
    epochs: Annotated[int, "times that each text is learned from"] = 15
    rate: Annotated[float, "learning rate"] = 0.5
    bucket: Annotated[int, "rows for n-grams"] = 20_000
    margin: Annotated[float, "of the texts, more that are right with n-grams, at least"] = 0.3

    def measure(self, seed: int) -> Iterator[Row]:
        """Train with n-grams of characters and without; measure on texts of words that neither has seen."""
        chance = random.Random(seed)
        train, test = self.language(chance)
        for name, (minn, maxn) in {"words": (0, 0), "n-grams": (self.shortest, self.longest)}.items():
            classifier = trained(train, seed, minn=minn, maxn=maxn, dim=self.dim, epoch=self.epochs, lr=self.rate, bucket=self.bucket)
            unseen = {word for _, text in test for word in text.split()}
            read = sum(bool(classifier.get_word_vector(word).any()) for word in unseen) / len(unseen)
            yield {"classifier": name, "right": right(classifier, test), "read": read}

    def language(self, chance: random.Random) -> tuple[Texts, Texts]:
        """(topic, text) to learn from and to measure on; no word is in both."""
        syllables = [c + v for c in CONSONANTS for v in VOWELS]
        endings = chance.sample(syllables, self.endings)
        seen: list[list[str]] = []
        unseen: list[list[str]] = []
        for _ in range(self.topics):
            stems = ["".join(chance.choices(syllables, k=3)) for _ in range(self.stems)]
            words = [[stem + ending for ending in chance.sample(endings, self.endings)] for stem in stems]
            seen.append([word for forms in words for word in forms[self.kept_out :]])
            unseen.append([word for forms in words for word in forms[: self.kept_out]])

        def texts(words: list[list[str]], count: int) -> Texts:
            topics = chance.choices(range(self.topics), k=count)
            return [(f"topic{topic}", " ".join(chance.choices(words[topic], k=self.length))) for topic in topics]

        return texts(seen, self.texts), texts(unseen, self.held_out)

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where n-grams of characters get more of the texts right than words alone."""

        def one(some: list[Row], name: str, who: str) -> float:
            return numbers(some, name, classifier=who)[0]

        def found(name: str, who: str) -> Spread:
            return over_seeds(rows, lambda some: one(some, name, who))

        gain = over_seeds(rows, lambda some: one(some, "right", "n-grams") - one(some, "right", "words"))
        because = (f"of texts of unseen words {found('right', 'n-grams')} are right with n-grams of characters, "
                   f"{found('right', 'words')} without (chance: {1 / self.topics:.3g}); "
                   f"{found('read', 'n-grams')} and {found('read', 'words')} of the words have a vector")
        zh = (f"对由未见词组成的文本，用字符 n-gram 分对的占 {found('right', 'n-grams'):zh}，"
              f"不用时占 {found('right', 'words'):zh}，随机猜测为 {1 / self.topics:.3g}；"
              f"有向量的词分别占 {found('read', 'n-grams'):zh} 和 {found('read', 'words'):zh}")
        return Verdict(gain.low >= self.margin, because, zh)
