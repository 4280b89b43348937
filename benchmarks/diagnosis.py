"""How good the diagnosis is: every rule's own example, and scripts from public questions, issues and papers, sick and healthy.

    python -m benchmarks.diagnosis [--cases DIR] [--jobs 2]

Those scripts lie outside the project, in the folder --cases (or GRADWELL_CASES): a manifest_open.toml that names the causes of each sick
script, its healthy twin and odd but healthy controls, and a run.py that runs each one plainly and watched; those of
benchmarks/cases are our own, written by a hand that did not know the rules. Only errors and warnings count. Writes docs/diagnosis.json
and, from it, docs/diagnosis.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from benchmarks.written import written

import gradwell
from gradwell.doctor.catalogue import catalogue
from gradwell.doctor.judge import judge

ROOT = Path(__file__).parents[1]
PAGE, FIGURES = ROOT / "docs" / "diagnosis.md", ROOT / "docs" / "diagnosis.json"
PUBLISHED = [  # tool, detected, right cause of the 52 real programs of DeepFD's benchmark, healthy models flagged, where that was counted
    ("UMLAUT (CHI 2021)", 50, 14, "100 %", "MNIST and CIFAR-10 models of the DeepDiagnosis artefact"),
    ("AutoTrainer (ICSE 2021)", 12, 10, "not known", "claims 0, by its own rules"),
    ("DeepLocalize (ICSE 2021)", 36, 7, "72 %", "133 of 186 of AutoTrainer's normal models"),
    ("DeepDiagnosis (ICSE 2022)", None, None, "36 %", "68 of 188 of the same; 28 of 53 correct fixes on its own set"),
    ("DeepFD (ICSE 2022)", 47, 27, "not reported", ""),
    ("DEFault (ICSE 2025)", 48, 33, "not reported", ""),
]


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description="How good the diagnosis is.")
    parser.add_argument("--cases", type=Path, default=os.environ.get("GRADWELL_CASES"), required="GRADWELL_CASES" not in os.environ)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    figures = {"examples": examples(), "cases": practice(asked.cases, asked.jobs), "written": written(asked.jobs)}
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    PAGE.write_text(page(figures))
    print(PAGE.read_text())


def examples() -> list[dict[str, Any]]:
    """Each rule's example, sick and healthy, judged by the whole catalogue."""
    torch.set_num_threads(1)
    rows = []
    for rule in catalogue():
        found = {}
        for sick in (True, False):
            run = rule.example(sick)
            with gradwell.watch(run.model, run.optimizer, every=1) as session:
                run.train()
            found[sick] = judge(session.record).findings
        first = found[True][0] if found[True] else None
        folded = {first.code} | {below.code for below in first.explains} if first else set()
        rows.append({"code": rule.code, "name": rule.name, "kind": rule.kind, "first": rule.code in folded,
                     "others": sorted({f.code for f in found[True]} - folded), "healthy": [f.code for f in found[False]]})
    return rows


def practice(folder: Path, jobs: int) -> dict[str, Any]:
    """The scripts, by their own examiner."""
    program = Path(sys.executable).parent / "gradwell"
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "results.json"
        command = [sys.executable, folder / "run.py", "--gradwell", program, "--data", folder / "data", "--jobs", str(jobs), "--out", out]
        subprocess.run(list(map(str, command)), check=True, stdout=sys.stderr)
        told = json.loads(out.read_text())
    keys = "id", "role", "blamed", "detected", "diagnosed_any", "diagnosed_1", "wrong", "unexpected", "plain_wall", "watched_wall"
    return {"totals": told["totals"], "runs": [{key: run[key] for key in keys if key in run} for run in told["runs"]]}


