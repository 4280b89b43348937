"""`gradwell translate score`: how good translations are."""

from __future__ import annotations

from typing import Annotated

import typer

from gradwell import translate as room
from gradwell.cli.translate.arguments import Coverage, Length, Model, Size, Source, Target, beam_of
from gradwell.translate.scoring import bleu, chrf


def score(
    model: Model,
    source: Source,
    target: Target = "",
    beam: Size = 5,
    length_penalty: Length = 1.0,
    coverage_penalty: Coverage = 0.0,
    tokenize: Annotated[str, typer.Option(help="How sacrebleu cuts words: 13a, intl, zh, char ...")] = "13a",
) -> int:
    """Translate a test set and print BLEU (as it is, and lowercased) and chrF, each with sacrebleu's signature."""
    translator = room.load(model)
    pairs = room.read(source, target or None)
    said = [one.text for one in translator.translate(pairs.source, beam_of(beam, length_penalty, coverage_penalty))]
    print(bleu(said, pairs.target, tokenize=tokenize))
    print(bleu(said, pairs.target, lowercase=True, tokenize=tokenize))
    print(chrf(said, pairs.target))
    return 0
