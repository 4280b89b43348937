"""`gradwell text nn|analogies`: answers to words typed one after the other."""

from __future__ import annotations

from collections.abc import Callable

from gradwell.cli.text.command import Command, Given
from gradwell.cli.text.parsing import number, possible
from gradwell.cli.text.streams import blocks, flush, put, words

NOTES = "Reads words from stdin; prints the K nearest words [10] and the cosine."


def command(name: str, summary: str) -> Command:
    """One of the two commands."""
    run = {"nn": nearest, "analogies": analogies}[name]
    return Command(name, summary + ".", run, ("MODEL", "[K]"), notes=NOTES)


def nearest(positions: list[str], _: Given) -> int:
    """Print the words nearest to each word (main.cc: nn)."""
    k = possible(number("k", positions, 1, int, 10), "")
    from gradwell.text import files

    model = files.load(positions[0])

    def answer(asked: list[str]) -> list[tuple[float, str]]:
        return model.neighbors(asked[0], k)

    ask("Query word? ", 1, answer)
    return 0


def analogies(positions: list[str], _: Given) -> int:
    """Print the words nearest to A - B + C for every three words (main.cc: analogies)."""
    k = possible(number("k", positions, 1, int, 10), "")
    from gradwell.text import files

    put(f"Loading model {positions[0]}\n".encode("utf-8", "surrogateescape"))
    flush()
    model = files.load(positions[0])

    def answer(asked: list[str]) -> list[tuple[float, str]]:
        return model.analogies(asked[0], asked[1], asked[2], k)

    ask("Query triplet (A - B + C)? ", 3, answer)
    return 0


def ask(prompt: str, size: int, answer: Callable[[list[str]], list[tuple[float, str]]]) -> None:
    """Prompt, read so many words, answer; and again until stdin ends."""
    put(prompt.encode())
    asked: list[str] = []
    with blocks("-") as text:
        for word in words(text):
            asked.append(word.decode("utf-8", "replace"))
            if len(asked) == size:
                put("".join(f"{other} {cosine:.6g}\n" for cosine, other in answer(asked)).encode("utf-8", "replace") + prompt.encode())
                asked = []
    flush()
