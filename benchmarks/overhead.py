"""What watching costs: watched and unwatched training in turn, in one process, beside what users reach for otherwise.

    python benchmarks/overhead.py [--pairs 25] [--seconds 1.0] [--threads 1]

Each pair is two stretches of the same number of steps, one plain and one watched; the ratio of their times is taken pair by pair.
Stretches are long enough to hold sampled steps. The watcher is one for the whole run, as in `gradwell run`; its clock stands still
while it is out. Start-up and memory are whole processes: `gradwell run script` against `python script`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn

from gradwell.doctor.record import Record
from gradwell.watch.settings import Settings
from gradwell.watch.watcher import Watcher

Step = Callable[[], None]
Meter = Callable[[nn.Module, torch.optim.Optimizer], AbstractContextManager[Callable[[], None] | None]]


class Cnn(nn.Sequential):
    """Three convolutions with batch normalisation."""

    def __init__(self) -> None:
        block = [part for i, o in ((1, 16), (16, 32), (32, 32)) for part in (nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())]
        super().__init__(*block[:3], nn.MaxPool2d(2), *block[3:6], nn.MaxPool2d(2), *block[6:], nn.Flatten(), nn.Linear(32 * 49, 10))


class Lstm(nn.Module):
    """A classifier that reads an LSTM's last output."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(32, 128, batch_first=True), nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, 10) of inputs (batch, time, 32)."""
        logits: Tensor = self.head(self.lstm(x)[0][:, -1])
        return logits


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "MLP": (mlp, (128, 784)), "CNN with batch norm": (Cnn, (64, 1, 28, 28)), "LSTM": (Lstm, (64, 60, 32)),
}


@contextmanager
def histograms(model: nn.Module, _: torch.optim.Optimizer) -> Iterator[Callable[[], None]]:
    """TensorBoard histograms of every weight and gradient at every step."""
    from torch.utils.tensorboard import SummaryWriter

    step = 0
    with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:

        def write() -> None:
            nonlocal step
            step += 1
            for name, p in model.named_parameters():
                writer.add_histogram(name, p, step)
                if p.grad is not None:
                    writer.add_histogram(f"{name}.grad", p.grad, step)

        yield write


@contextmanager
def statistics_every_step(model: nn.Module, _: torch.optim.Optimizer) -> Iterator[Callable[[], None]]:
    """What Cockpit's economy configuration notes, at every step: norms, moments and a histogram of each gradient, and the update's size."""
    before = [p.detach().clone() for p in model.parameters()]

    def note() -> None:
        for p, old in zip(model.parameters(), before, strict=True):
            g = p.grad
            assert g is not None
            torch.stack([g.norm(), g.mean(), g.std(), g.min(), g.max(), (p.detach() - old).norm()]).tolist()
            torch.histc(g, 50).tolist()
            old.copy_(p.detach())

    yield note


@contextmanager
def anomaly(_: nn.Module, __: torch.optim.Optimizer) -> Iterator[None]:
    with torch.autograd.set_detect_anomaly(True):
        yield None


def nothing(_: nn.Module, __: torch.optim.Optimizer) -> AbstractContextManager[None]:
    return nullcontext()


PEERS: dict[str, Meter] = {
    "nothing (the noise)": nothing, "set_detect_anomaly": anomaly, "TensorBoard histograms every step": histograms,
    "Cockpit-style statistics every step": statistics_every_step,
}


