"""Processes that train together leave one record and are compared with each other, and none of them ever waits for us."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gradwell.doctor.judge import judge
from gradwell.doctor.ranks import gradient_norms, ranks
from gradwell.doctor.record import Record
from gradwell.report.assemble import of_record
from tests.command import gradwell, ours, script

PROGRAM = Path(__file__).parent / "ranks.py"
WELL = ("ddp", "unused", "accumulated", "recurrent", "static", "uneven", "sharded", "unclipped", "split", "piped")
SICK = {"bare": "GW901", "loaded": "GW901", "alike": "GW902", "unwrapped": "GW901", "by_hand": "GW901"}
PATH = {"PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder in which two ranks have trained in every way."""
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    command = [sys.executable, str(PROGRAM), str(folder)]
    both = [subprocess.Popen(command, env={**here, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True) for rank in range(2)]
    for process in both:
        _, stderr = process.communicate(timeout=240)
        assert process.returncode == 0, stderr
    return folder


@pytest.mark.parametrize("way", [*WELL, *SICK])
def test_watching_changes_nothing_on_any_rank_and_calls_no_collective(trained, way):
    for rank in range(2):
        noted = json.loads((trained / f"{way}.{rank}.json").read_text())
        assert noted["differs"] == []
        assert noted["collectives"] > 0 or way == "unwrapped"
        assert noted["calls"] > 0 or way != "sharded"


@pytest.mark.parametrize("way", WELL)
def test_ranks_that_train_well_together_are_found_well_and_fully_seen(trained, way):
    report = of_record(trained / way)
    assert report.verdict.findings == ()
    assert report.verdict.ranks == (0, 1)
    for record in ranks(report.record).values():
        assert record.meta("probes_off") == {}
        assert record.steps >= 10
    assert [limit for limit in report.limits if "examples of a batch stay apart" not in limit] == []


@pytest.mark.parametrize("way", SICK)
def test_what_the_ranks_must_share_and_do_not_is_found(trained, way):
    (finding,) = of_record(trained / way).verdict.findings
    assert (finding.code, finding.severity) == (SICK[way], "note" if way == "unwrapped" else "error")
    words = {"bare": "past DDP's own forward", "loaded": "before the first update", "alike": "whole dataset",
             "unwrapped": "not wrapped", "by_hand": "began with different weights"}
    assert words[way] in finding.cause
    if way == "loaded":
        assert str(finding.where) == "head.bias (Linear)"
        assert finding.evidence["weights that differ"] == "1 of 6"


def test_modules_bear_the_users_names_whatever_spreads_them(trained):
    for way in ("ddp", "sharded", "unclipped", "split"):
        record = Record.open(trained / way)
        layers = [(site.module, site.type) for site in record.sites("layer")]
        assert layers == [("first", "Linear"), ("second", "Linear"), ("head", "Linear")], way
        assert [site.type for site in record.sites("model")] == ["Net"]


def test_the_gradient_norm_of_shards_is_that_of_the_whole_gradient(trained):
    whole, clipped, plain = (dict(gradient_norms(Record.open(trained / way))) for way in ("unclipped", "sharded", "ddp"))
    assert plain == pytest.approx(clipped)
    assert whole == pytest.approx(plain)


def test_one_rank_may_be_judged_by_itself(trained):
    (path,) = (trained / "bare").glob("record-1-*.sqlite")
    verdict = judge(Record.open(path))
    assert verdict.ranks == ()
    assert verdict.findings == ()


def test_what_a_rank_alone_has_broken_is_found_and_its_number_told(tmp_path):
    for rank, name in enumerate(("record.sqlite", "record-1-7.sqlite")):
        record = Record.create(tmp_path / name)
        for key, value in (("process", {"rank": rank, "world": 2, "attempt": 0}), ("started", 1.0), ("finished", 2.0), ("steps", 9)):
            record.note(key, value)
        site = record.site("model", "model", "Net")
        for step in range(1, 10):
            record.add("eval_mode", site, step, float(rank))
        record.close()
    (finding,) = judge(Record.open(tmp_path)).findings
    assert (finding.code, finding.evidence["rank"]) == ("GW405", 1)


DDP = """
import os, signal, time, torch, torch.distributed as dist
from torch import nn
dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
model = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
torch.manual_seed(rank)
for i in range(60):
    time.sleep(0.04)
    x = torch.randn(16, 4)
    if rank == 1 and i == 40: os.kill(os.getpid(), signal.SIGKILL)
    nn.functional.cross_entropy(model(x), (x[:, 0] > 0).long()).backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.1 * p.grad
            p.grad = None
"""


def test_a_rank_that_is_killed_is_named_and_nothing_of_the_others_is_lost(tmp_path):
    script(tmp_path, DDP)
    watched = gradwell("run", "--run-dir", "r", "torchrun", "--standalone", "--nproc_per_node=3", "train.py", cwd=tmp_path, env=PATH)
    assert watched.returncode == 1, "torchrun's own exit status is kept"
    said = " ".join(ours(watched.stderr).split())
    assert "rank 1 of 3 stopped: its record has no end, as of a killed process, and goes to step " in said, said
    assert "ranks 0 and 2 waited for it in the backward pass of step 41, which failed: " in said, said
    found = ranks(Record.open(tmp_path / "r"))
    assert (found[0].steps, found[2].steps) == (41, 41)
    assert 20 <= found[1].steps <= 40, "a kill costs less than a second"
    assert all(len(record.series("loss")) == record.steps for record in found.values())


LIGHTNING = """
import torch, lightning
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
class Model(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    def training_step(self, batch, _):
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
torch.manual_seed(0)
x = torch.randn(320, 4)
lightning.Trainer(accelerator="cpu", devices=2, strategy="ddp", max_epochs=2, logger=False, enable_checkpointing=False,
                  enable_progress_bar=False).fit(Model(), DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), 16, shuffle=True))
"""


def test_the_processes_that_lightning_starts_leave_one_record_too(tmp_path):
    script(tmp_path, LIGHTNING)
    watched = gradwell("run", "--run-dir", "r", "train.py", cwd=tmp_path)
    assert watched.returncode == 0, watched.stderr
    report = of_record(tmp_path / "r")
    assert report.verdict.ranks == (0, 1)
    assert report.verdict.findings == ()
    assert report.steps == 20
    assert [fact["kind"] for _, fact in report.record.facts("sharing")] == ["DDP"]
