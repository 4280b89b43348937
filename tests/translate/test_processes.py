"""Several processes train one translator together."""

import os
import subprocess
import sys
from pathlib import Path

from gradwell import translate
from tests.translate.conftest import TEN

SCRIPT = """
import sys, torch
from gradwell import translate
from gradwell.loop import first
from tests.translate.conftest import SMALL, TEN

torch.set_num_threads(1)
pairs = translate.Pairs(TEN.source * 4, TEN.target * 4)
made = translate.train(pairs, TEN, SMALL.with_(epochs=50), "model", print if first() else None)
print("SUM", float(sum(weight.double().sum() for weight in made.model.parameters())))
"""


def test_two_processes_train_one_translator_and_both_have_it(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "train.py"]
    place = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, cwd=tmp_path, env=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    sums = {line for line in done.stdout.splitlines() if line.startswith("SUM")}
    assert len(sums) == 1, done.stdout
    assert done.stdout.count("'epoch': 1.0") == 1, "one of them tells"
    found = translate.load(tmp_path / "model").translate(TEN.source)
    assert [one.text for one in found] == TEN.target
