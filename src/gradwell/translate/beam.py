"""Beam search: the few best beginnings go on together, for many sentences at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gradwell.translate.greedy import longest, possible, read
from gradwell.translate.hypothesis import Hypothesis
from gradwell.translate.model import EncoderDecoder
from gradwell.translate.ranking import LEAST, Beam
from gradwell.translate.vocabulary import BOS, EOS


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
        ranks = self.beam.rank(best, self.t, self.covered(coverage[at]))
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

    def covered(self, coverage: Tensor) -> Tensor | None:
        """How fully the source tokens have been attended to, from their coverage (sentences, candidates, source time)."""
        there = self.there[self.rows][:, None]  # no padding
        return torch.where(there, coverage.clamp(LEAST, 1).log(), 0.0).sum(-1) if self.beam.coverage_penalty else None

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
