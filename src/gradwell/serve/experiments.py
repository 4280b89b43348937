"""Claims run from the page, with the user's own knobs: each in a process of its own, whose rows are told as they come."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import secrets
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from gradwell.errors import OptionError
from gradwell.lab import Experiment, Result, catalogue, experiment
from gradwell.lab.knobs import knobs, spelled, typed
from gradwell.lab.running import without_cause
from gradwell.lab.shelf import latest

AT_ONCE, MOST, SEEDS = 2, 50, 20  # jobs that run, jobs that are remembered, seeds of a job
PAUSE = 5.0  # seconds without news after which a sign of life is given
ROWS = 20_000  # of a job that are kept


def claims() -> list[dict[str, Any]]:
    """Every claim with its last verdict."""
    return [about(one) | {"result": verdicts(latest(one)[0])} for one in catalogue()]


def claim(name: str) -> dict[str, Any]:
    """A claim with its knobs and the rows of its last result."""
    one = experiment(name)
    result, whose = latest(one)
    rows = {"rows": result.main.rows, "control_rows": result.control.rows} if result else {}
    shown = [{"name": k.name, "value": k.text, "unit": k.unit, "kind": k.kind.__name__, "several": k.several} for k in knobs(one)]
    changed, quick = ({name: spelled(value) for name, value in some.items()} for some in (one.control, one.quick))
    return about(one) | {"result": verdicts(result), "whose": whose, "knobs": shown, "control": changed, "quick": quick} | rows


def about(one: Experiment) -> dict[str, Any]:
    """What a claim says."""
    charts = [{"title": c.title, "zh": c.zh, "x": c.x, "y": c.y, "by": c.by, "log_x": c.log_x, "log_y": c.log_y} for c in one.charts]
    return {"id": one.id, "question": one.question, "claim": one.claim(), "zh": one.zh, "source": one.source, "textbook": one.textbook,
            "textbook_zh": one.textbook_zh,
            "rules": one.rules, "doc": inspect.cleandoc(one.__doc__ or "").partition("\n")[2].strip(), "charts": charts}


def verdicts(result: Result | None) -> dict[str, Any] | None:
    """The verdicts of a result."""
    if result is None:
        return None
    main, control = ({"holds": m.verdict.holds, "because": m.verdict.because, "zh": m.verdict.zh} for m in (result.main, result.control))
    return {"word": result.word, "main": main, "control": control, "seeds": result.seeds, "seconds": result.seconds}


@dataclass
class Job:
    """A claim that is being measured; what it told so far, and who listens."""

    process: asyncio.subprocess.Process
    told: list[dict[str, Any]] = field(default_factory=list)
    listeners: int = 0
    ended: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Jobs:
    """The claims that are being measured for the page."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.starting = 0
        self.reading: set[asyncio.Task[None]] = set()

    async def start(self, name: str, turned: dict[str, str], seeds: int, control: bool) -> str:
        """Measure a claim with some knobs turned, or without its cause; returns the job's name.

        Raises OptionError for knobs or seeds that are not possible, and where too many run already.
        """
        def wanted() -> dict[str, Any]:
            one = typed(experiment(name), [f"{knob}={value}" for knob, value in turned.items()])
            return {"id": name, "knobs": {k.name: k.text for k in knobs(without_cause(one) if control else one)}, "seeds": seeds}

        if not 1 <= seeds <= SEEDS:
            raise OptionError(f"1 to {SEEDS} seeds are possible here, not {seeds}")
        if self.starting + sum(not job.ended for job in self.jobs.values()) >= AT_ONCE:
            raise OptionError(f"{AT_ONCE} claims are being measured already; wait for one, or stop it")
        self.starting += 1
        try:
            asked = await asyncio.to_thread(wanted)  # the first time, all experiments are loaded
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gradwell.serve.worker", json.dumps(asked), stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT, limit=1 << 20)
        finally:
            self.starting -= 1
        key = secrets.token_hex(8)
        self.jobs[key] = Job(process)
        for old in [old for old, job in self.jobs.items() if job.ended][:-MOST]:
            del self.jobs[old]
        task = asyncio.create_task(read(self.jobs[key]))
        self.reading.add(task)
        task.add_done_callback(self.reading.discard)
        return key

    def job(self, key: str) -> Job:
        """A job. Raises OptionError when there is none of this name."""
        if key not in self.jobs:
            raise OptionError("there is no such measurement any more")
        return self.jobs[key]

    def stop(self, key: str) -> None:
        """End a job."""
        with contextlib.suppress(ProcessLookupError):
            self.job(key).process.kill()

    def close(self) -> None:
        """End all jobs."""
        for job in self.jobs.values():
            with contextlib.suppress(ProcessLookupError):
                job.process.kill()


async def read(job: Job) -> None:
    """Take what a job tells, to its end."""
    assert job.process.stdout is not None
    said = ""  # that is no news: what Python says when it breaks down
    try:
        async for line in job.process.stdout:
            try:
                news = json.loads(line)
            except ValueError:
                said = line.decode("utf-8", "replace").strip() or said
                continue
            if len(job.told) < ROWS or "row" not in news:
                job.told.append(news)
            job.changed.set()
        status = await job.process.wait()
        if status > 0 and said:
            job.told.append({"error": said[:500]})
        elif status:
            job.told.append({"error": "it was stopped before its end"})
    finally:
        job.ended = True
        job.changed.set()


async def followed(job: Job) -> AsyncIterator[str]:
    """What a job tells, from its beginning to its end, as events; when nobody listens any more, it ends."""
    sent = 0
    job.listeners += 1
    try:
        while True:
            job.changed.clear()
            fresh = job.told[sent:]
            if fresh:
                yield f"data: {json.dumps(fresh)}\n\n"
                sent += len(fresh)
            if job.ended and sent == len(job.told):
                yield "event: end\ndata: {}\n\n"
                return
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(job.changed.wait(), PAUSE)
            if not fresh and not job.ended:
                yield ": alive\n\n"
    finally:
        job.listeners -= 1
        if not job.listeners and not job.ended:
            with contextlib.suppress(ProcessLookupError):
                job.process.kill()
