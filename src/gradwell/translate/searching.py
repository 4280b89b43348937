"""Beam search in NumPy, for a model that goes on token by token; with a beam of one it is greedy search.

It finds what `beam.py` finds: the few best beginnings go on together, for many sentences at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gradwell.translate.hypothesis import Hypothesis
from gradwell.translate.ranking import LEAST, Beam
from gradwell.translate.vocabulary import BOS, EOS

Array = npt.NDArray[Any]
STATE = ("hidden", "cell", "feed", "coverage")


class Model(Protocol):
    """What is searched with."""

    def begin(self, sentences: list[list[int]]) -> dict[str, Array]:
        """The state before the first step and what it attends to, by name."""

    def go_on(self, token: Array, known: dict[str, Array]) -> dict[str, Array]:
        """One token (beams) further: logp (beams, vocabulary), weights (beams, source time) and the next state, by name."""


@dataclass(frozen=True)
class Said:
    """The last token of a beginning of a translation, and what came before it."""

    before: Said | None
    token: int
    score: float  # log-probability
    weights: Array  # (source time)

    def whole(self, width: int, rank: float) -> Hypothesis:
        """The translation that ends here, of a source of so many tokens."""
        steps = [self]
        while (before := steps[-1].before) is not None:
            steps.append(before)
        steps.reverse()
        weights = np.stack([step.weights for step in steps])[:, :width]
        return Hypothesis([step.token for step in steps], [step.score for step in steps], weights, rank)


@dataclass(frozen=True)
class Candidates:
    """The tokens that may come next, for each sentence the best first: (sentences, candidates)."""

    parent: Array  # which of the sentence's beams each goes on from
    token: Array
    score: Array  # log-probability of the token
    weights: Array  # (sentences, candidates, source time)

    def said(self, i: int, j: int, beams: list[Said | None]) -> Said:
        """What sentence i has said with candidate j, from what its beams had said."""
        return Said(beams[self.parent[i, j]], int(self.token[i, j]), float(self.score[i, j]), self.weights[i, j])


def search(model: Model, sentences: list[list[int]], beam: Beam) -> list[list[Hypothesis]]:
    """The best translations of each sentence, the best first: as many as the beam is wide, fewer where fewer end in time."""
    k = beam.size
    known = {name: part.repeat(k, 0) for name, part in model.begin(sentences).items()}
    rows = list(range(len(sentences)))  # sentences that are not over
    score = np.full((len(rows), k), -np.inf, np.float32)
    score[:, 0] = 0  # all begin alike: only one of them may go on
    token = np.full(len(rows) * k, BOS)
    last: list[list[Said | None]] = [[None] * k for _ in rows]  # of each beam
    ended: list[list[Hypothesis]] = [[] for _ in rows]
    t = 0
    while rows:
        t += 1
        after = model.go_on(token, known)
        logp = after["logp"]
        total = (score[:, :, None] + logp.reshape(len(rows), k, -1)).reshape(len(rows), -1)
        best, place = highest(total, min(2 * k, total.shape[1]))  # (sentences, 2k): even if k of them end, k go on
        parent, tokens = np.divmod(place, logp.shape[1])
        at = np.arange(len(rows))[:, None] * k + parent  # the beam that each comes from
        found = Candidates(parent, tokens, logp[at, tokens], after["weights"][at])
        ends = tokens == EOS
        ranks = beam.rank(best, t, covered(after["next_coverage"][at], known["mask"][at]) if beam.coverage_penalty else None)
        chosen = np.argsort(ends, 1, kind="stable")[:, :k]  # the best that go on
        stay = []
        for i, row in enumerate(rows):
            width = len(sentences[row])
            late = t >= longest(width)
            for j in range(best.shape[1] if late else k):
                if (ends[i, j] or (late and j == 0 and not ended[row])) and best[i, j] > -np.inf:
                    ended[row].append(found.said(i, j, last[row]).whole(width, float(ranks[i, j])))
            last[row] = [found.said(i, j, last[row]) for j in chosen[i].tolist()]
            if len(ended[row]) < k and not late:
                stay.append(i)
        chosen, at, rows = chosen[stay], at[stay], [rows[i] for i in stay]
        score = np.take_along_axis(np.where(ends, -np.inf, best)[stay], chosen, 1)
        token = np.take_along_axis(tokens[stay], chosen, 1).ravel()
        keep = np.take_along_axis(at, chosen, 1).ravel()
        memory = known if len(keep) == len(logp) else {name: part[keep] for name, part in known.items()}  # a sentence's beams share it
        known = memory | {name: after[f"next_{name}"][keep] for name in STATE}
    return [sorted(ones, key=lambda one: -one.rank)[:k] for ones in ended]


def longest(tokens: int) -> int:
    """How many tokens a translation of so many may have."""
    return 2 * tokens + 10


def highest(values: Array, k: int) -> tuple[Array, Array]:
    """The k highest of each row, the highest first, and their places."""
    some = np.argpartition(-values, k - 1, 1)[:, :k]
    order = np.argsort(-np.take_along_axis(values, some, 1), 1, kind="stable")
    place = np.take_along_axis(some, order, 1)
    return np.take_along_axis(values, place, 1), place


def covered(coverage: Array, there: Array) -> Any:
    """How fully the source tokens that are there have been attended to: the sum of log min(coverage, 1) over the last axis."""
    return np.where(there, np.log(coverage.clip(LEAST, 1)), 0).sum(-1)
