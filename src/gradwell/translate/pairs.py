"""Sentences and their translations, read from two files or from one table, and checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradwell.errors import DataError

Where = str | os.PathLike[str]


@dataclass(frozen=True)
class Pairs:
    """Sentence i of `source` means what sentence i of `target` means."""

    source: list[str]
    target: list[str]
    name: str = "the pairs"
    empty: int = 0  # pairs that were left out because a side was empty

    def __len__(self) -> int:
        return len(self.source)


def read(source: Where, target: Where | None = None) -> Pairs:
    """Pairs from two files of equal length, or from one table with a tab between source and target.

    Pairs with an empty side are left out and counted. Raises DataError when there is nothing to learn from.
    """
    if target is None:
        return paired(*columns(source), os.fspath(source))
    left, right = lines(source), lines(target)
    if len(left) != len(right):
        raise DataError(
            f"{source} has {len(left):,} lines and {target} has {len(right):,}; line i of one must translate line i of the other"
        )
    return paired(left, right, f"{source} and {target}")


def lines(path: Where) -> list[str]:
    """The lines of a text file. Raises DataError when it cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = Path(path).read_bytes()[: error.start].count(b"\n") + 1
        raise DataError(f"{path}, line {line}, is not UTF-8 text") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    found = text.split("\n")
    return [line.rstrip("\r") for line in (found[:-1] if found[-1] == "" else found)]


def columns(path: Where) -> tuple[list[str], list[str]]:
    """The first two columns of a table."""
    left, right = [], []
    for i, line in enumerate(lines(path), 1):
        cells = line.split("\t")
        if len(cells) < 2 and line.strip():
            raise DataError(f"{path}, line {i}, has no tab; each line must hold a sentence, a tab, and its translation")
        left.append(cells[0])
        right.append(cells[1] if len(cells) > 1 else "")
    return left, right


def paired(source: Sequence[str], target: Sequence[str], name: str) -> Pairs:
    """Pairs without those that have an empty side."""
    both = [(clean(a), clean(b)) for a, b in zip(source, target, strict=True)]
    kept = [(a, b) for a, b in both if a and b]
    if not kept:
        what = "is empty" if not both else f"has no pair with both sides; {len(both):,} lines have an empty one"
        raise DataError(f"{name} {what}; a translator learns from sentences and their translations")
    return Pairs([a for a, _ in kept], [b for _, b in kept], name, len(both) - len(kept))


def clean(text: str) -> str:
    """A sentence with single spaces and without the characters that only control a terminal."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in text).split())


def held_out(pairs: Pairs) -> tuple[Pairs, Pairs]:
    """Pairs to learn from and pairs to measure on: one target in 20, at most 1,000, and no target in both."""
    targets = list(dict.fromkeys(pairs.target))
    number = min(1000, len(targets) // 20)
    if not number:
        raise DataError(f"{pairs.name} has {len(targets)} different translations; without pairs to measure on there must be 20 or more")
    kept = set(sorted(targets, key=lambda text: hashlib.sha256(text.encode()).digest())[:number])
    chosen = [text in kept for text in pairs.target]

    def part(wanted: bool) -> Pairs:
        some = [(a, b) for a, b, is_chosen in zip(pairs.source, pairs.target, chosen, strict=True) if is_chosen is wanted]
        return Pairs([a for a, _ in some], [b for _, b in some], pairs.name, 0 if wanted else pairs.empty)

    return part(False), part(True)