class Watched:
    """One watcher for the whole benchmark, which listens during its own stretches only."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._watcher = Watcher(Settings(self._folder.name), lambda: Record.create(Path(self._folder.name) / "record.sqlite"))
        self._left = time.perf_counter()

    @contextmanager
    def __call__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
        """Listen to one stretch of training."""
        schedule = self._watcher.schedule
        schedule.started += time.perf_counter() - self._left
        self._watcher.registry.add(model)
        self._watcher.start()
        self._watcher.on_optimizer(optimizer)
        try:
            yield None
        finally:
            self._watcher.patches.remove()
            self._watcher.registry.remove()
            self._left = time.perf_counter()

    @property
    def samples(self) -> int:
        """How many steps were looked at."""
        return self._watcher.schedule.samples


def stretch(model: nn.Module, optimizer: torch.optim.Optimizer, batch: tuple[Tensor, Tensor], steps: int, meter: Meter) -> float:
    """The seconds that some steps take under a meter, its own set-up not counted."""
    x, y = batch
    with meter(model, optimizer) as note:
        start = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if note is not None:
                note()
        return time.perf_counter() - start


def compare(case: str, meter: Meter, pairs: int, seconds: float) -> tuple[list[float], float]:
    """The ratios metered / plain of each pair, and the ratio of the whole times; the order changes from pair to pair."""
    build, shape = CASES[case]
    torch.manual_seed(0)
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    batch = torch.randn(shape), torch.randint(0, 10, shape[:1])
    once = min(stretch(model, optimizer, batch, 10, nothing) for _ in range(5)) / 10
    steps = max(5, int(seconds / once))
    plain: list[float] = []
    metered: list[float] = []
    for i in range(pairs + 1):
        first, second = (plain, metered) if i % 2 else (metered, plain)
        for times in (first, second):
            times.append(stretch(model, optimizer, batch, steps, meter if times is metered else nothing))
    plain, metered = plain[1:], metered[1:]  # the first pair warms up
    return [m / p for m, p in zip(metered, plain, strict=True)], sum(metered) / sum(plain)


SCRIPT = """
import time, torch
from torch import nn
model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
x, y = torch.randn(128, 784), torch.randint(0, 10, (128,))
for _ in range(STEPS):
    optimizer.zero_grad(); nn.functional.cross_entropy(model(x), y).backward(); optimizer.step()
"""


def process(command: list[str]) -> float:
    """Wall seconds of a command."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def whole_processes(pairs: int) -> tuple[list[float], list[float]]:
    """Seconds that `gradwell run` adds to a script of one step, and the ratio of the script's peak memory in a run of 2,000 steps.

    The memory is that of the script's own process; the launcher that waits beside it is a second, small one.
    """
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder, "short.py"), Path(folder, "long.py")
        short.write_text(SCRIPT.replace("STEPS", "1"))
        peak = """
import sys
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(status["VmHWM"].split()[0], file=open(sys.argv[1], "a"))
"""
        long.write_text(SCRIPT.replace("STEPS", "2000") + peak)
        gradwell = [str(Path(sys.executable).parent / "gradwell"), "run", "--quiet", "--run-dir"]
        extra, files = [], [Path(folder, "plain"), Path(folder, "watched")]
        for i in range(pairs):
            plain = process([sys.executable, str(short)])
            watched = process([*gradwell, f"{folder}/short{i}", str(short)])
            extra.append(watched - plain)
            process([sys.executable, str(long), str(files[0])])
            process([*gradwell, f"{folder}/long{i}", str(long), str(files[1])])
        peaks = [list(map(float, file.read_text().split())) for file in files]
        return extra, [w / p for p, w in zip(*peaks, strict=True)]


def row(name: str, ratios: list[float], whole: float) -> str:
    low, _, high = statistics.quantiles(ratios, n=4)
    return f"| {name} | {statistics.median(ratios):.3f} | {low:.3f} - {high:.3f} | {whole:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a stretch")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s), {options.pairs} pairs of {options.seconds} s, budget 3 %\n")
    for case in CASES:
        print(f"**{case}**\n\n| measured | median ratio | quartiles | whole time |\n|---|---|---|---|")
        watched = Watched()
        ratios, whole = compare(case, watched, options.pairs, options.seconds)
        print(row(f"gradwell, default budget ({watched.samples} steps looked at)", ratios, whole), flush=True)
        for name, meter in PEERS.items():
            print(row(name, *compare(case, meter, max(4, options.pairs // (1 if meter is nothing else 4)), options.seconds)), flush=True)
        print()
    extra, memory = whole_processes(5)
    print(f"Start-up: median {statistics.median(extra):+.2f} s ({min(extra):+.2f} ... {max(extra):+.2f}) for a script of one step, "
          f"judging and writing the page included. "
          f"Peak memory of the script: median ratio {statistics.median(memory):.3f} ({min(memory):.3f} - {max(memory):.3f}).")


if __name__ == "__main__":
    main()
