"""Processes that train together: which of them this one is, and what brings them together. None is ever asked for anything."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from gradwell.watch.shards import is_fsdp

WRAPPERS = {"DistributedDataParallel": "DDP", "FullyShardedDataParallel": "FSDP"}


@dataclass(frozen=True)
class Process:
    """One of `world` processes that train together, in the order of their ranks; `attempt` counts how often torchrun began anew.

    `port` is where they met, by which trainings are told apart that go on at the same time.
    """

    rank: int
    world: int
    attempt: int
    port: int
    host: str
    pid: int

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for the record."""
        return asdict(self)


def process() -> Process:
    """Which process this is: as torch.distributed knows it or, before it is initialised, as torchrun's environment says."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    else:
        rank, world = number("RANK", 0), number("WORLD_SIZE", 1)
    return Process(rank, world, number("TORCHELASTIC_RESTART_COUNT", 0), number("MASTER_PORT", 0), socket.gethostname(), os.getpid())


def places(folder: Path) -> Iterator[Path]:
    """Where this process's record may go in a run folder, the best place first: `record.sqlite` is for the first rank 0 alone."""
    this = process()
    if this.rank == 0:
        yield folder / "record.sqlite"
    yield folder / f"record-{this.rank}-{this.pid}.sqlite"
    for again in count(2):  # another machine has a process of the same number
        yield folder / f"record-{this.rank}-{this.pid}-{again}.sqlite"


def number(variable: str, default: int) -> int:
    """A whole number from the environment."""
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() else default


def sharing(root: nn.Module) -> dict[str, Any] | None:
    """What brings the processes together that train a model, `DDP`, `FSDP` or another use of `DTensor`, and their ranks.

    None where nothing does. Of meshes of two dimensions only replicated shards (HSDP) are known to take other examples on every rank.
    """
    for module in root.modules():
        kind = WRAPPERS.get(type(module).__name__)
        if kind is not None:
            return {"kind": kind, "ranks": torch.distributed.get_process_group_ranks(cast(Any, module).process_group)}
    for p in cast(Any, root.parameters()):
        if hasattr(p, "placements"):
            apart = p.device_mesh.ndim == 1 or (p.device_mesh.ndim == 2 and p.placements[0].is_replicate())
            kind = "FSDP" if apart and any(map(is_fsdp, root.modules())) else "DTensor"
            return {"kind": kind, "ranks": sorted(p.device_mesh.mesh.flatten().tolist())}
    return None


def replicas(root: nn.Module) -> set[int]:
    """The ids of the parameters that DDP keeps the same on every rank. Where a hook of its own averages weights instead, none are."""
    found: set[int] = set()
    for ddp in root.modules():
        if isinstance(ddp, DistributedDataParallel) and not any(is_local(hook) for hook, _ in ddp._comm_hooks):
            left_out = ddp.parameters_to_ignore
            found.update(id(p) for name, p in ddp.module.named_parameters() if p.requires_grad and name not in left_out)
    return found


def is_local(hook: Any) -> bool:
    """Whether a communication hook lets the ranks' weights part for a while, as post-local SGD does."""
    return "local" in getattr(hook, "__qualname__", type(hook).__name__).lower()
