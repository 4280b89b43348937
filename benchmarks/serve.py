"""How the page bears many long runs: 200 of 100,000 steps, each with 100 layers.

    python -m benchmarks.serve [RUNS]

Makes the runs in a temporary folder, serves them, and opens the list and one run in a browser. Writes docs/serve-load.md.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

import gradwell
from gradwell.doctor import signals
from gradwell.doctor.record import Record

ROOT = Path(__file__).parents[1]
RUNS, STEPS, LAYERS, LOOKS, TIMES = 200, 100_000, 100, 100, 5
BY_LAYER = (signals.WEIGHT_GAIN, signals.DELTA)
CHROMIUM = "/usr/bin/chromium"


def main() -> None:
    """Make, serve, open, and write the page."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "runs"
        made(root / "run-000")
        for i in range(1, count):
            shutil.copytree(root / "run-000", root / f"run-{i:03}")
        size = (root / "run-000" / "record.sqlite").stat().st_size
        command = [str(Path(sys.executable).parent / "gradwell"), "serve", str(root), "--port", "0"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr
            found = re.search(r"http://\S+", process.stderr.readline())
            assert found
            rows = measured(found[0], process.pid)
        finally:
            process.kill()
    lines = [
        "# The page with many long runs", "",
        f"Made by `python -m benchmarks.serve`, Gradwell {gradwell.__version__}: {count} runs of {STEPS:,} steps, {LAYERS} layers "
        f"looked at {LOOKS} times each, {size / 1e6:.1f} MB a record. Median of {TIMES}, server and browser on the same two cores.", "",
        "| | |", "|---|--:|", *(f"| {name} | {value} |" for name, value in rows.items()), "",
        "Series are thinned on the server: of each bucket of steps the least and the largest value, 1,200 points at most.",
    ]
    (ROOT / "docs" / "serve-load.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def made(folder: Path) -> None:
    """One long run."""
    folder.mkdir(parents=True)
    record = Record.create(folder / "record.sqlite")
    record.note("script", "train.py")
    record.note("started", time.time())
    record.note("finished", time.time())
    record.note("steps", STEPS)
    loss = record.site("loss", "loss", "nll", "train.py", 1)
    layers = [record.site("layer", f"body.{i}", "Linear", "train.py", i) for i in range(LAYERS)]
    for step in range(1, STEPS + 1):
        record.add(signals.LOSS.name, loss, step, 2.3 * math.exp(-step / 30_000) + 0.1 * math.sin(step))
        if step % (STEPS // LOOKS) == 0:
            record.add(signals.TERM_LOSS.name, loss, step, 2.3 * math.exp(-step / 30_000) + 0.1 * math.sin(step))
            record.add(signals.TRIVIAL_LOSS.name, loss, step, 2.3)
            for signal in BY_LAYER:
                for i, layer in enumerate(layers):
                    record.add(signal.name, layer, step, 1.0 + i / LAYERS)
    record.close()


def measured(address: str, server: int) -> dict[str, str]:
    """Times of what a user does, and the server's memory before and after."""
    before = memory(server)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(address)
        listed, run, layers, lists = [], [], [], []
        for i in range(TIMES):
            begun = time.perf_counter()
            with urllib.request.urlopen(f"{address}api/runs") as answer:
                runs = json.loads(answer.read())
            lists.append(time.perf_counter() - begun)
            listed.append(shown(page, address, "", "tbody tr"))
            run.append(shown(page, address, f"#/run/{runs[i]['name']}", "svg.chart path.line"))
            layers.append(shown(page, address, f"#/run/{runs[i]['name']}/layers", "canvas.heat"))
        browser.close()
    return {
        "the list of runs, asked for by a program": seconds(lists), "the list of runs, drawn": seconds(listed),
        "a run's losses, drawn": seconds(run), "its layers, drawn": seconds(layers),
        "memory of the server before": f"{before:.0f} MB", "after": f"{memory(server):.0f} MB",
    }


def shown(page: Page, address: str, view: str, what: str) -> float:
    """Seconds until a view shows something, the page loaded anew."""
    begun = time.perf_counter()
    page.goto("about:blank")
    page.goto(address + view)
    page.wait_for_selector(what, timeout=60_000)
    return time.perf_counter() - begun


def seconds(times: list[float]) -> str:
    """A median with its range."""
    ordered = sorted(times)
    return f"{ordered[len(ordered) // 2]:.2f} s ({ordered[0]:.2f} to {ordered[-1]:.2f})"


def memory(process: int) -> float:
    """Resident memory of a process in MB."""
    text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
