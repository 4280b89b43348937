"""GW802: words attend to padding."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from gradwell.doctor import signals
from gradwell.doctor.evidence import reading
from gradwell.doctor.finding import Finding
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule
from gradwell.doctor.run import Run


@dataclass(frozen=True)
class AttentionOnPadding(Rule):
    """Weight that words give to padding is noise that depends on how long the longest sentence of the batch happens to be.

    Padding is known from embeddings with a padding_idx; or from lengths or a mask that the model is given, or from words that only ever end
    sentences, and then more of it is added, to see what weight it gets. What padding itself attends to does not matter.
    """

    code = "GW802"
    name = "attention-on-padding"
    kind = "error"
    signals = (signals.ATTENTION_PADDING, signals.PADDED)
    cause = "The attention has no mask for padding, one that is the wrong way round, or one of another batch."
    remedy = ("Pass key_padding_mask=(tokens == padding_idx) to nn.MultiheadAttention (src_key_padding_mask to nn.TransformerEncoder; True "
              "means ignored), or scores.masked_fill(mask, float('-inf')) before the softmax.")
    source = "torch.nn.MultiheadAttention documentation, key_padding_mask; Vaswani et al. 2017 (arXiv 1706.03762), masked softmax"
    consequences = ("GW801",)

    most: Annotated[float, "share of the weight of words that goes to padding"] = 0.01
    moves: Annotated[float, "how far an output moves for it, relative to how much outputs differ"] = 1e-3

    def check(self, record: Record) -> Iterator[Finding]:
        """Ask for padding with weight in training, or else where more of it was added."""
        found = [*self.in_training(record)]
        yield from found or self.added(record)

    def added(self, record: Record) -> Iterator[Finding]:
        """Padding that was added in a second look, that words gave weight to, and that moved what the model says."""
        for site in record.sites("call"):
            looks = list(record.facts(signals.PADDED.name, site))
            if not looks or not all(look["moved"] > self.moves and max(look["weights"], default=0) > self.most for _, look in looks):
                continue
            step, look = looks[-1]
            known = {"lengths": "The model is given the lengths of its sentences", "mask": "The model is given a mask of its padding",
                     "": "Sentences end in padding"}[look["declared"]]
            yield self.finding(
                f"{known}, and yet {max(look['weights']):.0%} of a word's weight went to padding that was added.",
                site.where, (looks[0][0], step),
                {"places that were added": f"{look['more']} to {look['steps']}", "places that are padding": f"{look['share']:.0%}",
                 "share of a word's weight": max(look["weights"]), "how far outputs moved, relative to their differences": look["moved"]})

    def in_training(self, record: Record) -> Iterator[Finding]:
        """Ask for padding with weight at most looks; the attention with the largest share speaks for all."""
        sick = []
        for site in record.sites("attention"):
            shares = record.series(signals.ATTENTION_PADDING.name, site)
            if len(shares) >= 2 and sum(share > self.most for _, share in shares) > 0.8 * len(shares):
                sick.append((statistics.median(share for _, share in shares), site, shares))
        if not sick:
            return
        share, site, shares = max(sick, key=lambda found: found[0])
        more = f"; so it is in {len(sick) - 1} other places" if len(sick) > 1 else ""
        yield self.finding(
            f"In sentences with padding, {share:.0%} of the weight that words give goes to padding{more}.",
            site.where, (shares[0][0], shares[-1][0]),
            {"share of the weight": reading(shares), "looks": len(shares),
             "places": {str(place.where): value for value, place, _ in sick}})

    def example(self, sick: bool) -> Run:
        """Is there a 3 in a sentence of two to eight words? The sick attention is not told which words are padding."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        lengths = torch.randint(2, 9, (96,))
        words = torch.randint(1, 8, (96, 8))
        words[torch.arange(8) >= lengths[:, None]] = 0
        y = (words == 3).any(1).long()

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embed = nn.Embedding(8, 16, padding_idx=0)
                self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
                self.head = nn.Linear(16, 2)

            def forward(self, words: torch.Tensor) -> Any:
                x, mask = self.embed(words), words == 0
                ignored = mask
                if sick:
                    ignored = torch.zeros_like(mask)
                x = x + self.attention(x, x, x, key_padding_mask=ignored)[0]
                return self.head((x.masked_fill(mask[..., None], 0.0)).sum(1))

        model = Net()
        batches = [(words[i:i + 32], y[i:i + 32]) for i in range(0, 96, 32)]
        return Run(model, torch.optim.Adam(model.parameters(), lr=0.005), batches, nn.functional.cross_entropy, epochs=12)
