"""A translator in torch and the same in ONNX Runtime, in turn in one process, on one thread each.

    python benchmarks/translate_onnx.py MODEL SENTENCES        # the folder of a translator, a file of sentences

Prints for each way of searching how many sentences get the same tokens, and the median of the ratio of processor time of pairs of runs
(above 1: ONNX Runtime is faster) with the least and the greatest.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from gradwell import translate
from gradwell.translate import Beam, OnnxTranslator
from gradwell.translate.exporting import export
from gradwell.translate.translation import BaseTranslator

PAIRS, FEW = 9, 40


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    ours = translate.load(sys.argv[1])
    sentences = Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()
    with tempfile.TemporaryDirectory() as folder:
        export(ours, Path(folder) / "model")
        theirs = OnnxTranslator(Path(folder) / "model", threads=1)
        print("| search | the same tokens | torch / ONNX Runtime | least | greatest |\n|---|---|---|---|---|")
        for name, beam in (("greedy", None), ("beam of 5", Beam(5))):
            pairs = zip(ours.candidates(sentences, beam), theirs.candidates(sentences, beam), strict=True)
            same = sum([one.tokens for one in a] == [one.tokens for one in b] for a, b in pairs)
            measured = ratios(lambda who, beam=beam: who.translate(sentences, beam), ours, theirs)  # type: ignore[misc]
            print(f"| {name}, all at once | {same} of {len(sentences)} | {measured}")
        few = ratios(lambda who: [who.translate([one]) for one in sentences[:FEW]], ours, theirs)
        print(f"| greedy, one by one | | {few}")


def ratios(work: Callable[[BaseTranslator], object], ours: BaseTranslator, theirs: BaseTranslator) -> str:
    """The cells of the table."""
    found = []
    for i in range(PAIRS):
        seconds = {}
        for who in (ours, theirs) if i % 2 else (theirs, ours):
            start = time.process_time()
            work(who)
            seconds[who] = time.process_time() - start
        found.append(seconds[ours] / seconds[theirs])
    return f"{statistics.median(found):.2f} | {min(found):.2f} | {max(found):.2f} |"


if __name__ == "__main__":
    main()
