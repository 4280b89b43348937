"""A small translator, with attention or with one fixed vector, and how it is trained on a made-up language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gradwell.lab.tasks.translation import Language, Sentences
from gradwell.nets.attention import attention

FIXED = "fixed"  # no attention: the encoder's last state is all that the decoder is shown


class Translator(nn.Module):
    """An encoder that reads in both directions, and a decoder (Cho et al. 2014; Bahdanau et al. 2015; Luong et al. 2015).

    h_j = GRU(x_j, h_(j-1)) in both directions       s_t = GRU(y_(t-1), s_(t-1)), s_0 = tanh(W h_last)
    c_t = sum over j of weight_tj h_j; where the vector is fixed, c_t = h_last
    p(y_t) = softmax(V [s_t; c_t])
    """

    def __init__(self, words: int, hidden: int, kind: str, longest: int) -> None:
        super().__init__()
        self.start = words  # the token before the first word
        self.read, self.said = nn.Embedding(words, hidden), nn.Embedding(words + 1, hidden)
        self.encoder = nn.GRU(hidden, hidden // 2, batch_first=True, bidirectional=True)
        self.first = nn.Linear(hidden // 2 * 2, hidden)
        self.decoder = nn.GRU(hidden, hidden, batch_first=True)
        options = {"longest": longest} if kind == "location" else {}
        self.attention = None if kind == FIXED else attention(kind, hidden, hidden // 2 * 2, **options)
        self.choose = nn.Linear(hidden + hidden // 2 * 2, words)

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Scores (batch, length, words) of every next word after the right ones before it, and weights (batch, length, length)."""
        h, last = self.encoder(self.read(source))
        last = last.transpose(0, 1).flatten(1)  # (batch, hidden)
        before = torch.cat([torch.full_like(target[:, :1], self.start), target[:, :-1]], 1)
        s, _ = self.decoder(self.said(before), torch.tanh(self.first(last))[None])
        if self.attention is None:
            c, weights = last[:, None].expand(-1, s.shape[1], -1), None
        else:
            c, weights = self.attention(s, h)
        return self.choose(torch.cat([s, c], -1)), weights


class Right(NamedTuple):
    """How much of sentences never seen is right."""

    words: float  # share of words translated rightly
    places: float  # share of words whose heaviest weight lies on the word that they translate; NaN without attention


def right(translator: Translator, held_out: Sentences) -> Right:
    """Measure a translator on sentences it has not seen."""
    with torch.no_grad():
        scores, weights = translator(held_out.source, held_out.target)
    words = (scores.argmax(-1) == held_out.target).double().mean()
    places = torch.tensor(torch.nan) if weights is None else (weights.argmax(-1) == held_out.alignment).double().mean()
    return Right(float(words), float(places))


def training(translator: Translator, language: Language, lengths: Sequence[int], rate: float, steps: int, batch: int) -> Iterator[int]:
    """Train by Adam on fresh sentences, each batch of one of the lengths in turn; gives the steps done after each."""
    optimizer = torch.optim.Adam(translator.parameters(), rate)
    for step in range(steps):
        sentences = language.sentences(batch, lengths[step % len(lengths)])
        scores, _ = translator(sentences.source, sentences.target)
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), sentences.target.flatten())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(translator.parameters(), 1.0)
        optimizer.step()
        yield step + 1
