"""A deep text classifier to hold fastText against: it reads the words in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

Texts = Sequence[tuple[str, str]]  # (label, text)
NONE = 0  # the number of padding


class Reader(nn.Module):
    """p = softmax(W max over t of h_t), h_t = [GRU forwards; GRU backwards] of the words' vectors (Lai et al. 2015)."""

    def __init__(self, words: int, labels: int, size: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, size, padding_idx=NONE)
        self.drop = nn.Dropout(0.3)
        self.gru = nn.GRU(size, size, batch_first=True, bidirectional=True)
        self.choose = nn.Linear(2 * size, labels)

    def forward(self, words: Tensor) -> Tensor:
        """Scores (batch, labels) of texts (batch, time)."""
        h, _ = self.gru(self.drop(self.embed(words)))  # (batch, time, 2 size)
        best: Tensor = self.choose(h.masked_fill((words == NONE)[:, :, None], -1.0).amax(1))
        return best


class Numbers:
    """Words and labels as numbers, by those of the texts that are learned from."""

    def __init__(self, texts: Texts, longest: int) -> None:
        self.words = {word: i for i, word in enumerate(dict.fromkeys(word for _, text in texts for word in text.split()), NONE + 1)}
        self.labels = {label: i for i, label in enumerate(dict.fromkeys(label for label, _ in texts))}
        self.longest = longest

    def of(self, texts: Texts) -> tuple[Tensor, Tensor]:
        """Words (texts, longest), of each text the first `longest` without those never seen, and labels (texts,)."""
        words = torch.zeros(len(texts), self.longest, dtype=torch.long)
        for row, (_, text) in zip(words, texts, strict=True):
            known = [self.words[word] for word in text.split() if word in self.words][: self.longest]
            row[: len(known)] = torch.tensor(known, dtype=torch.long)
        return words, torch.tensor([self.labels[label] for label, _ in texts])


def epochs(reader: Reader, x: Tensor, y: Tensor, rate: float, count: int, batch: int) -> Iterator[int]:
    """Train by Adam; gives the epochs done after each, with the reader ready to be measured."""
    optimizer = torch.optim.Adam(reader.parameters(), rate)
    for epoch in range(count):
        reader.train()
        for rows in torch.split(torch.randperm(len(x)), batch):
            words = x[rows]
            loss = nn.functional.cross_entropy(reader(words[:, : int((words != NONE).sum(1).max().clamp(min=1))]), y[rows])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        reader.eval()
        yield epoch + 1
