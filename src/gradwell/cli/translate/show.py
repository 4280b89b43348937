"""`gradwell translate show`: a translation and what each of its words looked at."""

from __future__ import annotations

import math
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from gradwell import translate as room
from gradwell.cli.translate.arguments import Coverage, Length, Model, Size, beam_of, written
from gradwell.errors import DataError


def show(
    model: Model,
    sentence: Annotated[str, typer.Argument(metavar="SENTENCE", help="What to translate.")],
    beam: Size = 5,
    length_penalty: Length = 1.0,
    coverage_penalty: Coverage = 0.0,
    reference: Annotated[str, typer.Option(metavar="TEXT", help="Show this translation instead of searching for one.")] = "",
    pieces: Annotated[bool, typer.Option("--pieces", help="Show the pieces that the translator knows instead of words.")] = False,
    svg: Annotated[str, typer.Option(metavar="FILE", help="Write the picture as SVG.")] = "",
    png: Annotated[str, typer.Option(metavar="FILE", help="Write the picture as PNG.")] = "",
    json: Annotated[str, typer.Option(metavar="FILE", help="Write words and weights as JSON.")] = "",
) -> int:
    """Translate a sentence and draw what each word of the translation looked at."""
    from gradwell.translate import heatmap
    from gradwell.translate.alignment import alignment, must_attend

    if not sentence.strip():
        raise DataError("the sentence is empty; type what to translate, in quotes")
    translator = room.load(model)
    must_attend(translator.attends)
    if reference:
        found = translator.force([sentence], [reference])[0]
    else:
        found = translator.translate([sentence], beam_of(beam, length_penalty, coverage_penalty))[0]
    drawn = alignment(found, pieces)
    print(found.text)
    print(f"log-probability {found.score:.3f}, {math.exp(found.score / len(found.scores)):.0%} a token\n")
    sys.stdout.write(heatmap.text(drawn, shutil.get_terminal_size((100, 24)).columns))
    if svg:
        written(svg, heatmap.svg(drawn))
    if json:
        written(json, drawn.as_json())
    if png:
        heatmap.png(drawn, Path(png))
    return 0
