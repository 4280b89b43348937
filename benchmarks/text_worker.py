"""One side of a pair of `benchmarks/text.py`, in a process of its own: prints what it measured as JSON.

python benchmarks/text_worker.py gradwell|fasttext JOB   # JOB is JSON: call, input, options, test, model, lines
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

ATTEMPTS = 30  # fastText 0.9.3 starts from uninitialised memory and now and then meets a NaN


def main() -> None:
    """Do one job."""
    side, job = sys.argv[1], json.loads(sys.argv[2])
    fasttext = importlib.import_module("gradwell.text" if side == "gradwell" else "fasttext")
    result = train(fasttext, job) if "call" in job else predict(fasttext, job)
    status = Path("/proc/self/status").read_text()  # Linux; getrusage would count what the parent held when it forked
    result["memory"] = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps(result))


def train(fasttext: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Train, save, and say how long each took."""
    failures = 0
    for _ in range(ATTEMPTS):
        started = time.perf_counter()
        try:
            model = getattr(fasttext, job["call"])(job["input"], verbose=0, **job["options"])
            break
        except RuntimeError:
            failures += 1
    whole = time.perf_counter() - started
    started = time.perf_counter()
    model.save_model(job["model"])
    saving = time.perf_counter() - started
    history = getattr(model, "history", None)
    size = Path(job["model"]).stat()
    return {
        "call": whole, "saving": saving, "failures": failures, "training": history[-1].seconds if history else None,
        "size": size.st_size, "on_disk": size.st_blocks * 512,
    }


def predict(fasttext: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Load a model, predict a list of lines a few times, and measure accuracy."""
    started = time.perf_counter()
    model = fasttext.load_model(job["model"])
    result: dict[str, Any] = {"loading": time.perf_counter() - started}
    if "test" in job:
        lines = [line.replace("\n", "") for line in Path(job["test"]).read_text().split("\n")][:-1]
        texts = [" ".join(word for word in line.split(" ") if not word.startswith("__label__")) for line in lines]
        for _ in range(1 + 200_000 // sum(map(len, texts))):  # then the kernels are loaded and caches warm
            model.predict(texts, k=1)
        times = []
        for _ in range(3):
            started = time.perf_counter()
            model.predict(texts, k=1)
            times.append(time.perf_counter() - started)
        n, precision, _ = model.test(job["test"])
        result |= {"lines_per_second": len(texts) / min(times), "p1": precision, "n": n}
    if "pairs" in job:
        result["similarity"] = {Path(path).stem: similarity(model, path) for path in job["pairs"]}
    return result


def similarity(model: Any, path: str) -> float:
    """Spearman's correlation of cosines with human judgements."""
    import numpy as np

    cosines, judgements = [], []
    for line in Path(path).read_text().splitlines():
        a, b, judgement = line.split()
        x, y = model.get_word_vector(a.lower()), model.get_word_vector(b.lower())
        cosines.append(float(x @ y) / (float(np.linalg.norm(x) * np.linalg.norm(y)) + 1e-9))
        judgements.append(float(judgement))
    first, second = (np.argsort(np.argsort(values)) for values in (cosines, judgements))
    return float(np.corrcoef(first, second)[0, 1])


if __name__ == "__main__":
    main()
