"""Several processes train one classifier together."""

import os
import subprocess
import sys
from pathlib import Path

from gradwell import vision
from tests.vision.conftest import digits

SCRIPT = """
import torch
from gradwell import vision
from gradwell.loop import first
from tests.vision.conftest import SMALL, digits

torch.set_num_threads(1)
made = vision.train(digits(0, 1200), digits(1200, 1400), SMALL, "model", print if first() else None)
print("SUM", float(sum(value.double().sum() for value in made.model.state_dict().values())))
"""


def test_two_processes_train_one_classifier_and_both_have_it(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "train.py"]
    place = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, cwd=tmp_path, env=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    sums = {line for line in done.stdout.splitlines() if line.startswith("SUM")}
    assert len(sums) == 1, done.stdout
    assert done.stdout.count("'epoch': 1.0") == 1, "one of them tells"
    assert vision.load(tmp_path / "model").score(digits(1400, 1797)).accuracy > 0.85
