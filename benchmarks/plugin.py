"""What the pytest plugin costs: processor time of pytest with and without it, in turn; `python benchmarks/plugin.py [PAIRS]`."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = 500
PLAIN = "".join(f"def test_{i}(): pass\n" for i in range(TESTS))
SUITES = {
    "not watched, collected only": (PLAIN, ["-p", "no:gradwell", "--collect-only"], ["--collect-only"]),
    "not watched": (PLAIN, ["-p", "no:gradwell"], []),
    f"--gradwell, {TESTS} tests that train nothing": ("import torch\n" + PLAIN, [], ["--gradwell"]),
}


def seconds(folder: Path, options: list[str]) -> float:
    """The processor's seconds that pytest takes, which other processes of a busy machine hardly change."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options], cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(pairs: int) -> None:
    """Print each comparison's median difference and ratio, with the range of the middle half."""
    for name, (suite, without, with_) in SUITES.items():
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "test_it.py").write_text(suite)
            seconds(Path(folder), with_)
            timed = [(seconds(Path(folder), without), seconds(Path(folder), with_)) for _ in range(pairs)]
        ratios = sorted(b / a for a, b in timed)
        more = statistics.median(b - a for a, b in timed)
        low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        print(f"{name}: {statistics.median(a for a, _ in timed):.2f} s without, {more * 1e3:+.0f} ms, "
              f"ratio {statistics.median(ratios):.3f} ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
