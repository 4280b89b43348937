"""What sending to a tracker costs a watched run: the same training watched, and watched and sent, in turn, in one process.

    python benchmarks/trackers.py [--pairs 8] [--seconds 5]

Each pair is two stretches of the same number of steps; the ratio of their times inside the `with` block is taken pair by pair, on the
clock and in processor time of this process (all threads), which other programs disturb less. The thread that sends is also measured by
itself: its processor time as a share of the stretch. What the end of the block takes is told in seconds. Trackers that are not installed
are left out; nothing goes over a network.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(tempfile.mkdtemp(prefix="gradwell-trackers-"))
os.environ |= {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline", "WANDB_DIR": str(FOLDER), "WANDB_SILENT": "true", "HF_HUB_OFFLINE": "1",
               "TRACKIO_DIR": str(FOLDER / "trackio"), "MLFLOW_TRACKING_URI": (FOLDER / "mlruns").as_uri(), "DO_NOT_TRACK": "1",
               "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}

import torch  # noqa: E402 - it reads OMP_NUM_THREADS

import gradwell  # noqa: E402
from gradwell.integrations.trackers import MLflow, TensorBoard, Tracker, Trackio, WandB  # noqa: E402

KINDS: dict[str, Callable[[], Tracker]] = {
    "tensorboard": lambda: TensorBoard(FOLDER / f"tensorboard/{time.time_ns()}"), "wandb": WandB, "mlflow": MLflow, "trackio": Trackio,
}


def stretch(steps: int, track: Tracker | None) -> tuple[float, float, float, float]:
    """Seconds that some steps took: on the clock, of the processor, of it the sending thread's; and seconds until the block had ended."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 512), torch.nn.ReLU(),
                                torch.nn.Linear(512, 10))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    x, y = torch.randn(128, 784), torch.randint(10, (128,))
    with gradwell.watch(model, optimizer, track=track) as session:
        clock, processor = time.perf_counter(), time.process_time()
        for _ in range(steps):
            optimizer.zero_grad()
            torch.autograd.backward(torch.nn.functional.cross_entropy(model(x), y))
            optimizer.step()
        clock, processor = time.perf_counter() - clock, time.process_time() - processor
        thread = session._alongside._thread.ident if session._alongside else None
        sending = time.clock_gettime(time.pthread_getcpuclockid(thread)) if thread else 0.0
        begun = time.perf_counter()
    return clock, processor, sending, time.perf_counter() - begun


def interval(values: list[float]) -> str:
    """The median, and the middle half."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.3f} [{low:.3f} to {high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    steps = int(300 * options.seconds / stretch(300, None)[0])
    print(f"{steps} steps a stretch, {options.pairs} pairs")
    for name, make in KINDS.items():
        if find_spec(name) is None:
            continue
        stretch(steps // 4, make())  # the first use of a library takes longer
        pairs = []
        for n in range(options.pairs):
            both = {sent: stretch(steps, make() if sent else None) for sent in ((True, False) if n % 2 else (False, True))}
            pairs.append((both[True], both[False]))
        clock, processor = ([sent[i] / plain[i] for sent, plain in pairs] for i in (0, 1))
        share, end = [sent[2] / sent[0] for sent, _ in pairs], [sent[3] - plain[3] for sent, plain in pairs]
        told = {"clock": clock, "processor": processor, "thread": share, "end, s": end}
        print(f"{name}: {', '.join(f'{what} {interval(values)}' for what, values in told.items())}", flush=True)


if __name__ == "__main__":
    main()
