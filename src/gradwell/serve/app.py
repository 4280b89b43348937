"""The page's server: what it can be asked, each answer as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

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
from gradwell.serve import experiments
from gradwell.serve.classifiers import Classifier, short
from gradwell.serve.folder import Folder
from gradwell.serve.judging import Judge
from gradwell.serve.layers import POINTS, layers
from gradwell.serve.losses import lines, losses
from gradwell.serve.reading import Reading, Version
from gradwell.serve.security import LOOPBACK, Guard
from gradwell.serve.through_time import through_time
from gradwell.serve.translators import Translator

STATIC = files("gradwell.serve").joinpath("static")
BASE, BASE_NAME = files("gradwell.report").joinpath("page.css"), "base.css"  # the style that this page shares with the report
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml"}
MOST = 1e9  # of a number that is sent
BODY = 100_000  # bytes that may be sent
PAUSE = 0.4  # seconds between two looks at a growing record
SIGNALS = {value.name for value in vars(signals).values() if isinstance(value, Signal)}
KEYS = {"text": "en", "zh": "zh"}
Answer = Callable[..., Any]
Model = TypeVar("Model")


class Page:
    """What the page shows: a folder of runs, some translators and classifiers, and the lab."""

    def __init__(self, folder: Folder, translators: Sequence[Translator] = (), classifiers: Sequence[Classifier] = ()) -> None:
        self.folder, self.translators, self.classifiers = folder, translators, classifiers
        self.judge, self.jobs = Judge(), experiments.Jobs()
        self.ending = False

    def end(self) -> None:
        """The server ends: so do the measurements, and the streams, which would keep it waiting."""
        self.ending = True
        self.jobs.close()
        self.judge.close()

    def about(self) -> Any:
        """What this page has to show."""
        return {"version": gradwell.__version__, "folder": self.folder.root.name}

    def runs(self) -> Any:
        """Every run in a line."""
        return [self.folder.about(name) for name in self.folder.names()]

    def run(self, run: str) -> Any:
        """A run: what is known of it, and its losses."""
        with Reading(self.folder.record(run)) as record:
            return self.folder.about(run) | {"losses": losses(record)}

    def findings(self, run: str) -> Any:
        """What the doctor says of a run."""
        return self.judge.findings(self.folder.record(run))

    def layers(self, run: str) -> Any:
        """A run's model, layer by layer."""
        with Reading(self.folder.record(run)) as record:
            return layers(record)

    def signal(self, run: str, signal: str) -> Any:
        """A signal at every place where it was read."""
        if signal not in SIGNALS:
            raise OptionError(f"there is no signal {signal!r}")
        with Reading(self.folder.record(run)) as record:
            return lines(record, signal, POINTS)

    def time(self, run: str) -> Any:
        """A run's recurrent layers through time."""
        with Reading(self.folder.record(run)) as record:
            return through_time(record)

    def rule(self, code: str) -> Any:
        """A rule's manual page."""
        found = rule(code)
        return {"code": found.code, "name": found.name} | {key: printed_page(found.code, language) for key, language in KEYS.items()}

    def models(self) -> Any:
        """The translators and classifiers that were named."""
        return {"translators": [one.about() for one in self.translators], "classifiers": [one.about() for one in self.classifiers]}

    def epochs(self, model: int) -> Any:
        """The attention of a translator after each epoch of its training."""
        return chosen(self.translators, model).epochs()

    def translate(self, model: int, body: dict[str, Any]) -> Any:
        """The translations of a sentence."""
        size, length, coverage = (number(body, name, least) for name, least in (("beam", 1), ("length", 0), ("coverage", 0)))
        return chosen(self.translators, model).translate(short(body.get("text")), int(size), length, coverage)

    def classify(self, model: int, body: dict[str, Any]) -> Any:
        """The labels of a text, and what carried them."""
        return chosen(self.classifiers, model).classify(short(body.get("text")))

    def neighbours(self, model: int, body: dict[str, Any]) -> Any:
        """The words nearest to a word."""
        return chosen(self.classifiers, model).neighbours(short(body.get("word")))

    def claims(self) -> Any:
        """The claims of the lab."""
        return experiments.claims()

    def claim(self, claim: str) -> Any:
        """A claim of the lab."""
        return experiments.claim(claim)

    async def measure(self, request: Request) -> Response:
        """Begin to measure a claim."""
        try:
            body = await sent(request)
            turned = body.get("knobs", {})
            if not isinstance(turned, dict):
                raise OptionError("knobs are a name and a value each")
            words = {str(name): str(value) for name, value in turned.items()}
            seeds, control = int(number(body, "seeds", 1)), bool(body.get("control"))
            return as_json({"job": await self.jobs.start(request.path_params["claim"], words, seeds, control)})
        except GradwellError as error:
            return as_json({"error": str(error)}, 400)

    async def told(self, request: Request) -> Response:
        """What a measurement tells."""
        try:
            return StreamingResponse(experiments.followed(self.jobs.job(request.path_params["job"])), media_type="text/event-stream")
        except GradwellError as error:
            return as_json({"error": str(error)}, 404)

    async def stop(self, request: Request) -> Response:
        """End a measurement."""
        try:
            self.jobs.stop(request.path_params["job"])
            return as_json({})
        except GradwellError as error:
            return as_json({"error": str(error)}, 404)

    async def events(self, request: Request) -> Response:
        """Tells whenever a run's record has grown; every so often a sign of life."""
        try:
            path = self.folder.record(request.path_params["run"])
        except GradwellError as error:
            return as_json({"error": str(error)}, 404)
        return StreamingResponse(self.grown(path, request.is_disconnected), media_type="text/event-stream")

    async def grown(self, path: Path, gone: Callable[[], Any]) -> AsyncIterator[str]:
        """An event for each change of a record, until nobody listens."""
        before: Version | None = None
        while not self.ending and not await gone():
            now = before
            with contextlib.suppress(GradwellError):  # locked for a moment
                now = await anyio.to_thread.run_sync(version, path)
            if now is not None and now != before:
                yield f"data: {json.dumps({'readings': now[0], 'steps': now[1], 'finished': now[2]})}\n\n"
                if now[2]:
                    return
            else:
                yield ": alive\n\n"
            before = now
            await asyncio.sleep(PAUSE)


