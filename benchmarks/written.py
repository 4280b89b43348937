"""Runs the scripts of benchmarks/cases plainly and watched. They were written by a hand that did not know the rules."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"
LIMIT = 300  # seconds


def scripts() -> list[dict[str, Any]]:
    """Each script with its role (sick, well or control) and what may be blamed first in it."""
    cases = json.loads((CASES / "manifest.json").read_text())
    return [{"id": case["name"], "role": role, "script": CASES / case[role], "causes": case.get("causes", []) if role == "sick" else []}
            for case in cases for role in ("sick", "well", "control") if case[role]]


def written(jobs: int) -> dict[str, Any]:
    """Every script, plainly and watched in turn, and the totals."""
    with ThreadPoolExecutor(jobs) as pool:
        runs = list(pool.map(measured, enumerate(scripts())))
    sick, healthy = [run for run in runs if run["role"] == "sick"], [run for run in runs if run["role"] != "sick"]
    totals = {
        "sick": len(sick),
        "well": sum(run["role"] == "well" for run in healthy), "control": sum(run["role"] == "control" for run in healthy),
        "detected": sum(run["detected"] for run in sick), "diagnosed_any": sum(run["diagnosed_any"] for run in sick),
        "diagnosed_1": sum(run["diagnosed_1"] for run in sick), "false_alarm": sum(bool(run["blamed"]) for run in healthy),
        "interference": sum(run["disturbed"] for run in runs), "crash": sum(run["crash"] for run in runs),
        "overhead_ratio_median": statistics.median(run["watched_wall"] / run["plain_wall"] for run in runs),
    }
    return {"totals": totals, "runs": runs}


def measured(numbered: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    """One script; which of the two runs comes first alternates."""
    number, case = numbered
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        watched = [str(Path(sys.executable).parent / "gradwell"), "run", "--json", str(report), str(case["script"])]
        commands = {"plain": [sys.executable, str(case["script"])], "watched": watched}
        done = {name: timed(commands[name], scratch) for name in sorted(commands, reverse=number % 2 == 1)}
        findings = json.loads(report.read_text())["findings"] if report.exists() else None
    blamed = [finding["name"] for finding in findings or () if finding["severity"] != "note"]
    (plain, plain_wall), (seen, watched_wall) = done["plain"], done["watched"]
    return {
        "id": case["id"], "role": case["role"], "blamed": blamed, "detected": bool(blamed),
        "diagnosed_any": bool(set(blamed) & set(case["causes"])), "diagnosed_1": bool(blamed) and blamed[0] in case["causes"],
        "unexpected": blamed if case["role"] != "sick" else [],
        "disturbed": (plain.stdout, plain.returncode) != (seen.stdout, seen.returncode), "crash": findings is None,
        "plain_wall": plain_wall, "watched_wall": watched_wall,
    }


def timed(command: list[str], folder: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """The ended process and the seconds it took."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, timeout=LIMIT)
    return done, time.perf_counter() - started
