"""Sentences typed into the page: translations with their scores and what each word looked at."""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path
from typing import Any

from gradwell.errors import ModelFileError, OptionError
from gradwell.folder import CONFIG

LONGEST, WIDEST = 2000, 20  # characters of a sentence, beginnings of a beam


class Translator:
    """A translator that was named on the command line; loaded when it is first asked."""

    def __init__(self, folder: Path) -> None:
        """Raises ModelFileError when the folder holds no translator."""
        if not (folder / CONFIG).is_file():
            raise ModelFileError(f"{folder} holds no translator; name a folder that `gradwell translate train` made")
        self.folder, self.name = folder, folder.resolve().name
        self.lock = threading.Lock()

    @cached_property
    def made(self) -> Any:
        """The translator. Raises ModelFileError when the folder holds none."""
        from gradwell import translate

        return translate.load(self.folder)

    def about(self) -> dict[str, Any]:
        """What it is."""
        options = self.made.options
        return {"name": self.name, "attention": options.attention, "cell": options.cell, "parameters": self.made.parameters,
                "history": self.made.history, "attends": self.made.attends}

    def translate(self, text: str, size: int, length: float, coverage: float) -> list[dict[str, Any]]:
        """The translations of a sentence, the best first: greedily with a beam of 1, else as many as the beam is wide."""
        from gradwell.translate import Beam

        if not text.strip() or len(text) > LONGEST:
            raise OptionError(f"a sentence of up to {LONGEST:,} characters is wanted")
        if not 1 <= size <= WIDEST:
            raise OptionError(f"a beam of 1 to {WIDEST} is possible here, not {size}")
        beam = None if size == 1 else Beam(size, float(length), float(coverage))
        with self.lock:
            return [self.told(found) for found in self.made.candidates([text], beam)[0]]

    def told(self, found: Any) -> dict[str, Any]:
        """A translation as plain values: what each token attended to, by pieces and by words."""
        from gradwell.translate.alignment import alignment

        drawn = {name: alignment(found, pieces).as_dict() for name, pieces in (("words", False), ("pieces", True))}
        return {"text": found.text, "tokens": found.tokens, "source": found.source_tokens, "scores": found.scores, "score": found.score,
                "rank": found.rank, "attention": drawn if self.made.attends else None}

    def epochs(self) -> dict[str, Any]:
        """The attention of some validation sentences after each epoch of the training."""
        seen = self.made.alignments or {"sentences": [], "weights": []}
        return {"sentences": seen["sentences"], "weights": seen["weights"]}