def version(path: Path) -> Version:
    """The state of a record."""
    with Reading(path) as record:
        return record.version()


def answered(ask: Answer) -> Callable[[Request], Any]:
    """A route that answers as JSON, in a thread, so that a long question keeps nobody waiting; what cannot be done in one sentence."""

    async def route(request: Request) -> Response:
        try:
            return as_json(await anyio.to_thread.run_sync(partial(ask, **request.path_params)))
        except GradwellError as error:
            return as_json({"error": str(error)}, 404)

    return route


def sending(ask: Answer) -> Callable[[Request], Any]:
    """A route that is sent JSON and answers as JSON."""

    async def route(request: Request) -> Response:
        try:
            body = await sent(request)
            return as_json(await anyio.to_thread.run_sync(partial(ask, body=body, **request.path_params)))
        except GradwellError as error:
            return as_json({"error": str(error)}, 400)

    return route


async def sent(request: Request) -> dict[str, Any]:
    """What was sent: an object in JSON. Raises OptionError for anything else, and for more than it takes."""
    data = b""
    async for piece in request.stream():
        data += piece
        if len(data) > BODY:
            raise OptionError(f"more than {BODY:,} bytes were sent")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise OptionError("an object in JSON is wanted")
    return body


def number(body: dict[str, Any], name: str, otherwise: float) -> float:
    """A number that was sent. Raises OptionError where it is none."""
    value: Any = body.get(name, otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -MOST < value < MOST:
        raise OptionError(f"{name} must be a number, not {str(value)[:40]!r}")
    return float(value)


def chosen(models: Sequence[Model], at: int) -> Model:
    """The model of this number. Raises OptionError when there is none."""
    if not 0 <= at < len(models):
        raise OptionError(f"there is no model {at}")
    return models[at]


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
        Route("/api/rules/{code}", answered(page.rule)), Route("/api/models", answered(page.models)),
        Route("/api/translators/{model:int}/epochs", answered(page.epochs)),
        Route("/api/translators/{model:int}/translate", sending(page.translate), methods=["POST"]),
        Route("/api/classifiers/{model:int}/classify", sending(page.classify), methods=["POST"]),
        Route("/api/classifiers/{model:int}/neighbours", sending(page.neighbours), methods=["POST"]),
        Route("/api/lab", answered(page.claims)), Route("/api/lab/{claim}", answered(page.claim)),
        Route("/api/lab/{claim}/measure", page.measure, methods=["POST"]),
        Route("/api/jobs/{job}", page.told), Route("/api/jobs/{job}/stop", page.stop, methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes), hosts, token)
