"""Draws the pictures of the pages beside it: `python -m docs.pictures [activations] [lab] [recurrent] [translate]`.

The recurrent ones read film reviews (IMDB) for some minutes; the alignment is that of the translator which benchmarks/translate.py trains.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from docs import curves
from matplotlib.figure import Figure
from torch import Tensor, nn

from gradwell.nets.activations import ACTIVATIONS
from gradwell.nets.recurrent import LSTMGates, temporal_gradients, trace
from gradwell.translate.alignment import alignment
from gradwell.translate.translation import Translation

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
DATA = Path(os.environ.get("GRADWELL_DATA", ROOT.parent / "shared" / "data"))
TRANSLATOR = ROOT / "gradwell-runs" / "translators" / "de-en-additive"
WORDS, STEPS, HIDDEN, EPOCHS, BATCH = 8000, 100, 64, 3, 64
SENTENCE = "a slow start and wooden acting but the ending is brilliant and i loved every minute of it"
UNITS = 16  # of the LSTM, drawn
VALIDATION, EPOCHS_DRAWN = 1, (1, 2, 3, 4, 6, 12)  # which of the sentences that training keeps, and when
LAYERS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}


class Reader(nn.Module):
    """Says of a review, after its last word, whether it is good."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, HIDDEN)
        self.rnn = layer(HIDDEN, HIDDEN, batch_first=True)
        self.judge = nn.Linear(HIDDEN, 1)

    def forward(self, words: Tensor) -> Tensor:
        """Words (batch, time) to logits (batch)."""
        h, _ = self.rnn(self.embed(words))
        verdict: Tensor = self.judge(h[:, -1])[:, 0]
        return verdict


