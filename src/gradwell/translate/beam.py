"""Beam search: the few best beginnings go on together, for many sentences at once.

rank = log p(y | x) / lp(y) + cp(x, y)                                    (Wu et al. 2016)
lp   = ((5 + |y|) / 6)^length_penalty
cp   = coverage_penalty * sum over source tokens of log min(attention it got, 1)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradwell.errors import OptionError
from gradwell.translate.greedy import longest, possible, read
from gradwell.translate.hypothesis import Hypothesis
from gradwell.translate.model import EncoderDecoder
from gradwell.translate.vocabulary import BOS, EOS


@dataclass(frozen=True)
class Beam:
    """How to search."""

    size: int = 5  # beginnings that go on together
    length_penalty: float = 1.0  # 0: short translations win; 1: the mean score of a token counts
    coverage_penalty: float = 0.0  # above 0: translations that leave source tokens out lose

    def __post_init__(self) -> None:
        """Complain about what is not possible."""
        if self.size < 1:
            raise OptionError(f"the beam is {self.size}; it must be 1 or more")
        for name in ("length_penalty", "coverage_penalty"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise OptionError(f"{name} is {getattr(self, name)}; it must be 0 or more")

    def rank(self, score: Tensor, tokens: Tensor | int, coverage: Tensor, there: Tensor) -> Tensor:
        """Scores, penalties applied: of coverage (..., source time), where `there` marks the tokens that are no padding."""
        long = ((5.0 + tokens) / 6.0) ** self.length_penalty
        if not self.coverage_penalty:
            return score / long
        covered = torch.where(there, coverage.clamp(1e-9, 1).log(), 0.0).sum(-1)
        return score / long + self.coverage_penalty * covered


@torch.inference_mode()
def beam_search(model: EncoderDecoder, sentences: list[list[int]], beam: Beam) -> list[list[Hypothesis]]:
    """The best translations of each sentence, the best first: as many as the beam is wide, fewer where fewer end in time."""
    device, k = model.decoder.bias.device, beam.size
    source, lengths = read(sentences, device)
    state, memory = model.begin(source, lengths)
    each = torch.arange(len(sentences), device=device).repeat_interleave(k)
    state, memory = state.select(each), memory.select(each)
    search = Search(sentences, lengths, beam, device)
    while search.rows:
        features, weights, state = model.decoder.step(search.token, state, memory)
        count = len(search.rows)
        keep = search.step(possible(model.decoder.logits(features)), weights, state.coverage)
        state = state.select(keep)
        if len(search.rows) < count:  # all beams of a sentence have the same memory
            memory = memory.select(keep)
    return search.found()


class Search:
    """The beams of some sentences: what goes on, and what has ended."""

    def __init__(self, sentences: list[list[int]], lengths: Tensor, beam: Beam, device: torch.device) -> None:
        self.beam, self.k, self.device = beam, beam.size, device
        self.lengths = lengths
        self.last = longest(lengths).tolist()
        self.rows = list(range(len(sentences)))  # sentences that are not over
        self.score = torch.full((len(sentences), self.k), -torch.inf, device=device)
        self.score[:, 0] = 0  # all begin alike: only one of them may go on
        self.token = torch.full((len(sentences) * self.k,), BOS, device=device)
        self.t = 0
        self.trail: list[Step] = []
        self.ended: list[list[tuple[float, int, int]]] = [[] for _ in sentences]  # rank, step, and place in the step
        self.there = torch.arange(int(lengths.max()), device=device)[None] < lengths[:, None].to(device)

    def step(self, logp: Tensor, weights: Tensor, coverage: Tensor) -> Tensor:
        """Choose what goes on, from the log-probabilities (beams, vocabulary); returns the beams it comes from."""
        k, n, size = self.k, len(self.rows), logp.shape[-1]
        self.t += 1
        total = self.score[:, :, None] + logp.view(n, k, size)
        best, place = total.flatten(1).topk(min(2 * k, k * size))  # (sentences, 2k): even if k of them end, k go on
        parent, token = place // size, place % size
        at = torch.arange(n, device=self.device)[:, None] * k + parent  # the beam that each comes from
        ranks = self.beam.rank(best, self.t, coverage[at], self.there[self.rows][:, None])
        ends = token == EOS
        self.trail.append(Step(listed(at), listed(token), listed(logp[at, token]), weights.cpu()))
        over = self.end(ends.tolist(), ranks.tolist(), best.tolist())
        going = best.masked_fill(ends, -torch.inf).topk(k).indices  # (sentences, k)
        stay = torch.tensor([i for i in range(n) if i not in over], dtype=torch.long, device=self.device)
        going = going[stay]
        self.trail[-1].kept = listed(stay[:, None] * best.shape[1] + going)
        self.rows = [self.rows[i] for i in stay.tolist()]
        self.score = best[stay].gather(1, going)
        self.token = token[stay].gather(1, going).flatten()
        return at[stay].gather(1, going).flatten()

    def end(self, ends: list[list[bool]], ranks: list[list[float]], scores: list[list[float]]) -> set[int]:
        """Note the translations that end at this step; returns which sentences are over."""
        over = set()
        for i, row in enumerate(self.rows):
            out_of_time = self.t >= self.last[row]
            width = len(ends[i])
            for j in range(width if out_of_time else self.k):
                if (ends[i][j] or (out_of_time and not self.ended[row] and j == 0)) and scores[i][j] > -torch.inf:
                    self.ended[row].append((ranks[i][j], self.t - 1, i * width + j))
            if len(self.ended[row]) >= self.k or out_of_time:
                over.add(i)
        return over

    def found(self) -> list[list[Hypothesis]]:
        """The translations that ended, from the best to the worst."""
        return [
            [self.told(rank, step, place, int(self.lengths[row])) for rank, step, place in sorted(ended, reverse=True)[: self.k]]
            for row, ended in enumerate(self.ended)
        ]

    def told(self, rank: float, t: int, place: int, width: int) -> Hypothesis:
        """A translation, from its end back to its beginning."""
        ids: list[int] = []
        scores: list[float] = []
        weights: list[Tensor] = []
        while True:
            step = self.trail[t]
            parent = step.parent[place]
            ids.append(step.token[place])
            scores.append(step.score[place])
            weights.append(step.weights[parent, :width])
            if t == 0:
                break
            t -= 1
            place = self.trail[t].kept[parent]
        return Hypothesis(ids[::-1], scores[::-1], torch.stack(weights[::-1]), rank)


class Step:
    """One step of all beams: where each candidate comes from, what it says, and which candidates went on."""

    def __init__(self, parent: list[int], token: list[int], score: list[float], weights: Tensor) -> None:
        self.parent, self.token, self.score, self.weights = parent, token, score, weights
        self.kept: list[int] = []


def listed(values: Tensor) -> list[Any]:
    """All values, in order."""
    return list(values.flatten().tolist())
