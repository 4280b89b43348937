"""The time that a search may take, and an early end for every trial that would not keep to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gradwell.text.showing import Show

if TYPE_CHECKING:
    from gradwell.text.training import Progress

TRUSTED = 0.5  # seconds after which the speed of a trial says when it will end


class Hopeless(Exception):  # noqa: N818 - it ends a trial; nothing went wrong
    """A trial cannot end in time, or its model would be too large."""


class Watch(Show):
    """Shows the search, and ends a trial as soon as it is clear that it would end too late."""

    def __init__(self, verbose: int, started: float, duration: float) -> None:
        super().__init__(verbose)
        self.began, self.duration, self.deadline = started, duration, started + duration
        self.last, self.allowed = self.deadline, duration  # when the trial must have ended, and the seconds it may take
        self.moving = self.seen = (started, 0.0)  # when its training was first seen to move, and last; and its share then
        self.about = ""

    def open(self, limit: float, about: str) -> None:
        """A trial begins; it may take so many seconds."""
        now = time.monotonic()
        self.last = min(self.deadline, now + limit)
        self.allowed, self.seen, self.about = self.last - now, (now, 0.0), about

    def training(self, progress: Progress) -> None:
        """Called ten times a second."""
        now, share = time.monotonic(), progress.share
        self.update(min(1.0, (now - self.began) / self.duration), self.about)
        if share < self.seen[1] or self.seen[1] == 0:  # it begins, or begins once more
            self.moving = (now, share)
        self.seen = (now, share)
        end = now
        if now - self.moving[0] > TRUSTED and share > self.moving[1]:
            end += (1 - share) * (now - self.moving[0]) / (share - self.moving[1])
        if now > self.last or end > self.last + self.allowed / 10:
            raise Hopeless(f"it would not have ended in {self.allowed:.1f} s")

    def check(self) -> None:
        """End the trial if its time is over."""
        if time.monotonic() > self.last:
            raise Hopeless(f"it did not end in {self.allowed:.1f} s")

    def done(self, history: list[Any]) -> None:
        """The end of one trial's training is nobody's concern."""
