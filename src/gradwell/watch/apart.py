"""Trying something out without leaving a trace: in a copy of the process, which is thrown away when it has answered.

A forked process has all the script's objects and nothing that it does to them is seen outside: weights, buffers, plain attributes,
counters and random states cannot be disturbed. What could reach beyond it is cut off: its open files and sockets are closed and no new
one can be opened, memory that is shared with other processes is read-only, and to start a program or to send a signal fails.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import mmap
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch

try:
    import resource
except ImportError:  # where no process can be copied, either
    resource = None  # type: ignore[assignment]

UNSAFE = ("jax", "tensorflow", "mpi4py", "grpc", "ray", "horovod")  # libraries that must not be in a process that forks
FORBIDDEN = ("os.", "socket.", "subprocess.", "shutil.", "sqlite3.", "signal.", "urllib.", "http.", "smtplib.", "ftplib.")
READING = ("os.listdir", "os.scandir", "os.walk", "os.fwalk")
PER_GIGABYTE, AT_LEAST = 0.05, 0.04  # seconds that a copy of the process takes
HARMLESS = ("torch", "numpy", "joblib", "sklearn", "scipy", "threadpoolctl", "filelock", "fsspec", "huggingface_hub",
            "matplotlib", "h5py", "mlflow")  # which only put their own locks, caches and connections right in the copy
strangers: list[str] = []  # who asked to be called at every copy of the process
kept: list[Any] = []  # in the copy: streams that must not say goodbye


class NotTried(Exception):  # noqa: N818 - it is an answer, not a failure
    """Why something could not be tried out; no words where there was nothing to try, so that there is nothing to tell, either."""


class TooLong(NotTried):
    """What was tried did not come to its end in the time that it had."""


def obstacle() -> str | None:
    """Why this process is better not copied; None where it can be."""
    if not hasattr(os, "fork") or sys.platform != "linux":
        return "this system cannot copy a process safely"
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return "several processes train together"
    loaded = [name for name in UNSAFE if name in sys.modules]
    if loaded:
        return f"{loaded[0]} is loaded, which must not be copied with its process"
    if strangers:
        return f"{strangers[0]} asked to be called at every copy of the process"
    if warned():
        return "Python would warn of a copy of a process with threads"
    if not unheard(signal.getsignal(signal.SIGCHLD)) or signal.SIGCHLD in signal.pthread_sigmask(signal.SIG_BLOCK, []):
        return "the script itself listens to the end of processes"
    return None


def unheard(handler: Any) -> bool:
    """Whether the end of a process is heard of by nobody, or by torch alone, which asks for its own workers only."""
    if getattr(handler, "__module__", "").partition(".")[0] == "torch":  # which calls the handler that was there before, if any
        return not any(callable(cell.cell_contents) for cell in handler.__closure__ or ())
    return handler in (signal.SIG_DFL, signal.SIG_IGN)


def warned() -> bool:
    """Whether Python's warning of copies of a process with threads, new in 3.12, would be seen."""
    if sys.version_info < (3, 12):
        return False
    for action, message, category, module, _ in warnings.filters:
        if issubclass(DeprecationWarning, category) and message is None and (module is None or module.match(__name__)):
            return action != "ignore"
    return True


def noted(**functions: Any) -> None:
    """Somebody asks Python to call functions at every copy of the process: note who, but for Python itself, torch and NumPy."""
    for function in functions.values():
        whole = getattr(function, "func", function)  # of a partial
        owner = getattr(whole, "__self__", None)  # of a method written in C
        home = getattr(whole, "__module__", None) or getattr(owner, "__module__", None)
        who = (home or "the script").partition(".")[0]
        if who not in sys.stdlib_module_names or who == "__main__":
            strangers.extend([who] if who not in HARMLESS else [])


def cost() -> float:
    """Seconds that a copy of this process takes, by its size in memory."""
    with contextlib.suppress(OSError, ValueError), open("/proc/self/statm", encoding="ascii") as file:
        return AT_LEAST + PER_GIGABYTE * int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**30
    return AT_LEAST


