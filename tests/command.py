"""What tests of the command line need: to run it, and to run plain Python beside it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

GRADWELL = str(Path(sys.executable).parent / "gradwell")
TRAIN = """
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
def step(check=None):
    x = torch.randn(16, 4)
    loss = torch.nn.functional.cross_entropy(model(x), (x[:, 0] > 0).long())
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.1 * p.grad
            p.grad = None
    return loss.item()
"""  # without an optimizer, whose first use takes torch some seconds


def gradwell(*arguments, cwd, **options):
    """Run the command to its end."""
    return execute([GRADWELL, *map(str, arguments)], cwd, **options)


def inside(*arguments, cwd, input="", env=None):
    """Run the command to its end in this process, where torch is loaded already."""
    from gradwell.cli.main import main

    stdin, stdout, stderr = (io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8") for text in (input, "", ""))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        for name, value in (env or {}).items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", [GRADWELL, *map(str, arguments)])
        for name, stream in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)):
            patch.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as end:
            main()
    for stream in (stdout, stderr):
        stream.flush()
    out, err = (stream.buffer.getvalue().decode() for stream in (stdout, stderr))
    return subprocess.CompletedProcess(arguments, end.value.code, out, err)


def python(*arguments, cwd, **options):
    """Run the same Python without us."""
    return execute([sys.executable, *map(str, arguments)], cwd, **options)


def execute(command, cwd, env=None, **options):
    base = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "PYTHONPATH", "GRADWELL_RUN")}
    options = {"input": "", "timeout": 120} | options
    return subprocess.run(command, cwd=cwd, env=base | (env or {}), capture_output=True, text=True, check=False, **options)


def script(folder: Path, text: str, name: str = "train.py") -> Path:
    """Write a script."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def ours(stderr: str) -> str:
    """What Gradwell said, after everything the script said."""
    at = stderr.find("gradwell: ")
    return stderr[at:] if at >= 0 else ""


def theirs(stderr: str) -> str:
    """What the script said."""
    return stderr.removesuffix(ours(stderr))
