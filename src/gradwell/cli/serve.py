"""`gradwell serve`: the page, live."""

from __future__ import annotations

import contextlib
import secrets
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from gradwell.cli import output
from gradwell.errors import RecordError, TargetError


def serve(
    folder: Annotated[Path, typer.Argument(metavar="[RUN_DIR]", help="A folder of runs, or one run.")] = Path("gradwell-runs"),
    host: Annotated[str, typer.Option(help="Where to listen; anywhere but on this machine, the address holds a token.")] = "127.0.0.1",
    translator: Annotated[list[Path] | None, typer.Option(metavar="DIR", help="A translator to try; name two to compare.")] = None,
    classifier: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="A text model to try.")] = None,
    export: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the page with all runs as one file; serve nothing.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8421,
) -> int:
    """Show runs in the browser: live, layer by layer, through time, side by side."""
    from gradwell.serve.needs import needed

    needed()
    import uvicorn

    from gradwell.project import project
    from gradwell.serve.app import Page, app
    from gradwell.serve.classifiers import Classifier
    from gradwell.serve.export import exported
    from gradwell.serve.folder import Folder
    from gradwell.serve.security import LOOPBACK
    from gradwell.serve.translators import Translator

    if not folder.is_dir():
        raise RecordError(f"there is no folder {folder} here; `gradwell run` makes gradwell-runs, or name another folder")
    project()  # a table that cannot be read is better told now
    page = Page(Folder(folder), [Translator(one) for one in translator or []], [Classifier(one) for one in classifier or []])
    if export and (translator or classifier):
        raise TargetError("--export writes what was measured; a translator or classifier can be tried in the served page alone")
    if export:
        output.write(export, exported(page))
        page.end()
        return 0
    page.models()  # a model that cannot be read is better told now
    listening = bound(host, port)
    here = host in LOOPBACK
    token = "" if here else secrets.token_urlsafe(24)
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{listening.getsockname()[1]}/{f'?token={token}' if token else ''}"
    print(f"gradwell: {folder} is at {address}   (Ctrl-C ends it)", file=sys.stderr, flush=True)
    hosts = LOOPBACK if here else (*LOOPBACK, name, *(["*"] if host in ("0.0.0.0", "::") else []))

    class Server(uvicorn.Server):
        """Tells the page that it ends, so that no stream keeps it waiting."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            page.end()
            super().handle_exit(sig, frame)

    config = uvicorn.Config(app(page, hosts, token), log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    with contextlib.suppress(KeyboardInterrupt):  # which is how it is ended
        Server(config).run(sockets=[listening])
    page.end()
    return 0


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises TargetError where that is not possible."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(128)
    except socket.gaierror as error:
        raise TargetError(f"there is no address of the name {host!r} ({error.strerror}); choose another --host") from None
    except OSError as error:
        raise TargetError(f"cannot listen at {host}:{port}: {error.strerror or error}; choose another --port, or --port 0") from None
    return found