def reviews(part: str) -> tuple[list[list[str]], Tensor]:
    """The last words of each review that has enough of them, and whether it is good."""
    texts, good = [], []
    with gzip.open(DATA / "text" / f"imdb.{part}.txt.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            label, *words = line.split()
            words = [word for word in words if word.isalpha()]
            if len(words) >= STEPS:
                texts.append(words[-STEPS:])
                good.append(label == "__label__pos")
    return texts, torch.tensor(good).float()


def numbers(texts: Sequence[Sequence[str]], known: dict[str, int]) -> Tensor:
    """Words as numbers (texts, time); 0 is any word that is not known."""
    return torch.tensor([[known.get(word, 0) for word in text] for text in texts])


def learn(model: Reader, x: Tensor, good: Tensor) -> Reader:
    """Train it."""
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for epoch in range(EPOCHS):
        total = 0.0
        for some in torch.split(torch.randperm(len(x)), BATCH):
            loss = nn.functional.binary_cross_entropy_with_logits(model(x[some]), good[some])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += float(loss.detach()) * len(some)
        print(f"{type(model.rnn).__name__} epoch {epoch + 1}: loss {total / len(x):.3f}", file=sys.stderr)
    return model


def by_step(model: Reader, x: Tensor, good: Tensor) -> Tensor:
    """The size of dL/dh_t at every step, against that of the last (time)."""
    inputs = model.embed(x).detach()
    h, _ = model.rnn(inputs)
    h = h.detach().requires_grad_()
    loss = nn.functional.binary_cross_entropy_with_logits(model.judge(h[:, -1])[:, 0], good)  # it sees the last state alone
    (gradient,) = torch.autograd.grad(loss, h)
    size = temporal_gradients(model.rnn, inputs, gradient, lags=1)[0].h_norm
    return size / size[-1]


def draw_gradients(found: dict[str, dict[str, Tensor]]) -> None:
    """Gradient by time step, RNN, GRU and LSTM on one plot: before training and after it."""
    figure: Any = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, (when, lines) in zip(figure.subplots(1, len(found), sharey=True), found.items(), strict=True):
        for name, line in lines.items():
            axes.semilogy(range(1 - len(line), 1), line.clamp_min(1e-12), label=name)
        axes.set(title=when, xlabel="step (0: the last word)", ylim=(1e-12, 10))
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("size of dL/dh, the last step = 1")
    figure.axes[0].legend()
    figure.savefig(DOCS / "gradients-in-time.png", dpi=110)


def draw_gates(model: Reader, known: dict[str, int]) -> None:
    """Gates and cell of the units that matter most, and the running verdict, over the words of a sentence."""
    words = SENTENCE.split()
    seen = trace(model.rnn, model.embed(numbers([words], known)).detach())
    gates = seen[0]
    assert isinstance(gates, LSTMGates)
    verdict = torch.sigmoid(model.judge(gates.h))[:, 0, 0].detach()
    said = (gates.h[:, 0] * model.judge.weight[0]).detach().abs().amax(0)
    units = said.topk(UNITS).indices
    units = units[gates.memory_horizon()[units].argsort(descending=True)]
    figure: Any = Figure(figsize=(9, 8.5), layout="constrained")
    top, *rest = figure.subplots(4, 1, sharex=True, height_ratios=[1, 1.7, 1.7, 1.7])
    top.plot(verdict, "o-", color="#1f4e9c")
    top.axhline(0.5, color="#999", linewidth=0.8)
    top.set(ylim=(0, 1), ylabel="p(good)", title="An LSTM reads: its verdict after each word, and what 16 units do")
    panels = (("input gate i", gates.i, "Blues", (0, 1)), ("forget gate f", gates.f, "Blues", (0, 1)), ("cell c", gates.c, "RdBu", (-2, 2)))
    for axes, (name, part, colours, (low, high)) in zip(rest, panels, strict=True):
        image = axes.imshow(part[:, 0, units].T, cmap=colours, vmin=low, vmax=high, aspect="auto")
        axes.set(ylabel=name, yticks=[])
        figure.colorbar(image, ax=axes, pad=0.01)
    rest[-1].set_xticks(range(len(words)), words, rotation=50, ha="right")
    figure.savefig(DOCS / "gates.png", dpi=110)


def recurrent() -> None:
    """What docs/recurrent.md shows."""
    torch.manual_seed(0)
    texts, good = reviews("train")
    known = {word: i for i, (word, _) in enumerate(Counter(word for text in texts for word in text).most_common(WORDS - 1), 1)}
    x = numbers(texts, known)
    test, test_good = reviews("test")
    y = numbers(test, known)
    found: dict[str, dict[str, Tensor]] = {"before training": {}, "after training": {}}
    for name, layer in LAYERS.items():
        model = Reader(layer)
        found["before training"][name] = by_step(model, y[:64], test_good[:64])
        learn(model, x, good)
        found["after training"][name] = by_step(model, y[:64], test_good[:64])
        with torch.no_grad():
            right = torch.cat([model(part) > 0 for part in torch.split(y, 500)]).eq(test_good.bool()).float().mean()
        far = ", ".join(f"{when} {float(lines[name][-51]):.1e}" for when, lines in found.items())
        print(f"{name}: {float(right):.1%} right; what arrives 50 steps back: {far}")
        if name == "LSTM":
            draw_gates(model, known)
    draw_gradients(found)


def translate() -> None:
    """An alignment that appears over the epochs: a validation sentence of the translator that the benchmark trained."""
    kept = json.loads((TRANSLATOR / "alignments.json").read_text(encoding="utf-8"))
    sentence = kept["sentences"][VALIDATION]
    figure: Any = Figure(figsize=(11, 7.2), layout="constrained")
    for axes, epoch in zip(figure.subplots(2, 3).flat, EPOCHS_DRAWN, strict=True):
        weights = torch.tensor(kept["weights"][epoch - 1][VALIDATION])
        found = alignment(Translation("", sentence["source"], sentence["target"], [], weights, 0.0))
        axes.imshow(found.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(found.source)), found.source, rotation=60, ha="left", fontsize=8)
        axes.set_yticks(range(len(found.target)), found.target, fontsize=8)
        axes.xaxis.tick_top()
        axes.set_xlabel(f"after epoch {epoch}")
    figure.savefig(DOCS / "alignment-epochs.png", dpi=100)


def activations() -> None:
    """Value and derivative of every activation."""
    z = torch.linspace(-4, 4, 1601, dtype=torch.float64)
    figure: Any = Figure(figsize=(12, 6.2), layout="constrained")
    panels = figure.subplots(3, 6, sharex=True, sharey=True).flat
    for axes, one in zip(panels, ACTIVATIONS, strict=False):
        with torch.no_grad():
            axes.plot(z, one.layer().double()(z), color="#1f4e9c", linewidth=1.8, label="f(z)")
            axes.plot(z, one.derivative(z), color="#d1495b", linewidth=1.2, linestyle="--", label="f'(z)")
        axes.axhline(0, color="#999", linewidth=0.6)
        axes.axvline(0, color="#999", linewidth=0.6)
        axes.set(title=one.name, xlim=(-4, 4), ylim=(-2, 3))
    *_, last = panels = list(figure.axes)
    last.set_axis_off()
    last.legend(*panels[0].get_legend_handles_labels(), loc="center", frameon=False)
    figure.savefig(DOCS / "activations.png", dpi=100)


def lab() -> None:
    """The charts of all claims."""
    curves.draw(DOCS)


if __name__ == "__main__":
    for name in sys.argv[1:] or ["activations", "lab", "recurrent", "translate"]:
        {"activations": activations, "lab": lab, "recurrent": recurrent, "translate": translate}[name]()
