"""Folders of text labelled by Gradwell and by fastText 0.9.3 in the same pipeline, and what a billion documents would need.

    python benchmarks/cluster.py            # writes docs/cluster-speed.md
    python benchmarks/cluster.py 1000       # as many rows a table, to the terminal

The pipeline is `gradwell.text.folders`: it reads the same tables, writes the same tables, in as many processes. Only the
engine is exchanged: Gradwell's, fastText called with a list for each block of rows, and fastText called document by
document. They take turns; ratios are of the pairs of a turn. Processes have started and have labelled a table each before
the clock runs. "Work" is processor time, which other programs disturb less than they do the clock. Documents are AG News;
languages are learned from language-id.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from gradwell.text import files, folders, native, processes, tables, tables_in, train_supervised
from gradwell.text.folders import Outcome, Piece
from gradwell.text.tables import Job

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("GRADWELL_DATA", ROOT.parent / "shared" / "data")) / "text"
TABLES, ROWS, TURNS = 8, 25_000, 3
BILLION = 10**9
JOB = Job("text", threads=1)
MODEL = {"dim": 16, "minn": 2, "maxn": 4, "lr": 0.5, "epoch": 10, "thread": 2, "verbose": 0}
Work = Callable[[Piece], Outcome]


class Upstream:
    """A model of fastText, asked as `gradwell.text.tables` asks a model of ours."""

    def __init__(self, path: str, one_by_one: bool) -> None:
        import fasttext

        self.model = fasttext.load_model(path)
        self.labels = self.model.get_labels()
        self.ids = {label: i for i, label in enumerate(self.labels)}
        self.one_by_one = one_by_one

    def predict(self, texts: Any, k: int) -> None:
        """It is a classifier."""

    def predict_bytes(self, data: Any, starts: Any, k: int, threshold: float, labels: Any, threads: int) -> tuple[Any, Any]:  # noqa: ARG002
        """The most probable label of each line."""
        lines = data.tobytes().decode().split("\n")[: len(starts) - 1]
        if self.one_by_one:  # what `predict` of one text does, less its last line, which NumPy 2 refuses
            answers = [self.model.f.predict(line + "\n", k, threshold, "strict") for line in lines]
            names, values = [answer[0][1] for answer in answers], [answer[0][0] for answer in answers]
        else:
            found, scores = self.model.predict(lines, k=k)
            names, values = [name[0] for name in found], [score[0] for score in scores]
        ids = np.array([self.ids[name] for name in names], np.int32)
        return ids[:, None], np.minimum(np.array(values, np.float32), 1)[:, None]


@cache
def upstream(path: str, one_by_one: bool) -> Upstream:
    """A model of fastText, loaded once by each process."""
    tables_in.arrow().set_cpu_count(1)
    return Upstream(path, one_by_one)


def peer(path: str, one_by_one: bool, piece: Piece) -> Outcome:
    """Label a table by fastText."""
    return Outcome(piece, tables.predict(upstream(path, one_by_one), [piece.source], piece.target, JOB))  # type: ignore[arg-type]


def memory(path: str, engine: str, piece: str) -> dict[str, int]:
    """What a process takes of memory, in bytes, its model loaded and used, while the other has it loaded, too."""
    model: Any = folders.loaded(path, 1) if engine == "gradwell" else upstream(path, False)
    before = smaps()
    data = np.frombuffer(b"some words of a language\n" * 100_000, np.uint8)
    model.predict_bytes(data, np.arange(100_001) * 25, 1, 0.0, None, 1)
    time.sleep(5)  # the other is as far
    return {**smaps(), "piece": int(piece), "before": before["Pss"]}


def smaps() -> dict[str, int]:
    """Memory of this process: Pss shares what is mapped by several among them."""
    lines = [line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]]
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if words[0] in ("Rss:", "Pss:", "Private_Dirty:")}


def prepared(folder: Path, rows: int) -> tuple[str, str, list[Piece]]:
    """A model in both formats, and tables of documents."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    model = train_supervised(str(DATA / "language-id.train.txt"), **MODEL).model
    files.save(model, folder / "model.bin")
    native.save(files.load(folder / "model.bin"), folder / "model.safetensors")  # as `folders` makes it of a .bin
    documents = [line.partition(" ")[2] for line in (DATA / "agnews.train.txt").read_text().splitlines()]
    (folder / "in").mkdir()
    for i in range(TABLES):
        some = [documents[(i * rows + j) % len(documents)] for j in range(rows)]
        pq.write_table(pa.table({"id": range(i * rows, (i + 1) * rows), "text": some}), folder / "in" / f"{i}.parquet")
    return str(folder / "model.bin"), str(folder / "model.safetensors"), folders.pieces(folder / "in", folder / "out")


