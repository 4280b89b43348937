"""Runs the tests with other people's tools (tests/integrations) and keeps what came out, in docs/integrations-tests.md."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "integrations-tests.md"
DISTRIBUTIONS = {  # what a test file's tool is called where it is installed from, if not as the file
    "hub": "huggingface_hub", "ignite": "pytorch-ignite", "nemo_curator": "nemo-curator",
    "pre_commit": "pre-commit", "pytest_plugin": "pytest", "sklearn": "scikit-learn",
}
OURS = ("live", "trackers")  # what several tools share
HEAD = ("rootdir", "configfile", "plugins", "platform", "generated xml")  # lines of pytest that tell of the machine
INTRODUCTION = """# Tests with other people's tools

`make test-integrations` installs these tools into an environment of their own, runs `tests/integrations` with each of them, and writes this
page. Nothing in them stands for a tool that is not there: where one is missing, its tests are skipped and the table says so.
"""


def outcomes(report: Path) -> dict[str, Counter[str]]:
    """What became of the tests of each file: how many passed, failed, were skipped."""
    found: dict[str, Counter[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        where = re.search(r"test_(\w+)", case.get("classname") or case.get("name") or "")
        kinds = {child.tag for child in case}
        became = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        found.setdefault(where[1] if where else "", Counter())[became] += 1
    return dict(sorted(found.items()))


def installed(tool: str) -> str:
    """A tool's distribution and version."""
    if tool in OURS:
        return "-"
    name = DISTRIBUTIONS.get(tool, tool)
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} (not installed)"


def page(found: dict[str, Counter[str]], output: str) -> Iterator[str]:
    """The lines of the page."""
    yield INTRODUCTION
    yield f"Python {platform.python_version()}, torch {version('torch')}, gradwell {version('gradwell')}.\n"
    yield "| tests | tool | passed | failed | skipped |\n|---|---|---|---|---|"
    for tool, counts in found.items():
        yield f"| {tool.replace('_', ' ')} | {installed(tool)} | {counts['passed']} | {counts['failed']} | {counts['skipped']} |"
    yield f"\n```text\n{output.replace(f'{ROOT}/', '').strip()}\n```"


def main() -> int:
    """Run the tests; the exit status is that of pytest."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        options = ["-v", "-rs", "--color=no", "-p", "no:cacheprovider", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", "tests/integrations", *options]
        with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                print(line, end="", flush=True)
                lines.append(re.sub(r"\s*\[ *\d+%\]$", "", line.rstrip()).replace(folder, "TMP"))
        told = [line for line in lines if line.strip() and not line.startswith(HEAD)]
        PAGE.write_text("\n".join(page(outcomes(report), "\n".join(told))) + "\n", encoding="utf-8")
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
