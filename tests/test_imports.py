"""Imports point one way, and `import gradwell` costs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "gradwell"
EVERYTHING = {"cli", "doctor", "errors", "folder", "integrations", "lab", "lazy", "loop", "nets", "onnx", "project", "report", "serve",
              "session", "studies", "text", "translate", "vision", "watch", "weights", "__init__"}
ALLOWED = {
    "__init__": EVERYTHING, "cli": EVERYTHING, "session": EVERYTHING, "errors": set(),
    "nets": set(), "text": {"lazy", "studies"}, "doctor": set(),
    "watch": {"doctor", "nets"}, "report": {"doctor"}, "project": {"doctor"},
    **{shared: set() for shared in ("folder", "lazy", "loop", "onnx", "studies", "weights")},
    **{room: {"folder", "lazy", "loop", "nets", "onnx", "watch", "weights"} for room in ("translate", "vision")},
    "serve": {"doctor", "folder", "lab", "nets", "project", "report", "text", "translate", "__init__"},
    "lab": {"folder", "nets", "studies", "text", "watch", "doctor"},
    "integrations": {"doctor", "folder", "project", "report", "session", "text", "translate", "vision", "watch", "__init__"},
}
FILES = sorted(SOURCE.rglob("*.py"))


def room(path):
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def imported(path):
    """The rooms that a file imports from, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module == "gradwell":
            names = [f"gradwell.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (name.split(".")[1] for name in names if name.startswith("gradwell."))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_one_way(path):
    mine = room(path)
    wrong = {other for other in imported(path) if other not in ALLOWED[mine] | {mine, "errors"}}
    assert not wrong, f"{mine} may not import {', '.join(wrong)}"


def test_the_doctor_needs_no_torch():
    code = "import sys, gradwell.doctor.catalogue as c; c.catalogue(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_gradwell_loads_neither_torch_nor_numba_nor_rich():
    code = "import sys, gradwell; assert not {'torch', 'numba', 'numpy', 'rich', 'typer'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("command", sorted(path.parent.name for path in (SOURCE / "cli").glob("*/app.py")))
def test_the_help_of_a_command_loads_no_torch(command):
    code = f"import sys, gradwell.cli.{command}.app; assert not {{'torch', 'numba', 'matplotlib'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_watch_stays_a_function_whatever_is_imported_after_it():
    code = "import gradwell, gradwell.watch.schedule; from gradwell.watch import watcher; assert callable(gradwell.watch)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_public_names_are_sorted_and_there():
    import gradwell

    assert list(gradwell.__all__) == sorted(gradwell.__all__)
    assert all(hasattr(gradwell, name) for name in gradwell.__all__)
