"""`gradwell translate predict`: translations of all lines."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gradwell import translate as room
from gradwell.cli import output
from gradwell.cli.translate.arguments import Coverage, Length, Model, Size, beam_of, lines_of
from gradwell.errors import OptionError
from gradwell.translate.precision import SLOW, has_bf16


def predict(
    model: Model,
    input: Annotated[str, typer.Option("--input", metavar="FILE", help="Sentences, one a line, instead of stdin.")] = "",
    beam: Size = 5,
    length_penalty: Length = 1.0,
    coverage_penalty: Coverage = 0.0,
    n_best: Annotated[int, typer.Option(metavar="N", min=0, help="Print the N best: line, rank, log-probability, text, tabs between.")] = 0,
    sample: Annotated[bool, typer.Option("--sample", help="Draw by lot instead of searching.")] = False,
    temperature: Annotated[float, typer.Option(help="Of --sample: below 1 prefers the likely.")] = 1.0,
    top_k: Annotated[int, typer.Option(help="Of --sample: only among the K likeliest tokens.")] = 0,
    top_p: Annotated[float, typer.Option(help="Of --sample: only among the likeliest tokens that make up this share.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of --sample.")] = 0,
    reference: Annotated[str, typer.Option(metavar="FILE", help="Translate nothing: print how probable these are, token by token.")] = "",
    bf16: Annotated[bool, typer.Option("--bf16", help="Compute in bfloat16: faster on processors that can; a word may differ.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print each translation with its alignment as a line of JSON.")] = False,
) -> int:
    """Translate all lines of stdin or a file to stdout."""
    if n_best > max(beam, 1):
        raise OptionError(f"--n-best {n_best} needs a beam of at least {n_best}; --beam is {beam}")
    if bf16 and not has_bf16():
        output.complain(SLOW.format(instead="single precision, without --bf16,"))
    translator = room.load(model, bf16)
    sentences = lines_of(input)
    if reference:
        found = [[one] for one in translator.force(sentences, lines_of(reference))]
    elif sample:
        found = [[one] for one in translator.sample(sentences, temperature, top_k, top_p, seed)]
    else:
        found = translator.candidates(sentences, beam_of(beam, length_penalty, coverage_penalty))
    for i, candidates in enumerate(found, 1):
        for rank, one in enumerate(candidates[: max(n_best, 1)], 1):
            sys.stdout.write(printed(one, i, rank, n_best > 0, bool(reference), json) + "\n")
    return 0


def printed(one: room.Translation, line: int, rank: int, ranked: bool, forced: bool, json: bool) -> str:
    """A translation as a line of output."""
    from gradwell.translate.alignment import alignment

    if json:
        return alignment(one).as_json().rstrip("\n")
    if forced:
        return f"{one.score:.4f}\t" + " ".join(f"{token}:{score:.3f}" for token, score in zip(one.tokens, one.scores, strict=True))
    return f"{line}\t{rank}\t{one.score:.4f}\t{one.text}" if ranked else one.text
