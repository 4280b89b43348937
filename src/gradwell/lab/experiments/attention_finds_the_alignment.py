"""Whether the heaviest weight of a trained attention lies on the word that is being translated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.rows import Row, last
from gradwell.lab.tasks.translation import Language
from gradwell.lab.translator import Translator, right, training


@dataclass(frozen=True)
class AttentionFindsTheAlignment(Experiment):
    """Attention trained to translate, and told nothing else, mostly puts its heaviest weight on the very word that is translated.

    weight_tj = softmax over j of score(s_t, h_j). The language is made up, so that the place of the word that each word translates is
    known: all words of one kind come before all of the other, so a word's place depends on every other word. Measured is how often
    argmax over j of weight_tj is that place. Location attention, which scores places without looking at h_j, translates nearly as
    many words rightly, for h_j knows its neighbours, but its weights say little about the alignment.
    """

    id = "attention-finds-the-alignment"
    zh = "注意力只为翻译而训练，没有得到任何别的提示，却大多把最大的权重放在正被翻译的那个词上。"
    question = 14
    source = "Bahdanau, Cho and Bengio 2015, figure 3; Koehn and Knowles 2017 (Six Challenges for Neural Machine Translation)"
    textbook = "Weights are called alignments whatever the attention; they are so where it compares the decoder's state with what was read."
    textbook_zh = "不论哪种注意力，其权重都被称为对齐；只有把解码器的状态与读入的内容作比较的注意力，其权重才是对齐。"
    rules = ("GW801",)
    quick = {"kind": "dot", "words": 10, "hidden": 32, "steps": 80, "rate": 0.02, "held_out": 50, "aligned": 0.45}
    control = {"kind": "location"}
    charts = (
        Chart("Heaviest weights on the word that is translated", "step", "aligned", zh="最大权重落在被翻译的词上的比例"),
        Chart("Words translated rightly", "step", "right", zh="译对的词的比例"),
    )

    kind: Annotated[str, "attention"] = "additive"
    order: Annotated[str, "order of the words in the translation"] = "kinds"
    words: Annotated[int, "words of the language"] = 20
    length: Annotated[int, "words a sentence"] = 8
    hidden: Annotated[int, "units of the encoder and of the decoder"] = 48
    steps: Annotated[int, "updates"] = 500
    batch: Annotated[int, "sentences"] = 32
    rate: Annotated[float, "learning rate of Adam"] = 0.01
    held_out: Annotated[int, "sentences to measure on"] = 200
    aligned: Annotated[float, "of the heaviest weights on the right word, at least: most of them"] = 0.5

    def measure(self, seed: int) -> Iterator[Row]:
        """Train to translate; compare the weights on held-out sentences with the alignment that nobody told."""
        torch.manual_seed(seed)
        language = Language.of(self.words, self.order)
        held_out = language.sentences(self.held_out, self.length)
        translator = Translator(self.words, self.hidden, self.kind, self.length)
        untrained = right(translator, held_out)
        yield {"step": 0, "aligned": untrained.places, "right": untrained.words}
        for step in training(translator, language, (self.length,), self.rate, self.steps, self.batch):
            if step % max(1, self.steps // 10) == 0:
                found = right(translator, held_out)
                yield {"step": step, "aligned": found.places, "right": found.words}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the trained weights lie on the right words."""
        aligned, untrained, words = last(rows, "aligned"), last(rows, "aligned", step=0), last(rows, "right")
        because = (f"the heaviest weight of {self.kind} attention lies on the right word for {aligned} of the words, "
                   f"{untrained} before training; {words} of the words are translated rightly")
        zh = (f"{self.kind} 注意力的最大权重落在正确的词上的比例为 {aligned:zh}，训练前为 {untrained:zh}；"
              f"译对的词的比例为 {words:zh}")
        return Verdict(aligned.low >= self.aligned, because, zh)
