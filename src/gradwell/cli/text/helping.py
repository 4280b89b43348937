"""The help of `gradwell text`: usage, then every flag with its meaning and its default."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from gradwell.cli.text.command import Command, Flag

WIDTH, INDENT = 100, 28


def overview(summaries: Mapping[str, str]) -> str:
    """What commands there are."""
    lines = ["usage: gradwell text COMMAND ...", ""]
    lines += ["Text classification and word vectors, with the commands, flags and files of fastText.", ""]
    lines += [f"  {name:<24}{summary}" for name, summary in summaries.items()]
    return "\n".join([*lines, "", "`gradwell text COMMAND --help` shows a command's flags."]) + "\n"


def page(command: Command) -> str:
    """All about one command."""
    return "\n".join(paragraphs(command)) + "\n"


def paragraphs(command: Command) -> Iterator[str]:
    """The lines of a command's help."""
    flags = [f"-{name} {command.flags[name].value}" for name in command.required]
    optional = ["[flags]"] if len(command.flags) > len(command.required) and not command.positions else []
    yield " ".join(["usage: gradwell text", command.name, *command.positions, *flags, *optional])
    yield ""
    yield command.summary[:1].upper() + command.summary[1:]
    if command.notes:
        yield ""
        yield from textwrap.dedent(command.notes).strip().split("\n")
    for title, group in command.groups.items():
        yield f"\n{title}:"
        for flag in group:
            yield described(flag)
    if command.ignored:
        yield "\naccepted as in fastText, without effect here:"
        yield filled(" ".join(f"-{flag.name}" for flag in command.ignored), "  ")


def described(flag: Flag) -> str:
    """A flag, what it means and what it is when it is not given."""
    shown = f"  -{flag.name} {flag.value}".rstrip()
    default = "" if flag.default is None or flag.default == "" or flag.kind is bool else f" [{flag.default}]"
    text = filled(flag.meaning + default, " " * INDENT)
    return shown + text[len(shown) :] if len(shown) < INDENT - 1 else f"{shown}\n{text}"


def filled(text: str, indent: str) -> str:
    """A paragraph in lines that are not too long."""
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