def speeds(work: Work, pieces: list[Piece], workers: int, rows: int) -> tuple[float, float]:
    """Rows per second, and rows per second that a processor worked, once each process has had a table."""
    first = [replace(pieces[i], name=f"{workers} {time.time_ns()}") for i in range(workers)]
    results: Iterator[Any] = processes.each(partial(together, work), [*first, *pieces], workers)
    for _ in range(workers):
        next(results)
    started = time.perf_counter()
    for path in Path(pieces[0].target).parent.glob("*.* *"):
        path.unlink()
    worked = 0.0
    for _, answer in results:
        if isinstance(answer, processes.Died) or answer[0].error:
            sys.exit(str(answer))
        worked += answer[1]
    return rows / (time.perf_counter() - started), rows / worked


def together(work: Work, piece: Piece) -> tuple[Outcome, float]:
    """Label a table, and the seconds of work it took; after the first one, wait until the others have had theirs, too."""
    before = time.process_time()
    outcome = work(piece)
    worked = time.process_time() - before
    if " " in piece.name:
        Path(piece.target).with_suffix(f".{piece.name}").touch()
        workers, _, _ = piece.name.partition(" ")
        while len(list(Path(piece.target).parent.glob("*.* *"))) < int(workers):
            time.sleep(0.002)
    return outcome, worked


