"""Imports point one way: each room knows only those that ARCHITECTURE.md allows it."""

import ast
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1] / "src" / "gradwell"
ROOMS = {
    "nets": set(), "text": set(), "doctor": set(), "errors": set(),
    "translate": {"nets", "watch"}, "vision": {"nets", "watch"},
    "watch": {"doctor", "nets"}, "report": {"doctor"},
    "lab": {"nets", "text", "watch", "doctor"},
    "integrations": {"session", "watch", "doctor", "report"},
}
ALL = {path.stem for path in HOME.iterdir() if path.suffix == ".py" or path.is_dir()}
FILES = sorted(path for path in HOME.rglob("*.py") if path.parent != HOME or path.stem == "errors")


def rooms_known(path: Path) -> set[str]:
    """The rooms that a file imports from, at its top or inside its functions."""
    known = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            modules = [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "gradwell" else [str(node.module)]
        else:
            continue
        known |= {module.split(".")[1] for module in modules if module.startswith("gradwell.")}
    return known


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(HOME)) for path in FILES])
def test_imports_point_one_way(path):
    room = path.relative_to(HOME).parts[0].removesuffix(".py")
    if room == "cli":
        return
    assert rooms_known(path) <= ROOMS[room] | {room, "errors"}


def test_only_the_rooms_that_train_or_watch_load_torch_at_once():
    for path in FILES:
        room = path.relative_to(HOME).parts[0]
        if room in ("doctor", "report", "cli", "text"):
            loads = [node for node in ast.parse(path.read_text()).body if isinstance(node, (ast.Import, ast.ImportFrom))]
            named = {alias.name for node in loads for alias in node.names} | {str(getattr(node, "module", "")) for node in loads}
            assert not any(name.split(".")[0] == "torch" for name in named), path