def page(figures: dict[str, Any]) -> str:
    """The page."""
    rows = figures["examples"]
    right = sum(row["first"] for row in rows)
    practice, own = figures["cases"]["totals"], figures["written"]["totals"]
    lines = [
        "# How good the diagnosis is", "",
        f"Made by `python -m benchmarks.diagnosis`, PyTorch {torch.__version__}, Gradwell {gradwell.__version__}. Only errors and warnings "
        "count; notes are for information.", "",
        "## Scripts from public questions, issues and papers", "",
        f"{practice['sick']} sick scripts, with their healthy twins ({practice['well']}) and {practice['control']} odd but healthy ones. "
        "Each is run as it is under `gradwell run`. They were at hand while the rules were made; what a rule does on scripts never seen "
        "may be worse.", "", *table(practice),
        "", "Published, for comparison; another set of programs, in Keras (figures from the tools' own result files and papers):", "",
        "| tool | reported, of 52 | right cause, of 52 | healthy models flagged | |", "|---|--:|--:|--:|---|",
    ]
    lines += [f"| {name} | {'' if seen is None else seen} | {'' if cause is None else cause} | {false} | {where} |"
              for name, seen, cause, false, where in PUBLISHED]
    lines += ["", *scripts(figures["cases"]["runs"])]
    lines += ["", "## Scripts written by a hand that did not know the rules", "",
              f"{own['sick']} sick, {own['well']} healthy twins, {own['control']} odd but healthy: `benchmarks/cases`. When they were "
              "first run, 23 of the 28 had their cause named first, and none of the 34 healthy ones that were run was flagged; all "
              "five misses were then mended for their reason, so that this table is no longer blind.", "", *table(own),
              "", *scripts(figures["written"]["runs"])]
    lines += ["", "## The rules' own examples", "",
              f"{right} of {len(rows)} sick examples: the fault is named first, or folded into its cause. "
              f"{sum(not row['healthy'] for row in rows)} of {len(rows)} healthy twins: nothing is said, not even a note.", "",
              "| rule | kind | named first | said besides | on the healthy twin |", "|---|---|---|---|---|"]
    lines += [f"| {row['code']} {row['name']} | {row['kind']} | {'yes' if row['first'] else 'no'} | {', '.join(row['others'])} | "
              f"{', '.join(row['healthy'])} |" for row in rows]
    return "\n".join(lines) + "\n"


def table(t: dict[str, Any]) -> list[str]:
    """The totals of a set of scripts."""
    healthy = t["well"] + t["control"]
    rows = [
        ("a fault was reported", t["detected"], t["sick"]), ("a true cause was named", t["diagnosed_any"], t["sick"]),
        ("a true cause was named first", t["diagnosed_1"], t["sick"]), ("healthy scripts flagged", t["false_alarm"], healthy),
        ("scripts disturbed (other output)", t["interference"], t["sick"] + healthy), ("crashes", t["crash"], t["sick"] + healthy),
    ]
    if "blamed_on_sick" in t:
        rows.insert(3, ("what was blamed on sick scripts was true", t["right_on_sick"], t["blamed_on_sick"]))
    return ["| | of | |", "|---|--:|--:|", *(line(*row) for row in rows),
            "", f"Whole processes, watched against plain, start-up included: median {t['overhead_ratio_median']:.2f}."]


def scripts(runs: list[dict[str, Any]]) -> list[str]:
    """What was said of each script."""
    lines = ["| script | | said |", "|---|---|---|"]
    for run in runs:
        if run["role"] == "sick":
            mark = "first" if run["diagnosed_1"] else "named" if run["diagnosed_any"] else "reported" if run["detected"] else "missed"
        else:
            mark = "false alarm" if run["unexpected"] else "silent"
        lines.append(f"| {run['id']} {run['role']} | {mark} | {', '.join(run['blamed'])} |")
    return lines


def line(what: str, part: int, whole: int) -> str:
    """A row of the table of totals."""
    return f"| {what} | {part} / {whole} | {100 * part / whole:.1f} % |" if whole else f"| {what} | 0 / 0 | |"


if __name__ == "__main__":
    main()
