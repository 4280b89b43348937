"""Comments in the user's source that allow a finding, `# gradwell: allow[GW101]`: read as text, while the run is watched."""

from __future__ import annotations

import linecache
import re
import tokenize
from collections.abc import Iterable, Iterator
from typing import Any

MARK = "gradwell:"
COMMENT = re.compile(r"#\s*gradwell:\s*allow\b(?:\s*\[([^\]]*)\])?")
BETWEEN = (tokenize.NL, tokenize.INDENT, tokenize.DEDENT)  # tokens that belong to no statement


class Comments:
    """Collects the comments of every file that is named, each file read once."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self._read: set[str | None] = {None}

    def read(self, files: Iterable[str | None]) -> bool:
        """Read the files that were not read yet; say whether comments were found in them."""
        before = len(self.found)
        for file in set(files) - self._read:
            self._read.add(file)
            self.found += allowed(file) if file is not None else ()
        return len(self.found) > before


def allowed(file: str) -> Iterator[dict[str, Any]]:
    """Each comment of a file that allows something, with the first and last line of its statement (0 where it stands on none).

    A statement is a line of Python with all its continuations; of a `for`, `if` or `def` it is the head. Nothing is executed or compiled.
    """
    lines = linecache.getlines(file)
    if not any(MARK in line for line in lines):
        return
    first, waiting = 0, []
    try:
        for token in tokenize.generate_tokens(iter(lines).__next__):
            if token.type == tokenize.COMMENT:
                if match := COMMENT.match(token.string):
                    words = [word for word in re.split(r"[\s,]+", match[1] or "") if word]
                    comment = {"file": file, "line": token.start[0], "first": 0, "last": 0, "words": words}
                    if first:
                        waiting.append(comment)
                    else:
                        yield comment
            elif token.type == tokenize.NEWLINE:
                yield from ({**comment, "first": first, "last": token.start[0]} for comment in waiting)
                first, waiting = 0, []
            elif not first and token.type not in BETWEEN:
                first = token.start[0]
    except (tokenize.TokenError, SyntaxError):  # the file changed since it was imported, or is no Python
        return
