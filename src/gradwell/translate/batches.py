"""Sentences of like length together, so that little is padding; a batch holds so many tokens, not so many sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

from gradwell.errors import OptionError
from gradwell.translate.vocabulary import BOS, EOS, PAD

AT_MOST = 1000  # batches between two measurements


@dataclass(frozen=True)
class Batch:
    """Some pairs as numbers."""

    source: Tensor  # (batch, source time)
    lengths: Tensor  # (batch), of the sources
    given: Tensor  # (batch, target time): <s> and the target, what the decoder is fed
    wanted: Tensor  # (batch, target time): the target and </s>, what it should say

    def to(self, device: Any) -> Batch:
        """The same on another device; the lengths stay where packing needs them."""
        return Batch(self.source.to(device), self.lengths, self.given.to(device), self.wanted.to(device))


def padded(sentences: Sequence[Sequence[int]]) -> Tensor:
    """Sentences as rows of one matrix (batch, longest), filled up with <pad>."""
    out = torch.full((len(sentences), max(map(len, sentences), default=0)), PAD)
    for i, sentence in enumerate(sentences):
        out[i, : len(sentence)] = torch.tensor(sentence)
    return out


def batch_of(source: Sequence[Sequence[int]], target: Sequence[Sequence[int]]) -> Batch:
    """Pairs as one batch."""
    wanted = padded(target)
    given = torch.cat([torch.full((len(target), 1), BOS), wanted[:, :-1]], 1)
    given[given == EOS] = PAD  # it is never fed
    return Batch(padded(source), torch.tensor([len(sentence) for sentence in source]), given, wanted)


def cuts(source: Sequence[int], target: Sequence[int], order: Sequence[int], tokens: int) -> list[list[int]]:
    """Pairs in some order, cut so that each piece, padded, holds at most so many tokens on its longer side."""
    pieces: list[list[int]] = []
    piece: list[int] = []
    width = 0
    for i in order:
        wider = max(width, source[i], target[i])
        if piece and wider * (len(piece) + 1) > tokens:
            pieces.append(piece)
            piece, wider = [], max(source[i], target[i])
        piece.append(i)
        width = wider
    return [*pieces, piece] if piece else pieces


def evened(bounds: Sequence[int], parts: int) -> list[int]:
    """Where batches begin and end, with the largest of them halved until their number can be divided by `parts`."""
    found = list(bounds)
    while (len(found) - 1) % parts:
        size, first = max((b - a, a) for a, b in pairwise(found))
        if size < 2:
            break
        found = sorted([*found, first + size // 2])
    return found


class Batches:
    """The batches of each turn, in an order that the seed decides.

    A turn is an epoch, or a part of one that has more than AT_MOST batches: after each turn training is measured and saved. Of several
    processes each takes its share of the batches, as many as any other: together they see every pair once an epoch. (Where batches hold
    a single pair each and cannot be dealt out evenly, a few pairs, other ones each time, wait for the next epoch.)
    """

    def __init__(self, source: list[list[int]], target: list[list[int]], tokens: int, seed: int, shuffle: bool = True) -> None:
        self.source, self.target, self.seed, self.shuffle = source, target, seed, shuffle
        widths, heights = [len(s) for s in source], [len(t) for t in target]
        self.sizes = list(zip(widths, heights, strict=True))
        self.cuts = [0, *accumulate(map(len, cuts(widths, heights, sorted(range(len(source)), key=self.sizes.__getitem__), tokens)))]
        self.turn = -1  # which is under way
        self.turns = -(-(len(self.cuts) - 1) // AT_MOST) if shuffle else 1  # that make up an epoch
        self.share(0, 1)

    def share(self, rank: int, world: int) -> None:
        """Be one of so many processes. Raises OptionError when there is not a batch for each of them."""
        self.rank, self.world = rank, world
        self.cuts = evened(self.cuts, self.turns * world)
        if len(self.cuts) - 1 < self.turns * world > 1:
            raise OptionError(f"{len(self.sizes)} pairs cannot be dealt out to {world} processes; there must be a batch for each")

    def __len__(self) -> int:
        return (len(self.cuts) - 1) // self.turns // self.world

    def pieces(self) -> list[list[int]]:
        """Which pairs make up each batch of this turn."""
        random = torch.Generator().manual_seed(self.seed * 1_000_003 + self.turn // self.turns)
        chance = torch.randperm(len(self.sizes), generator=random).tolist() if self.shuffle else list(range(len(self.sizes)))
        order = sorted(range(len(self.sizes)), key=lambda i: (self.sizes[i], chance[i]))
        found = [order[a:b] for a, b in pairwise(self.cuts)]
        if self.shuffle:
            found = [found[i] for i in torch.randperm(len(found), generator=random).tolist()]
        first = self.turn % self.turns
        return found[first * self.world + self.rank :: self.turns * self.world][: len(self)]

    def __iter__(self) -> Iterator[Batch]:
        self.turn += 1
        for piece in self.pieces():
            yield batch_of([self.source[i] for i in piece], [self.target[i] for i in piece])
