"""Translators, as they are shared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradwell import translate
from gradwell.folder import CONFIG, WEIGHTS
from gradwell.integrations.hub.kind import Score, Shared
from gradwell.translate.files import ALIGNMENTS, FORMAT
from gradwell.translate.scoring import bleu, chrf

BEAM = 5


class Translates(Shared):
    """A recurrent translator."""

    form, extra = FORMAT, "translate"
    files = (CONFIG, WEIGHTS, "source.json", "target.json", ALIGNMENTS)
    model: translate.Translator

    @staticmethod
    def load(folder: Path) -> translate.Translator:
        """The model."""
        return translate.load(folder)

    @property
    def task(self) -> str:
        """What it does, as the Hub calls it."""
        return "translation"

    @property
    def summary(self) -> str:
        """What it is."""
        made, options = self.model, self.model.options
        attends = f"{options.attention} attention" if made.attends else "no attention"
        return (f"A translator: recurrent encoder and decoder ({options.cell}, {options.hidden:,} units) with {attends}, "
                f"{made.parameters:,} parameters, {len(made.source):,} source and {len(made.target):,} target tokens.")

    @property
    def options(self) -> translate.Options:
        """The choices of its training."""
        return self.model.options

    @property
    def history(self) -> list[dict[str, Any]]:
        """The figures of each epoch."""
        return self.model.history

    @property
    def learned(self) -> list[Score]:
        """What was measured while it was trained."""
        last = self.history[-1] if self.history else {}
        value = last.get("averaged_bleu", last.get("bleu"))
        return [] if value is None else [Score("bleu", value, "the sentences set apart in training", "greedy, effective order")]

    def measured(self, data: str) -> list[Score]:
        """What is measured now."""
        pairs = translate.read(data, None)
        said = [one.text for one in self.model.translate(pairs.source, translate.Beam(BEAM))]
        return [Score(found.name.lower(), found.score, Path(data).name, f"beam {BEAM}, sacrebleu {found.signature}")
                for found in (bleu(said, pairs.target), chrf(said, pairs.target))]

    def usage(self, name: str) -> tuple[str, str]:
        """How it is used, in Python and on the command line."""
        return (f'translator = from_pretrained("{name}")\ntranslator.translate(["a sentence"])[0].text',
                "gradwell translate predict model --input sentences.txt")
