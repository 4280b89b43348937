"""Text classifiers and word vectors, as they are shared: a fastText model in Gradwell's own file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from gradwell.errors import DataError
from gradwell.folder import WEIGHTS
from gradwell.integrations.hub.kind import Score, Shared, some
from gradwell.text.FastText import _FastText
from gradwell.text.model import Model
from gradwell.text.options import Options


class Text(Shared):
    """A fastText model; `model` has fastText's own methods."""

    form, extra = "gradwell text", "text"
    unwatched = "Gradwell's doctor watches PyTorch. Text models are trained by compiled kernels of their own, which it does not watch."
    model: _FastText

    @staticmethod
    def load(folder: Path) -> _FastText:
        """The model."""
        return _FastText(folder / WEIGHTS)

    @property
    def own(self) -> Model:
        """The same with Gradwell's methods."""
        return self.model.model

    @property
    def task(self) -> str:
        """What it does, as the Hub calls it."""
        return "text-classification" if self.own.supervised else "feature-extraction"

    @property
    def summary(self) -> str:
        """What it is."""
        words, dim = self.own.dictionary.nwords, self.own.options.dim
        if not self.own.supervised:
            return f"Word vectors in the manner of fastText: {words:,} words, {dim} numbers each."
        names = [label.removeprefix(self.own.options.label) for label in self.own.labels]
        return (f"A text classifier in the manner of fastText: {words:,} words, vectors of {dim} numbers, "
                f"{len(names):,} labels: {some(names)}.")

    @property
    def options(self) -> Options:
        """The choices of its training."""
        return self.own.options

    @property
    def history(self) -> list[dict[str, Any]]:
        """The figures of each epoch."""
        return [dataclasses.asdict(epoch) for epoch in self.own.history]

    @property
    def learned(self) -> list[Score]:
        """What was measured while it was trained."""
        best = next((epoch for epoch in reversed(self.own.history) if epoch.best), None)
        found = (best.validation or {}) if best else {}
        return [Score(name, value, "the validation text") for name, value in found.items()]

    def measured(self, data: str) -> list[Score]:
        """What is measured now."""
        found = self.own.test(data)
        if not found.n:
            raise DataError(f"{data} holds no line with a label that the model knows; a line is `{self.own.labels[0]} and its words`")
        how = f"micro-averaged, the likeliest label of each of {found.n:,} lines"
        return [Score(name, value, Path(data).name, how)
                for name, value in (("precision", found.precision()), ("recall", found.recall()), ("f1", found.f1()))]

    def usage(self, name: str) -> tuple[str, str]:
        """How it is used, in Python and on the command line."""
        if self.own.supervised:
            return (f'model = from_pretrained("{name}")  # has the methods of fastText\nmodel.predict("a line of text", k=3)',
                    "gradwell text predict-prob model/model.safetensors lines.txt 3")
        return (f'model = from_pretrained("{name}")  # has the methods of fastText\nmodel.get_nearest_neighbors("word")',
                "gradwell text nn model/model.safetensors")
