"""An alignment as a picture: words on both axes, the darker a cell the more the word was looked at."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from gradwell.folder import write
from gradwell.translate.alignment import Alignment
from gradwell.translate.needs import needed

CELL, LETTER = 26, 8.2  # pixels
SHADES = " ░▒▓█"


def svg(found: Alignment) -> str:
    """The alignment as a drawing that says each weight when it is pointed at."""
    left = 16 + LETTER * max(map(width, found.target))
    top = 16 + LETTER * max(map(width, found.source)) * 0.8
    wide, high = left + CELL * len(found.source) + 50, top + CELL * len(found.target) + 16
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high:.0f}" width="{wide:.0f}" height="{high:.0f}" '
        'font-family="system-ui, sans-serif" font-size="13" role="img">',
        f"<title>What each word of the translation looked at: {escape(' '.join(found.target))}</title>",
        f'<rect width="{wide:.0f}" height="{high:.0f}" fill="#fff"/>',
    ]
    for j, word in enumerate(found.source):
        x = left + CELL * (j + 0.6)
        out.append(f'<text x="{x:.1f}" y="{top - 6:.1f}" transform="rotate(-50 {x:.1f} {top - 6:.1f})" fill="#222">{escape(word)}</text>')
    for i, (word, row) in enumerate(zip(found.target, found.weights, strict=True)):
        y = top + CELL * i
        out.append(f'<text x="{left - 8:.1f}" y="{y + CELL * 0.65:.1f}" text-anchor="end" fill="#222">{escape(word)}</text>')
        for j, weight in enumerate(row):
            x = left + CELL * j
            out.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{CELL - 1}" height="{CELL - 1}" '
                f'fill="#1f4e9c" fill-opacity="{0.03 + 0.97 * weight:.3f}">'
                f"<title>{escape(word)} looked at {escape(found.source[j])}: {weight:.3f}</title></rect>"
            )
    return "\n".join([*out, "</svg>"]) + "\n"


def png(found: Alignment, path: Path) -> None:
    """Write the alignment as a bitmap."""
    needed("matplotlib", "a PNG picture")
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(1.5 + 0.4 * len(found.source), 1.2 + 0.4 * len(found.target)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(found.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(found.source)), found.source, rotation=50, ha="left")
    axes.set_yticks(range(len(found.target)), found.target)
    axes.xaxis.tick_top()
    temporary = path.with_name(f".{path.name}.tmp")
    figure.savefig(temporary, format="png", dpi=150)
    write(path, temporary.read_bytes())
    temporary.unlink()


def text(found: Alignment, room: int = 100) -> str:
    """The alignment for a terminal, source words upright over the columns; where these do not fit, the words looked at most."""
    left = max(map(width, found.target)) + 1
    if left + 2 * len(found.source) > room:
        return listed(found)
    high = max(map(len, found.source))
    lines = []
    for k in range(high):
        column = (word.rjust(high)[k] for word in found.source)
        lines.append((" " * left + "".join(letter + " " * (2 - width(letter)) for letter in column)).rstrip())
    for word, row in zip(found.target, found.weights, strict=True):
        lines.append((" " * (left - 1 - width(word)) + word + " " + "".join(2 * shade(weight) for weight in row)).rstrip())
    return "\n".join(lines) + "\n"


def listed(found: Alignment) -> str:
    """Each target word with the source words that it looked at most."""
    left = max(map(width, found.target))
    lines = []
    for word, row in zip(found.target, found.weights, strict=True):
        most = sorted(range(len(row)), key=lambda j: -row[j])[:3]
        looked = ", ".join(f"{found.source[j]} {row[j]:.2f}" for j in most if row[j] >= 0.05)
        lines.append(" " * (left - width(word)) + f"{word}  {looked}")
    return "\n".join(lines) + "\n"


def shade(weight: float) -> str:
    """A block as dark as a weight is large."""
    return SHADES[min(len(SHADES) - 1, int(weight * len(SHADES)))]


def width(word: str) -> int:
    """How many columns a word takes in a terminal."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else not unicodedata.combining(letter) for letter in word)
