"""Processes that measure or judge beside this one, and end with it however it ends."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection, get_context, parent_process


def workers(count: int) -> ProcessPoolExecutor:
    """So many processes, which begin with the first task; an interrupt is for this process alone."""
    return ProcessPoolExecutor(count, get_context("spawn"), begin)


def begin() -> None:
    """In a worker: leave interrupts to the parent, and end when it does; one that was killed cannot say so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=follow, daemon=True).start()


def follow() -> None:
    """End when the parent has ended."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def end(pool: ProcessPoolExecutor) -> None:
    """End a pool's processes now, whatever they are at."""
    for process in [*(pool._processes or {}).values()]:
        process.terminate()
    pool.shutdown(cancel_futures=True)  # waited for, or Python's own end may stumble over a pipe that is being closed
