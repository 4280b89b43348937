"""Texts typed into the page: their labels, what carried them, and the neighbours of a word."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from gradwell.errors import DataError, OptionError

LONGEST, MOST = 5000, 400  # characters of a text; parts that are shown, those that add most to the best label
LABELS, NEIGHBOURS = 5, 10


class Classifier:
    """A text model that was named on the command line; loaded when it is first asked."""

    def __init__(self, path: Path) -> None:
        """Raises DataError when there is no such file."""
        if not path.is_file():
            raise DataError(f"there is no text model {path}; name a .bin, .ftz or .safetensors file")
        self.path, self.name = path, path.stem

    @cached_property
    def model(self) -> Any:
        """The model. Raises ModelFileError when the file holds none."""
        from gradwell.text import load_model

        return load_model(str(self.path)).model

    def about(self) -> dict[str, Any]:
        """What it is."""
        model = self.model
        return {"name": self.name, "supervised": model.supervised, "labels": len(model.labels), "words": model.dictionary.nwords,
                "loss": model.options.loss, "ngrams": model.options.wordNgrams, "characters": [model.options.minn, model.options.maxn]}

    def classify(self, text: str) -> dict[str, Any]:
        """A text's labels with their probabilities, and what each part added to the score of each."""
        from gradwell.text.contributions import contributions

        found = contributions(self.model, text, LABELS)
        rows: list[dict[str, Any]] = [{"part": part, "kind": kind, "added": [float(value) for value in added]}
                                      for part, kind, added in zip(found.parts, found.kinds, found.added, strict=True)]
        least = sorted((largest(row) for row in rows), reverse=True)[MOST - 1] if len(rows) > MOST else 0.0
        names = [label.removeprefix(self.model.options.label) for label in found.labels]
        return {"labels": names, "probabilities": found.probabilities, "scores": found.scores,
                "parts": [row for row in rows if largest(row) >= least], "all": len(rows)}

    def neighbours(self, word: str) -> list[dict[str, Any]]:
        """The words nearest to a word."""
        if len(word.split()) != 1:
            raise OptionError("neighbours are those of one word")
        return [{"word": near, "cosine": cosine} for cosine, near in self.model.neighbors(word.strip(), NEIGHBOURS)]


def largest(row: dict[str, Any]) -> float:
    """The most that a part adds to any label, or takes from it."""
    return max((abs(value) for value in row["added"]), default=0.0)


def short(text: object) -> str:
    """A text of bearable length. Raises OptionError for anything else."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise OptionError(f"a text of up to {LONGEST:,} characters is wanted")
    return text