def apart(function: Callable[[], Any], seconds: float) -> Any:
    """What a function returns (anything that JSON can hold) in a copy of this process, which has so many seconds for it.

    Raises TooLong where that was not enough, NotTried with the function's own NotTried or the name of its error.
    """
    ours, theirs = os.pipe()
    child, told = 0, None
    blocked = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())  # the copy must never run a handler of the script's
    try:
        child = os.fork()
        if child == 0:
            answer(function, theirs, seconds)
        os.close(theirs)
        theirs = -1
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)  # the script's signals are heard while we wait
        told = listen(ours, seconds)
    except OSError as error:
        raise NotTried(f"the process could not be copied ({error.strerror})") from error
    finally:
        for pipe in (ours, theirs):
            if pipe >= 0:
                os.close(pipe)
        if child:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    if told is None:
        raise TooLong("it took too long")
    if not told:
        raise NotTried("the second copy of the process broke down")
    result = json.loads(told)
    if "not" in result:
        raise NotTried(result["not"])
    return result["answer"]


def listen(pipe: int, seconds: float) -> bytes | None:
    """A line that comes through a pipe within some seconds: None where it has not ended by then, nothing where the pipe was closed."""
    told, ends = b"", time.monotonic() + seconds
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    while waiting.poll(max(0.0, 1000 * (ends - time.monotonic()))):
        part = os.read(pipe, 65536)
        told += part
        if not part or told.endswith(b"\n"):
            return told
    return None


def answer(function: Callable[[], Any], pipe: int, seconds: float) -> None:
    """In the copy: cut everything off, call the function, tell what it returned, and end at once, without Python's own end."""
    try:
        try:
            seal(pipe, seconds)
            result = {"answer": function()}
        except NotTried as reason:
            result = {"not": str(reason)}
        except Exception as error:  # noqa: BLE001 - whatever the script's own code raises here is a reason not to look
            result = {"not": f"{type(error).__name__}: {error}".split("\n")[0]}
        told = json.dumps(result).encode() + b"\n"
        while told:
            told = told[os.write(pipe, told):]
    finally:
        os._exit(0)


def seal(pipe: int, seconds: float) -> None:
    """Close all files but the pipe, forbid what would be seen outside, and set an alarm that ends the process."""
    gc.disable()  # objects that are thrown away may say goodbye to others
    sys.settrace(None)
    sys.setprofile(None)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")  # where memory ends, this process goes and not the script
    protect()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.closerange(3, pipe)
    os.closerange(pipe + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    kept.extend((sys.stdout, sys.stderr))  # let go, they would be flushed
    sys.stdout = sys.stderr = open(0, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - what is printed goes nowhere, too
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    torch.set_num_threads(1)  # those of the pool were not copied
    sys.dont_write_bytecode = True
    sys.addaudithook(guard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # what is written in C raises no event; it cannot open anything, either


def protect() -> None:
    """Make memory that is shared with other processes read-only: whoever writes to it ends this copy. Raises NotTried where that fails."""
    libc = ctypes.CDLL(None)
    with open("/proc/self/maps", encoding="ascii", errors="replace") as file:
        shared = [line.split()[0].split("-") for line in file if line.split()[1][1::2] == "ws"]
    for first, last in shared:
        begin, end = int(first, 16), int(last, 16)
        if libc.mprotect(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), mmap.PROT_READ):
            raise NotTried("memory that is shared with other processes cannot be protected")


def guard(event: str, args: tuple[Any, ...]) -> None:
    """Refuse what would be seen outside of the copy."""
    writes = event == "open" and (set(str(args[1] or "r")) & set("wax+") or (args[2] or 0) & (os.O_WRONLY | os.O_RDWR))
    if writes or (event.startswith(FORBIDDEN) and event not in READING):
        raise NotTried(f"the model does something that is seen outside ({event})")
