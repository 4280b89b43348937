"""The page's server: what it can be asked, each answer as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

import gradwell
from gradwell.doctor import signals
from gradwell.doctor.catalogue import rule
from gradwell.doctor.signal import Signal
from gradwell.errors import GradwellError, OptionError
from gradwell.report.json import strict
from gradwell.report.manual import printed_page
from gradwell.serve.folder import Folder
from gradwell.serve.judging import Judge
from gradwell.serve.layers import POINTS, layers
from gradwell.serve.losses import lines, losses
from gradwell.serve.reading import Reading
from gradwell.serve.security import LOOPBACK, Guard
from gradwell.serve.through_time import through_time

STATIC = files("gradwell.serve").joinpath("static")
BASE, BASE_NAME = files("gradwell.report").joinpath("page.css"), "base.css"  # the style that this page shares with the report
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml"}
PAUSE = 0.4  # seconds between two looks at a growing record
SIGNALS = {value.name for value in vars(signals).values() if isinstance(value, Signal)}
Answer = Callable[[Request], Any]


class Page:
    """What the page shows: a folder of runs."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.judge = Judge()

    def about(self, request: Request) -> Any:  # noqa: ARG002
        """What this page has to show."""
        return {"version": gradwell.__version__, "folder": self.folder.root.name}

    def runs(self, request: Request) -> Any:  # noqa: ARG002
        """Every run in a line."""
        return [self.folder.about(name) for name in self.folder.names()]

    def run(self, request: Request) -> Any:
        """A run: what is known of it, and its losses."""
        name = request.path_params["run"]
        with Reading(self.folder.record(name)) as record:
            return self.folder.about(name) | {"losses": losses(record)}

    def findings(self, request: Request) -> Any:
        """What the doctor says of a run."""
        return self.judge.findings(self.folder.record(request.path_params["run"]))

    def layers(self, request: Request) -> Any:
        """A run's model, layer by layer."""
        with Reading(self.folder.record(request.path_params["run"])) as record:
            return layers(record)

    def signal(self, request: Request) -> Any:
        """A signal at every place where it was read."""
        name = request.path_params["signal"]
        if name not in SIGNALS:
            raise OptionError(f"there is no signal {name!r}")
        with Reading(self.folder.record(request.path_params["run"])) as record:
            return lines(record, name, POINTS)

    def time(self, request: Request) -> Any:
        """A run's recurrent layers through time."""
        with Reading(self.folder.record(request.path_params["run"])) as record:
            return through_time(record)

    def rule(self, request: Request) -> Any:
        """A rule's manual page."""
        found = rule(request.path_params["code"])
        return {"code": found.code, "name": found.name, "text": printed_page(found.code)}

    async def events(self, request: Request) -> Response:
        """Tells whenever a run's record has grown; every so often a sign of life."""
        try:
            path = self.folder.record(request.path_params["run"])
        except GradwellError as error:
            return as_json({"error": str(error)}, 404)
        return StreamingResponse(grown(path, request.is_disconnected), media_type="text/event-stream")


async def grown(path: Path, gone: Callable[[], Any]) -> AsyncIterator[str]:
    """An event for each change of a record, until nobody listens."""
    before = None
    while not await gone():
        with Reading(path) as record:
            now = record.version()
        yield f"data: {json.dumps({'readings': now[0], 'steps': now[1]})}\n\n" if now != before else ": alive\n\n"
        before = now
        await asyncio.sleep(PAUSE)


def answered(ask: Answer) -> Callable[[Request], Any]:
    """A route that answers as JSON, in a thread, so that a long question keeps nobody waiting; what cannot be done in one sentence."""

    async def route(request: Request) -> Response:
        try:
            return as_json(await anyio.to_thread.run_sync(partial(ask, request)))
        except GradwellError as error:
            return as_json({"error": str(error)}, 404)

    return route


def as_json(value: Any, status: int = 200) -> Response:
    """A value as JSON; what is no number there travels as text."""
    return Response(json.dumps(strict(value), allow_nan=False, separators=(",", ":")), status, media_type="application/json")


async def static(request: Request) -> Response:
    """The page, its style and its scripts."""
    name = request.path_params.get("name", "index.html")
    found = BASE if name == BASE_NAME else STATIC.joinpath(name)
    if "/" in name or "\\" in name or Path(name).suffix not in TYPES or not found.is_file():
        return as_json({"error": "there is no such page"}, 404)
    return Response(found.read_bytes(), media_type=TYPES[Path(name).suffix])


def app(page: Page, hosts: tuple[str, ...] = LOOPBACK, token: str = "") -> Guard:
    """The server's application."""
    routes = [
        Route("/", static), Route("/static/{name}", static),
        Route("/api/about", answered(page.about)), Route("/api/runs", answered(page.runs)),
        Route("/api/runs/{run}", answered(page.run)), Route("/api/runs/{run}/findings", answered(page.findings)),
        Route("/api/runs/{run}/layers", answered(page.layers)), Route("/api/runs/{run}/signals/{signal}", answered(page.signal)),
        Route("/api/runs/{run}/time", answered(page.time)), Route("/api/runs/{run}/events", page.events),
        Route("/api/rules/{code}", answered(page.rule)),
    ]
    return Guard(Starlette(routes=routes), hosts, token)
