"""A program of two ranks: trains in many ways, each unwatched and watched, and notes what differed.

    python ranks.py FOLDER [WAY ...]    with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT as torchrun sets them

Each way leaves its records in FOLDER/WAY, and what each rank noted in FOLDER/WAY.RANK.json.
"""

import json
import sys
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import distributed, nn
from torch.distributed.algorithms.join import Join
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.pipelining import PipelineStage, ScheduleGPipe
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.profiler import ProfilerActivity, profile

import gradwell

STEPS = 10


class Net(nn.Module):
    """Two hidden layers, one of which may be left out."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(4, 16), nn.Linear(16, 16), nn.Linear(16, 2)

    def forward(self, x, skip=False):
        x = self.first(x).relu()
        return self.head(x if skip else self.second(x).relu())


class Reader(nn.Module):
    """An LSTM whose last state is read."""

    def __init__(self):
        super().__init__()
        self.memory, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.memory(x)[0][:, -1])


def descend(model, seed, forward=None, steps=STEPS, shape=(32, 4), between=lambda: None):
    """Train on examples drawn from a seed; `between` comes between the backward pass and the update."""
    torch.manual_seed(100 + seed)
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=0.01), []
    for i in range(steps):
        x = torch.randn(shape)
        optimizer.zero_grad()
        loss = cross_entropy(forward(i, x) if forward else model(x), (x.flatten(1)[:, -4] > 0).long())
        loss.backward()
        between()
        optimizer.step()
        losses.append(loss.item())
    return model, losses


def ddp(rank):
    model = DistributedDataParallel(Net())
    return descend(model, rank, between=lambda: nn.utils.clip_grad_norm_(model.parameters(), 10.0))


def unused(rank):
    model = DistributedDataParallel(Net(), find_unused_parameters=True)
    return descend(model, rank, lambda i, x: model(x, skip=i % 3 == rank))


def accumulated(rank):
    model, losses = DistributedDataParallel(Net()), []
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    torch.manual_seed(rank)
    for i in range(3 * STEPS):
        x = torch.randn(32, 4)
        with nullcontext() if i % 3 == 2 else model.no_sync():
            loss = cross_entropy(model(x), (x[:, 0] > 0).long()) / 3
            loss.backward()
        losses.append(loss.item())
        if i % 3 == 2:
            optimizer.step()
            optimizer.zero_grad()
    return model, losses


def recurrent(rank):
    return descend(DistributedDataParallel(Reader()), rank, shape=(32, 6, 4))


def static(rank):
    return descend(DistributedDataParallel(Net(), static_graph=True), rank)


def uneven(rank):
    model = DistributedDataParallel(Net())
    with Join([model]):
        return descend(model, rank, steps=STEPS + 4 * rank)


def sharded(rank):
    model = Net()
    for part in (model.first, model.second, model.head, model):
        fully_shard(part)
    return descend(model, rank, between=lambda: nn.utils.clip_grad_norm_(model.parameters(), 10.0))


def unclipped(rank):
    model = fully_shard(Net())
    return descend(model, rank)


def split(rank):  # ranks that hold parts of the same layers take the same batches
    plan = {"first": ColwiseParallel(), "second": RowwiseParallel()}
    return descend(parallelize_module(Net(), init_device_mesh("cpu", (2,)), plan), seed=0)


def piped(rank):
    whole, losses = nn.Sequential(nn.Sequential(nn.Linear(4, 16), nn.ReLU()), nn.Linear(16, 2)), []
    schedule = ScheduleGPipe(PipelineStage(whole[rank], rank, 2, torch.device("cpu")), 2, loss_fn=cross_entropy)
    optimizer = torch.optim.Adam(whole[rank].parameters(), lr=0.01)
    torch.manual_seed(1)
    for _ in range(STEPS):
        x, found = torch.randn(32, 4), []
        optimizer.zero_grad()
        schedule.step(x) if rank == 0 else schedule.step(target=(x[:, 0] > 0).long(), losses=found)
        optimizer.step()
        losses.append(sum(float(one.detach()) for one in found))
    return whole[rank], losses


def bare(rank):
    model = DistributedDataParallel(Net())
    return descend(model, rank, lambda _, x: model.module(x))


def loaded(rank):
    model = DistributedDataParallel(Net())
    with torch.no_grad():
        model.module.head.bias += rank
    return descend(model, rank)


def alike(rank):
    return descend(DistributedDataParallel(Net()), seed=0)


def unwrapped(rank):
    return descend(Net(), rank)


def by_hand(rank):
    torch.manual_seed(rank)
    model = Net()
    return descend(model, rank, between=lambda: [distributed.all_reduce(p.grad) for p in model.parameters()])


WELL = (ddp, unused, accumulated, recurrent, static, uneven, sharded, unclipped, split, piped)
SICK = (bare, loaded, alike, unwrapped, by_hand)


def run(way, rank, folder=None):
    """Train in one way: its losses, its weights, the random state, and the collectives: how many, and of one way their names in order."""
    torch.manual_seed(0)
    begun = sequence()
    listening = profile(activities=[ProfilerActivity.CPU]) if way is sharded else nullcontext()
    with listening as seen, gradwell.watch(run_dir=folder, every=1) if folder else nullcontext():
        model, losses = way(rank)
    weights = [p.to_local() if hasattr(p, "to_local") else p for p in model.state_dict().values()]
    calls = [event.name for event in seen.events() if event.name.startswith("c10d::")] if seen else []
    return {"losses": losses, "weights": [p.tolist() for p in weights], "random state": torch.get_rng_state().tolist(),
            "collectives": sequence() - begun, "calls": calls}


def sequence():
    """How many collectives were called so far."""
    return distributed.group.WORLD._get_sequence_number_for_group()


def main():
    distributed.init_process_group("gloo")
    rank, folder = distributed.get_rank(), Path(sys.argv[1])
    for way in (*WELL, *SICK):
        if not sys.argv[2:] or way.__name__ in sys.argv[2:]:
            plain, watched = run(way, rank), run(way, rank, folder / way.__name__)
            differs = [name for name in plain if plain[name] != watched[name]]
            note = {"differs": differs, "collectives": plain["collectives"], "calls": len(plain["calls"])}
            (folder / f"{way.__name__}.{rank}.json").write_text(json.dumps(note))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
