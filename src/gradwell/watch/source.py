"""Which line of the user's code is running."""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import lru_cache
from types import FrameType

OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STANDARD = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
COMMAND = os.path.join(sysconfig.get_path("scripts"), "gradwell")  # what starts our own trainings, in which no line is the user's
SITE = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


@lru_cache(4096)
def rank(filename: str) -> int:
    """How far a file is from the user: 0 the user's own, 1 an installed package, 2 torch, Gradwell or no file at all."""
    if filename.startswith("<") or (f"{os.sep}torch{os.sep}" in filename and any(mark in filename for mark in SITE)):
        return 2
    if filename.startswith(OURS):
        return 0 if f"{os.sep}rules{os.sep}" in filename else 2  # a rule's example is user code
    if any(mark in filename for mark in SITE) or filename.startswith(STANDARD):
        return 1
    return 0


def user_line(frame: FrameType | None = None) -> tuple[str | None, int | None]:
    """File and line of the innermost frame of the user's own code, or else of an installed package's; none in a training of ours."""
    frame = frame or sys._getframe(1)
    fallback: tuple[str | None, int | None] = (None, None)
    while frame is not None:
        if frame.f_code.co_filename == COMMAND:
            return None, None
        distance = rank(frame.f_code.co_filename)
        if distance == 0:
            return frame.f_code.co_filename, frame.f_lineno
        if distance == 1 and fallback[0] is None:
            fallback = frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return fallback
