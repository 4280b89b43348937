"""gradwell.text beside fastText 0.9.3: the same text, options and threads, in turn, each in a process of its own.

    python benchmarks/text.py                  # all cases, writes docs/text-speed.md
    python benchmarks/text.py agnews cooking   # some, to the terminal

Each figure is the median of the pairs with their spread (lowest to highest). "training" leaves out start-up, reading
and saving: of Gradwell it is what the epochs took, of fastText the call less the same call with epoch=0. Where
FASTTEXT_CLI names fastText's own command line program, predictions from the command line are measured too.
"""

from __future__ import annotations

import gzip
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("GRADWELL_DATA", ROOT.parent / "shared" / "data"))
THREADS = 2
PAIRS = 3


@dataclass(frozen=True)
class Case:
    """A text, and how to train on it."""

    about: str
    text: str
    options: dict[str, Any] = field(default_factory=dict)
    call: str = "train_supervised"
    pairs: int = PAIRS


TAGS = {"dim": 50, "wordNgrams": 2, "bucket": 200_000, "lr": 1.0, "epoch": 25}
CASES = {
    "agnews": Case("AG News, 4 classes, dim 10, bigrams", "agnews", {"dim": 10, "wordNgrams": 2, "lr": 0.25}),
    "agnews-100": Case("AG News, defaults (dim 100)", "agnews"),
    "imdb": Case("IMDB, 2 classes, dim 100, bigrams", "imdb", {"wordNgrams": 2, "lr": 0.25}),
    "cooking": Case("cooking, 735 tags, softmax", "cooking", TAGS),
    "cooking-hs": Case("cooking, 735 tags, hierarchical", "cooking", TAGS | {"loss": "hs"}),
    "language": Case("languages, 113 classes, characters 2-4", "language-id", {"dim": 16, "minn": 2, "maxn": 4, "lr": 0.5, "epoch": 10}),
    "chinese": Case("Chinese headlines, 10 classes, bigrams", "thucnews-zh", {"wordNgrams": 2, "lr": 0.5, "epoch": 10}),
    "tiny": Case("SMS spam, 2 classes, defaults", "sms"),
    "vectors": Case("IMDB, skipgram, defaults", "imdb-raw", {"epoch": 5}, "train_unsupervised", 1),
}


def main() -> None:
    """Run the cases that were named, or all."""
    names = sys.argv[1:] or [*CASES]
    unknown = [name for name in names if name not in CASES]
    if unknown:
        sys.exit(f"{unknown[0]!r} is not a case; the cases are {', '.join(CASES)}")
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(name, CASES[name], Path(folder)) for name in names]
    page = table(rows)
    print(page)
    if not sys.argv[1:]:
        (ROOT / "docs" / "text-speed.md").write_text(page)


def prepared(text: str, part: str, folder: Path) -> Path:
    """The path of a text, unpacked where it is packed."""
    target = folder / f"{text}.{part}.txt"
    if target.exists():
        return target
    plain = DATA / "text" / f"{text}.{part}.txt"
    if plain.exists():
        return plain
    with gzip.open(DATA / "text" / f"{text.removesuffix('-raw')}.{part}.txt.gz", "rt") as packed, target.open("w") as out:
        for line in packed:
            out.write(line.partition(" ")[2] if text.endswith("-raw") else line)
    return target


