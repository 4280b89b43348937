"""Running somebody's command so that every Python process it starts is watched, and nothing else about it changes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from gradwell.errors import TargetError
from gradwell.watch.settings import VARIABLE, Settings

INJECT = Path(__file__).parent / "inject"
FORWARDED = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2") if hasattr(signal, name))


def command(target: Sequence[str], module: bool) -> list[str]:
    """The command line for what the user wants watched: a script, a module (`-m`), or a command such as torchrun.

    Raises TargetError when it does not exist or cannot be a Python program.
    """
    first, path = target[0], Path(target[0])
    if module:
        return [sys.executable, "-m", *target]
    try:
        if path.is_file() and is_command(path, first):
            return list(target)
        if path.is_file():
            check(path)
        elif path.is_dir() and not (path / "__main__.py").exists():
            raise TargetError(f"{first} is a folder without a __main__.py; give a script such as {first.rstrip('/')}/train.py")
        elif not path.exists():
            if found := shutil.which(first):
                return [found, *target[1:]]
            raise TargetError(f"there is no script {first!r} here and no command of that name (the working directory is {Path.cwd()})")
    except OSError as error:
        raise TargetError(f"cannot read {first}: {error.strerror}") from error
    return [sys.executable, *target]


def is_command(path: Path, name: str) -> bool:
    """Whether a file is a program that starts by itself, such as .venv/bin/python, rather than a script for Python."""
    return os.sep in name and not path.suffix.startswith(".py") and os.access(path, os.X_OK)


def check(path: Path) -> None:
    """Refuse a file that Python could not run, before anything is started. What is wrong inside a .py file, Python says better."""
    if path.suffix in (".pyz", ".zip", ".pyc"):
        return
    source = path.read_bytes()
    if not source.strip():
        raise TargetError(f"{path} is empty; there is nothing to watch")
    if b"\0" in source[:4096]:
        raise TargetError(f"{path} is not a Python script: it holds binary data")
    if path.suffix == ".py":
        return
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(source, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        raise TargetError(f"{path} is not a Python script: line {error.lineno}: {error.msg}") from error
    except ValueError as error:
        raise TargetError(f"{path} is not a Python script: {error}") from error


def environment(settings: Settings) -> dict[str, str]:
    """The environment of the watched command: our folder before all others on PYTHONPATH, and the settings."""
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": str(INJECT) + (os.pathsep + before if before else ""), VARIABLE: settings.to_environment()}


def run(arguments: Sequence[str], settings: Settings | None, meanwhile: Callable[[], object] = bool) -> int:
    """Run a command to its end and return its exit status, negative for the signal that killed it; without settings, unwatched.

    `meanwhile` is called once while the command runs.

    Raises TargetError when it cannot be started.
    """
    with contextlib.ExitStack() as stack:
        begin = stack.enter_context(forwarding())
        try:
            process = subprocess.Popen(arguments, env=environment(settings) if settings else None, close_fds=False)  # as a shell would
        except OSError as error:
            raise TargetError(f"cannot start {arguments[0]}: {error.strerror}") from error
        begin(process)
        meanwhile()
        return process.wait()


@contextlib.contextmanager
def forwarding() -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """Pass signals on to the process that is begun. Ctrl-C at a terminal reaches it by itself, so that is only survived."""
    processes: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def forward(number: int, _: FrameType | None) -> None:
        if number in (signal.SIGINT, signal.SIGQUIT) and at_terminal():
            return
        if not processes:
            early.append(number)
        for process in processes:
            process.send_signal(number)

    def begin(process: subprocess.Popen[bytes]) -> None:
        processes.append(process)
        for number in early:
            process.send_signal(number)

    # an ignored signal stays ignored, as nohup wants it
    before = {number: signal.signal(number, forward) for number in FORWARDED if signal.getsignal(number) is not signal.SIG_IGN}
    try:
        yield begin
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def at_terminal() -> bool:
    """Whether this process is in the foreground of a terminal, where the keyboard's signals go to the whole group."""
    try:
        with open("/dev/tty", "rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
