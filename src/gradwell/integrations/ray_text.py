"""Labels for folders of tables on a Ray cluster, and for the batches of a Ray dataset.

A table is one Ray task: its rows stay in their order, Ray starts the task anew where its process or machine was lost, and
since a table takes its name only when it is whole, a task that ran twice has written the same once.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from gradwell.errors import DependencyError, OptionError, TargetError
from gradwell.text import tables, tables_in
from gradwell.text.folders import Outcome, Outcomes, Piece, Runner, label, loaded
from gradwell.text.tables import Job

TRIES = 3  # times that a task is started anew after its process or machine was lost
WAITING = 2  # tasks for each processor of the cluster, so that none waits for the next
PATIENCE = 5.0  # seconds for a cluster to answer
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}  # while we start a cluster of our own


def package() -> Any:
    """The package ray."""
    try:
        import ray
    except ImportError:
        raise DependencyError("-ray needs ray; install it with `pip install 'gradwell[ray]'`") from None
    return ray


@contextmanager
def cluster(address: str, ray: Any) -> Iterator[None]:
    """A cluster to work on, left as it was found. Raises TargetError where there is none at the address.

    address: local, to start one on this machine and to stop it at the end; auto, for the one that RAY_ADDRESS names or
    that runs on this machine; or its address.
    """
    if ray.is_initialized():
        yield
        return
    reach(address)
    before = {name: os.environ.get(name) for name in QUIET}
    own = {"include_dashboard": False} if address == "local" else {}
    try:
        os.environ.update(QUIET)
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise TargetError(f"there is no Ray cluster at {address!r}: {str(error).strip().splitlines()[0]}") from None
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    try:
        yield
    finally:
        ray.shutdown()


def reach(address: str) -> None:
    """Complain at once where nobody answers; Ray itself would go on trying for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except (OSError, ValueError, OverflowError) as error:
        raise TargetError(f"there is no Ray cluster at {address!r}: {error}") from None


def on(address: str) -> Runner:
    """What labels the tables of a folder on the cluster at this address, for `gradwell.text.folders.predict`."""
    return partial(run, address)


def run(address: str, model: str, left: Sequence[Piece], job: Job) -> Outcomes:
    """Label the tables, each by one task with as many processors as threads were asked for (one, if none were).

    Raises OptionError where no node has so many: Ray would wait for one that does.
    """
    ray = package()
    rest = iter(left)
    job = replace(job, threads=max(job.threads, 1))
    with cluster(address, ray):
        fits(ray, job.threads)
        task = ray.remote(num_cpus=job.threads, max_retries=TRIES)(label)
        pending: dict[Any, Piece] = {}
        try:
            while True:
                room = WAITING * int(ray.cluster_resources().get("CPU", 1)) + 1 - len(pending)
                pending |= {task.remote(model, job, piece): piece for _, piece in zip(range(room), rest, strict=False)}
                if not pending:
                    return
                for done in ray.wait(list(pending), num_returns=1)[0]:
                    yield outcome(ray, done, pending.pop(done))
        finally:
            for one in pending:
                ray.cancel(one, force=True)


def fits(ray: Any, threads: int) -> None:
    """Complain where no node of the cluster has so many processors."""
    most = max((int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]), default=0)
    if 0 < most < threads:
        raise OptionError(f"threads is {threads}, and no node of the Ray cluster has more than {most} processors")


def outcome(ray: Any, done: Any, piece: Piece) -> Outcome:
    """What became of a table, also where its task could not be brought to an end."""
    try:
        answer: Outcome = ray.get(done)
    except ray.exceptions.RayError as error:
        why = str(error).strip().splitlines()
        return Outcome(piece, error=f"{piece.source}: {type(error).__name__}: {why[0] if why else 'no reason was given'}")
    return answer


class Labels:
    """The rows of a batch with the columns of labels, for `dataset.map_batches(Labels, batch_format="pyarrow", ...)`.

    fn_constructor_args=(path of the model, Job): the model is loaded once by each actor, and mapped where it is .safetensors.
    """

    def __init__(self, model: str, job: Job) -> None:
        tables.sensible(job)
        self.job = job
        self.model = loaded(model, max(job.threads, 1))

    def __call__(self, batch: Any) -> Any:
        """A table of Arrow with the same rows in the same order."""
        import pyarrow as pa

        labels = pa.array(self.model.labels)
        parts = []
        for part in batch.combine_chunks().to_batches(tables.at_once(self.job, self.model)) or [tables_in.nothing(batch.schema, None)]:
            block = tables_in.Block(part.schema.names, tables_in.texts(part, self.job.column, "the dataset"), part)
            kept = {name: part.column(name) for name in tables.columns(block, True, "the dataset", self.job)}
            parts.append(pa.RecordBatch.from_pydict(kept | tables.answers(self.model, labels, block, max(self.job.threads, 1), self.job)))
        return pa.Table.from_batches(parts)