def child(side: str, job: dict[str, Any]) -> dict[str, Any]:
    """Do one job in a process of its own; adds how long the process took from start to end."""
    started = time.perf_counter()
    command = [sys.executable, str(Path(__file__).with_name("text_worker.py")), side, json.dumps(job)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{side} failed: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result | {"wall": time.perf_counter() - started}


def measure(name: str, case: Case, folder: Path) -> dict[str, Any]:
    """Train and predict with both, in turn."""
    source = prepared(case.text, "train", folder)
    later: dict[str, Any] = {"model": str(folder / "model.bin")}
    job: dict[str, Any] = later | {"call": case.call, "input": str(source), "options": case.options | {"thread": THREADS}}
    if case.call == "train_supervised":
        later["test"] = str(prepared(case.text, "test", folder))
    else:
        later["pairs"] = [str(path) for path in sorted((DATA / "vectors").glob("*.txt"))]
    child("gradwell", job | {"options": job["options"] | {"epoch": 1}})  # the kernels are compiled and on disk from here on
    still = child("fasttext", job | {"options": job["options"] | {"epoch": 0}})["call"]
    sides: dict[str, list[dict[str, Any]]] = {"gradwell": [], "fasttext": []}
    for seed in range(case.pairs):
        for side, results in sides.items():
            options = job["options"] | ({"seed": seed} if case.call == "train_supervised" else {})
            result = child(side, job | {"options": options})
            trained = {key: result[key] for key in ("wall", "call", "memory", "size", "on_disk", "failures")}
            trained["training"] = result["training"] if result["training"] is not None else max(result["call"] - still, 1e-9)
            predicted = child(side, later)
            trained |= {key: predicted[key] for key in ("loading", "lines_per_second", "p1", "similarity") if key in predicted}
            if "test" in later:
                trained["cli"] = command_line(side, job["model"], later["test"], folder)
            results.append(trained)
        print(f"{name}: pair {seed + 1} of {case.pairs} done", file=sys.stderr)
    return {"case": case, "sides": sides}


def command_line(side: str, model: str, test: str, folder: Path) -> float | None:
    """Lines per second of `predict` on the test text, ten times over, start-up included."""
    program = os.environ.get("FASTTEXT_CLI") if side == "fasttext" else None
    if side == "fasttext" and not program:
        return None
    big = folder / "big.txt"
    content = Path(test).read_bytes()
    big.write_bytes(content * 10)
    command = [program] if program else [shutil.which("gradwell", path=str(Path(sys.executable).parent)) or "gradwell", "text"]
    started = time.perf_counter()
    subprocess.run([*command, "predict", model, str(big)], stdout=subprocess.DEVNULL, check=True)
    return content.count(b"\n") * 10 / (time.perf_counter() - started)


def ratio(row: dict[str, Any], key: str, better: str = "low") -> str:
    """How many times better Gradwell is, by pairs: median and spread."""
    pairs = list(zip(row["sides"]["gradwell"], row["sides"]["fasttext"], strict=True))
    if any(ours.get(key) is None or theirs.get(key) is None for ours, theirs in pairs):
        return "-"
    values = [theirs[key] / ours[key] if better == "low" else ours[key] / theirs[key] for ours, theirs in pairs]
    spread = f" ({min(values):.2f}-{max(values):.2f})" if len(values) > 1 else ""
    return f"{statistics.median(values):.2f}{spread}"


def middle(row: dict[str, Any], side: str, key: str) -> float:
    """The median of one side."""
    values = [result[key] for result in row["sides"][side] if result.get(key) is not None]
    return statistics.median(values) if values else float("nan")


def both(row: dict[str, Any], key: str, layout: str, scale: float = 1.0) -> str:
    """Gradwell's and fastText's figure."""
    return " / ".join(format(middle(row, side, key) * scale, layout) for side in ("gradwell", "fasttext"))


def spread_of(row: dict[str, Any], side: str) -> str:
    """Mean and spread of P@1 over the seeds, in percent."""
    values = [100 * result["p1"] for result in row["sides"][side]]
    return f"{statistics.mean(values):.2f} ± {statistics.pstdev(values):.2f}"


def table(rows: list[dict[str, Any]]) -> str:
    """The figures as a page."""
    import numba
    import numpy

    import gradwell

    lines = [
        "# gradwell.text beside fastText 0.9.3", "",
        f"{THREADS} threads each, in turn, each run in a process of its own; {platform.machine()}, Python {platform.python_version()}, "
        f"NumPy {numpy.__version__}, Numba {numba.__version__}, Gradwell {gradwell.__version__}; fastText built from its source package"
        f"{os.environ.get('FASTTEXT_BUILD', ' as pip builds it')}. Made by `python benchmarks/text.py`.", "",
        "Ratios say how many times better Gradwell is: median of the pairs, and their spread.", "",
        "| case | training | start to end | s | predict, list | predict, command line | P@1 Gradwell | P@1 fastText "
        "| fastText's NaN failures |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        classifier = "p1" in row["sides"]["gradwell"][0]
        accuracy = [spread_of(row, side) if classifier else "-" for side in ("gradwell", "fasttext")]
        failures = sum(result["failures"] for result in row["sides"]["fasttext"])
        lines.append(
            f"| {row['case'].about} | {ratio(row, 'training')} | {ratio(row, 'wall')} | {both(row, 'wall', '.1f')} | "
            f"{ratio(row, 'lines_per_second', 'high')} | {ratio(row, 'cli', 'high')} | {accuracy[0]} | {accuracy[1]} | {failures} |"
        )
    lines += ["", "| case | peak memory, training, MB | model, MB | on disk, MB | loading, s |", "|---|--:|--:|--:|--:|"]
    lines += [
        f"| {row['case'].about} | {both(row, 'memory', '.0f')} | {both(row, 'size', '.1f', 1e-6)} | {both(row, 'on_disk', '.1f', 1e-6)} "
        f"| {both(row, 'loading', '.2f')} |"
        for row in rows
    ]
    for row in rows:
        if "similarity" in row["sides"]["gradwell"][0]:
            lines += ["", f"Spearman's correlation with human judgements ({row['case'].about}; unseen words through their n-grams):", ""]
            lines += ["| set | Gradwell | fastText |", "|---|--:|--:|"]
            for name in row["sides"]["gradwell"][0]["similarity"]:
                values = [statistics.mean(result["similarity"][name] for result in row["sides"][side]) for side in ("gradwell", "fasttext")]
                lines.append(f"| {name} | {values[0]:.3f} | {values[1]:.3f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
