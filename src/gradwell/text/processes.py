"""Processes of this machine that each take one piece of work after another. One that dies is replaced, and what it had in hand is named."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from gradwell.errors import TargetError

Piece = TypeVar("Piece")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Died:
    """What comes instead of a result where a process was killed."""

    reason: str


class Worker(Generic[Piece, Result]):
    """A process that works, and what it has in hand."""

    def __init__(self, work: Callable[[Piece], Result]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, work), daemon=True)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is for whoever asked, who ends them
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    def take(self, piece: Piece) -> None:
        """Begin with a piece."""
        self.piece = piece
        with suppress(OSError):  # it has died just now: `answer` will say so
            self.pipe.send(piece)

    def answer(self) -> Result | Died:
        """What it has to say of its piece. Raises TargetError where it did not even start."""
        try:
            result: Result = self.pipe.recv()
            return result
        except (EOFError, OSError):
            self.process.join()
        status = self.process.exitcode
        if status is None or status >= 0:
            raise TargetError(f"a worker process ended with status {status} before it had done its work; what it said stands above")
        return Died(f"the process that worked on it was killed by {signal.Signals(-status).name}")

    def end(self) -> None:
        """End it, whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def each(work: Callable[[Piece], Result], pieces: Iterable[Piece], workers: int) -> Generator[tuple[Piece, Result | Died], None, None]:
    """Every piece with what `work(piece)` answered, as they come; or with Died, where the process that had it was killed.

    work: a function that can be pickled; each process gets it once, and it should not raise. The processes end with the
    iterator, and with this process however it ends. Raises TargetError when they cannot start.
    """
    rest = iter(pieces)
    busy: dict[Any, Worker[Piece, Result]] = {}

    def hand(worker: Worker[Piece, Result] | None) -> None:
        """Give the next piece to this worker, or to a new one; end it where there is none."""
        for piece in rest:
            worker = worker or Worker(work)
            worker.take(piece)
            busy[worker.pipe] = worker
            return
        if worker:
            worker.end()

    try:
        for _ in range(workers):
            hand(None)
        while busy:
            for pipe in wait(list(busy)):
                worker = busy.pop(pipe)
                piece, result = worker.piece, worker.answer()
                if isinstance(result, Died):
                    worker.end()
                hand(None if isinstance(result, Died) else worker)
                yield piece, result
    finally:
        for worker in busy.values():
            worker.end()


def serve(pipe: Connection, work: Callable[[Any], Any]) -> None:
    """What a process does: answer one piece after another, until there is nobody to answer to."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    with suppress(EOFError):
        while True:
            pipe.send(work(pipe.recv()))


def end_with_parent() -> None:
    """End this process when the one that started it is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
