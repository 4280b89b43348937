"""Which library of Python, or which file of one, does a docstring belong to? A real text that comes with Python."""

from __future__ import annotations

import ast
import random
import re
import sysconfig
from collections import Counter
from functools import cache
from pathlib import Path

from gradwell.errors import DataError

Texts = list[tuple[str, str]]  # (label, text)
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
LEAST = 4  # words of a docstring that is taken


@cache
def docstrings(library: str) -> tuple[tuple[str, str], ...]:
    """(file, docstring) of a library, tests left out, the names of the library and of the file taken out of the text.

    Raises DataError when this Python has no such library.
    """
    root = Path(sysconfig.get_path("stdlib")) / library
    if not root.is_dir():
        raise DataError(f"this Python has no folder of a library named {library!r}; email, http, json, logging and xml are such")
    found = []
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if "test" in str(name):
            continue
        nodes = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, DOCUMENTED)]
        texts = (cleaned(text, {library, path.stem}) for node in nodes if (text := ast.get_docstring(node)))
        found += [(str(name), " ".join(words)) for words in texts if len(words) >= LEAST]
    return tuple(found)


def cleaned(text: str, without: set[str]) -> list[str]:
    """The words of a docstring in small letters, names parted at capitals and underscores, without some words."""
    words = (word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text))
    return [word for word in words if word not in without]


def by_library(libraries: tuple[str, ...], generator: random.Random) -> tuple[Texts, Texts]:
    """Docstrings and their library: to learn from, and to test on. A file is on one side only: of each three by size one is tested."""
    train: Texts = []
    test: Texts = []
    for library in libraries:
        texts = docstrings(library)
        sizes = Counter(file for file, _ in texts).most_common()
        held_out = {file for i in range(0, len(sizes), 3) for file, _ in generator.sample(sizes[i : i + 3], 1)}
        for file, text in texts:
            (test if file in held_out else train).append((library, text))
    generator.shuffle(train)
    return train, test


def by_file(libraries: tuple[str, ...], labels: int, generator: random.Random) -> tuple[Texts, Texts]:
    """Docstrings and their file, of the files that have most: to learn from, and every third to test on."""
    texts = [(f"{library}/{file}", text) for library in libraries for file, text in docstrings(library)]
    kept = {file for file, _ in Counter(file for file, _ in texts).most_common(labels)}
    texts = [(file, text) for file, text in texts if file in kept]
    generator.shuffle(texts)
    return texts[len(texts) // 3 :], texts[: len(texts) // 3]
