"""Reading a command line in fastText's manner: flags of one dash (or two), each with a value, in any order."""

from __future__ import annotations

import difflib
from typing import Any

from gradwell.cli.text.command import Command, Flag, Given
from gradwell.errors import OptionError


def parse(command: Command, words: list[str]) -> tuple[list[str], Given]:
    """The values without a flag, and by name those with one. Raises OptionError with what was wrong and what is possible."""
    positions: list[str] = []
    given: Given = {}
    rest = list(reversed(words))
    while rest:
        word = rest.pop()
        if not command.flags or not is_flag(word):
            if word == "--" and command.flags:
                positions += reversed(rest)
                break
            positions.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        flag = command.flags.get(name) or unknown(command, word)
        if flag.kind is bool and equals:
            raise OptionError(f"-{name} takes no value, and {value!r} was given")
        if flag.kind is bool:
            given[name] = True
        elif flag.kind is list:
            given[name] = given.get(name, []) + ([value] if equals else several(command, flag, rest))
        else:
            given[name] = converted(f"-{name}", value if equals else one(command, flag, rest), flag.kind)
    check(command, positions, given)
    return positions, given


def is_flag(word: str) -> bool:
    """Whether a word is a flag, and not a value such as `-` or -1."""
    return word.startswith("-") and word.lstrip("-")[:1].isalpha()


def one(command: Command, flag: Flag, rest: list[str]) -> str:
    """The value after a flag."""
    if not rest or known(command, rest[-1]):
        raise OptionError(f"-{flag.name} needs a value: -{flag.name} {flag.value} ({flag.meaning})")
    return rest.pop()


def several(command: Command, flag: Flag, rest: list[str]) -> list[str]:
    """The values after a flag, up to the next flag."""
    values = [one(command, flag, rest)]
    while rest and not is_flag(rest[-1]) and rest[-1] != "--":
        values.append(rest.pop())
    return values


def known(command: Command, word: str) -> bool:
    """Whether a word is a flag of this command."""
    return is_flag(word) and word.lstrip("-").partition("=")[0] in command.flags


def unknown(command: Command, word: str) -> Flag:
    """Complain about a flag that does not exist, and name the nearest."""
    name = word.lstrip("-").partition("=")[0]
    names = {flag.lower(): flag for flag in command.flags}
    near = difflib.get_close_matches(name.lower().replace("_", ""), names, 1, 0.5)
    hint = f"did you mean -{names[near[0]]}?" if near else f"its flags are {', '.join('-' + flag for flag in command.flags)}."
    raise OptionError(f"{command.name} has no flag {word.partition('=')[0]}; {hint} See `gradwell text {command.name} --help`")


def converted(name: str, text: str, kind: type) -> Any:
    """A value as a number, where it must be one."""
    try:
        text.encode()
        return kind(text) if kind in (int, float) else text
    except UnicodeError:
        if kind is str and name not in ("-label", "-class-weight", "-autotune-metric", "-column"):
            return text  # a path may hold any bytes
        raise OptionError(f"{name} is {text!r}; it must be text in UTF-8") from None
    except ValueError:
        raise OptionError(f"{name} is {text!r}; it must be a {'whole number' if kind is int else 'number'}") from None


def check(command: Command, positions: list[str], given: Given) -> None:
    """Complain when there is too much or too little."""
    least = sum(not position.startswith("[") for position in command.positions)
    usage = " ".join(command.positions)
    if not command.positions and positions:
        raise OptionError(f"{command.name} takes flags only, such as -input FILE; {positions[0]!r} stands alone")
    if len(positions) > len(command.positions):
        raise OptionError(f"{command.name} takes {usage}; {len(positions)} values were given: {' '.join(positions)}")
    if len(positions) < least and not given:
        raise OptionError(f"{command.name} needs {usage}; given: {' '.join(positions) or 'nothing'}")
    for name in command.required:
        if not given.get(name):
            raise OptionError(f"{command.name} needs -{name} {command.flags[name].value} ({command.flags[name].meaning})")


def number(name: str, positions: list[str], at: int, kind: type, default: Any) -> Any:
    """A number among the values without a flag."""
    return converted(name, positions[at], kind) if len(positions) > at else default


def answers(positions: list[str], at: int, default: int) -> int:
    """How many answers are wanted: k."""
    k: int = number("k", positions, at, int, default)
    return possible(k)


def possible(k: int, all_of: str = ", or -1 for all labels") -> int:
    """The same k, if it is possible."""
    if k < 1 and not (k == -1 and all_of):
        raise OptionError(f"k is {k}; it must be 1 or more{all_of}")
    return k