def ray_seconds(model: str, pieces: list[Piece], workers: int) -> float:
    """The same on Ray, whose processes have had a table each, too."""
    import ray

    from gradwell.integrations import ray_text

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init("local", num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        list(ray_text.run("local", model, pieces[:workers], JOB))
        started = time.perf_counter()
        if any(outcome.error for outcome in ray_text.run("local", model, pieces, JOB)):
            sys.exit("Ray could not label a table")
        return time.perf_counter() - started
    finally:
        ray.shutdown()


def stages(model: str, turns: int) -> list[dict[str, float]]:
    """Seconds of datatrove's step alone, for documents in memory: our filter, and what datatrove's does for each document."""
    from datatrove.data import Document

    from gradwell.integrations.datatrove import LanguageFilter

    documents = [line.partition(" ")[2] for line in (DATA / "agnews.test.txt").read_text().splitlines()]
    ours, theirs = LanguageFilter(model, language_threshold=0.5), upstream(model, True)
    times = []
    for _ in range(turns + 1):
        given = [Document(text, str(i)) for i, text in enumerate(documents)]
        started = time.process_time()
        kept = sum(1 for _ in ours.run(iter(given)))
        between = time.process_time()
        for text in documents:  # datatrove/utils/lid.py: predict, of every label
            pairs = theirs.model.f.predict(text.replace("\n", " ") + "\n", -1, 0.0, "strict")
            scores = {name.split("__")[2]: score for score, name in pairs}
            kept -= max(scores.items(), key=lambda pair: pair[1])[1] > 0.5
        times.append({"gradwell": between - started, "fasttext": time.process_time() - between, "differ": abs(kept), "n": len(documents)})
    return times[1:]


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def spread(values: Sequence[float], layout: str = ".2f") -> str:
    """Median and spread."""
    return f"{middle(values):{layout}} ({min(values):{layout}}-{max(values):{layout}})"


def main() -> None:
    """Measure, and write the page."""
    rows = int(sys.argv[1]) if sys.argv[1:] else ROWS
    with tempfile.TemporaryDirectory() as name:
        page = measured(Path(name), rows)
    print(page)
    if not sys.argv[1:]:
        (ROOT / "docs" / "cluster-speed.md").write_text(page)


def measured(folder: Path, rows: int) -> str:
    """Everything, as a page."""
    native_format, mapped, pieces = prepared(folder, rows)
    ours: Work = partial(folders.label, mapped, JOB)
    engines: dict[str, Work] = {
        "Gradwell": ours, "fastText, a list for each block": partial(peer, native_format, False),
        "fastText, document by document": partial(peer, native_format, True),
    }
    total, characters = rows * len(pieces), sum(len(text) for text in texts(pieces[:1])) / rows
    rates: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for turn in range(TURNS):
        for workers in (1, 2):
            for engine, work in engines.items():
                rates.setdefault((engine, workers), []).append(speeds(work, pieces, workers, total))
            rates.setdefault(("Gradwell on Ray", workers), []).append((total / ray_seconds(mapped, pieces, workers), 0.0))
        print(f"turn {turn + 1} of {TURNS} done", file=sys.stderr)
    sizes = {"read": size(folder / "in"), "written": size(folder / "out")}
    same = agreement(folder, pieces, engines)
    use = {engine: memories(mapped if engine == "gradwell" else native_format, engine) for engine in ("gradwell", "fasttext")}
    return table(rates, stages(native_format, TURNS), use, {"rows": total, "characters": characters, "same": same, **sizes,
                 "model": Path(native_format).stat().st_size, "matrix": matrix_bytes(mapped)})


def texts(pieces: list[Piece]) -> list[str]:
    """The documents of some tables."""
    import pyarrow.parquet as pq

    return [text for piece in pieces for text in pq.read_table(piece.source)["text"].to_pylist()]


def size(folder: Path) -> int:
    """Bytes of the tables of a folder."""
    return sum(path.stat().st_size for path in folder.glob("*.parquet"))


def matrix_bytes(path: str) -> int:
    """Bytes of the matrices that processes map."""
    model = files.load(path)
    return int(np.asarray(model.input).nbytes + np.asarray(model.output).nbytes)


def agreement(folder: Path, pieces: list[Piece], engines: dict[str, Work]) -> str:
    """How many labels of a table are the same, and how far probabilities are apart."""
    import pyarrow.parquet as pq

    found = []
    for work in list(engines.values())[:2]:
        list(processes.each(work, pieces[:1], 1))
        found.append(pq.read_table(pieces[0].target))
    labels = [one["label"].to_pylist() for one in found]
    apart = np.abs(found[0]["probability"].to_numpy() - found[1]["probability"].to_numpy()).max()
    shutil.rmtree(folder / "out")
    same = sum(a == b for a, b in zip(*labels, strict=True))
    return f"{same:,} of {len(labels[0]):,} labels are the same, probabilities within {apart:.0e}"


def memories(path: str, engine: str) -> list[dict[str, int]]:
    """Memory of each of two processes with the model."""
    return [result for _, result in processes.each(partial(memory, path, engine), ["0", "1"], 2) if isinstance(result, dict)]


def table(
    rates: dict[tuple[str, int], list[tuple[float, float]]], steps: list[dict[str, float]], use: dict[str, list[dict[str, int]]], facts: Any
) -> str:
    """The figures as a page."""
    import fasttext  # noqa: F401 - there must be one
    import pyarrow

    import gradwell

    lines = [
        "# Folders of text beside fastText 0.9.3", "",
        f"{facts['rows']:,} AG News texts of {facts['characters']:.0f} characters in {TABLES} Parquet files; a model of 113 languages, "
        f"dim 16, n-grams of 2-4 characters; one thread a process, {os.cpu_count()} processors ({platform.machine()}), "
        f"Python {platform.python_version()}, pyarrow {pyarrow.__version__}, Gradwell {gradwell.__version__}. Made by "
        f"`python benchmarks/cluster.py`; other programs shared the processors at times (load {os.getloadavg()[2]:.1f} over the last "
        "15 minutes): compare sides, which took turns, rather than trust one figure.", "",
        f"Median of {TURNS} turns (lowest-highest). Reading and writing of the tables are part of it; work is "
        f"processor time. {facts['same']}.", "",
        "| engine | rows/s, 1 process | 2 processes | 2 beside 1 | rows per second of work, 1 process | 2 processes "
        "| Gradwell beside it, by work, 1 process | 2 processes |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for engine in dict.fromkeys(engine for engine, _ in rates):
        (one, work_one), (two, work_two) = (zip(*rates[engine, n], strict=True) for n in (1, 2))
        columns = [spread(one, ",.0f"), spread(two, ",.0f"), spread([b / a for a, b in zip(one, two, strict=True)])]
        columns += [spread(values, ",.0f") if all(values) else "-" for values in (work_one, work_two)]
        for n, theirs in ((1, work_one), (2, work_two)):
            ratios = [ours / other for (_, ours), other in zip(rates["Gradwell", n], theirs, strict=True) if other]
            columns.append(spread(ratios) if ratios and engine != "Gradwell" else "-")
        lines.append(f"| {engine} | {' | '.join(columns)} |")
    ratio = [step["fasttext"] / step["gradwell"] for step in steps]
    shown = [spread([step["n"] / step[side] for step in steps], ",.0f") for side in ("gradwell", "fasttext")]
    lines += [
        "", f"datatrove's language filter alone, {steps[0]['n']:,} documents in memory: ours {shown[0]} documents per second of work, "
        f"fastText document by document {shown[1]}; ratio {spread(ratio)}.", "",
        "| memory of each of 2 processes, MB | resident | its share (PSS) | its own |", "|---|--:|--:|--:|",
    ]
    for engine, of_each in use.items():
        values = [middle([one[name] for one in of_each]) / 1e6 for name in ("Rss", "Pss", "Private_Dirty")]
        lines.append(f"| {engine} | {values[0]:.0f} | {values[1]:.0f} | {values[2]:.0f} |")
    rate, peers = (middle([worked for _, worked in rates[engine, 2]]) for engine in ("Gradwell", "fastText, document by document"))
    times = BILLION / facts["rows"]
    lines += [
        "", f"The model's matrices take {facts['matrix'] / 1e6:.0f} MB, which processes of ours map once for all of them.", "",
        "## A billion documents", "",
        f"Extrapolated from the work of two processes at a time (medians), for documents of {facts['characters']:.0f} characters:", "",
        "| | Gradwell | fastText, document by document |", "|---|--:|--:|",
        f"| rows per second of a core's work | {rate:,.0f} | {peers:,.0f} |",
        f"| core hours | {BILLION / rate / 3600:.1f} | {BILLION / peers / 3600:.1f} |",
        f"| hours on 64 cores, if they scale as two do | {BILLION / rate / 3600 / 64:.2f} | {BILLION / peers / 3600 / 64:.2f} |",
        f"| GB read / written (Parquet, snappy) | {facts['read'] * times / 1e9:.0f} / {facts['written'] * times / 1e9:.0f} | the same |",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
