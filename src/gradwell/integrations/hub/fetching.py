"""Files from the Hub, of which only those are asked for that a model of ours consists of, and one clear sentence for what goes wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradwell
from gradwell.errors import DependencyError, GradwellError, ModelFileError
from gradwell.folder import CONFIG, DOCTOR, WEIGHTS
from gradwell.integrations.hub.packing import CARD, FILES, kind_of

LARGEST_TEXT = 64 << 20  # bytes of a file that is no weights
LOGIN = "log in with `hf auth login`, or set HF_TOKEN"


def fetched(repo: str, revision: str | None, token: str | None, endpoint: str | None) -> Path:
    """The folder of the cache in which the files of a repository lie that a model of ours consists of; others are left where they are."""
    with plainly(repo, "be fetched"):
        hub = api(token, endpoint)
        sizes = sizes_of(hub, repo, revision)
        if sizes is not None and CONFIG not in sizes:
            raise ModelFileError(f"{repo} holds no Gradwell model: there is no {CONFIG}")
        large = [name for name, size in (sizes or {}).items() if name in FILES and name != WEIGHTS and size > LARGEST_TEXT]
        if sizes and large:
            raise ModelFileError(f"{repo} is no Gradwell model: its {large[0]} has {sizes[large[0]]:,} bytes")
        first = Path(hub.snapshot_download(repo, revision=revision, allow_patterns=[CONFIG]))
    with naming(repo):
        files = kind_of(first / CONFIG).files
    with plainly(repo, "be fetched"):
        needed, free = (sizes or {}).get(WEIGHTS, 0), shutil.disk_usage(first).free
        if needed > free and not (first / WEIGHTS).exists():
            raise ModelFileError(f"{repo} has {needed:,} bytes of weights, and {free:,} are free on the disk of {first}")
        return Path(hub.snapshot_download(repo, revision=first.name, allow_patterns=[*files, DOCTOR, CARD]))


def sizes_of(hub: Any, repo: str, revision: str | None) -> dict[str, int] | None:
    """The bytes of each file of a repository; None where nobody answers: perhaps it was fetched before."""
    try:
        found = hub.model_info(repo, revision=revision, files_metadata=True).siblings
    except Exception as error:
        if getattr(error, "response", None) is not None or isinstance(error, ValueError):
            raise
        return None
    return {one.rfilename: one.size or 0 for one in found}


def api(token: str | None, endpoint: str | None) -> Any:
    """The library. Raises DependencyError when it is missing."""
    try:
        from huggingface_hub import HfApi
    except ModuleNotFoundError:
        raise DependencyError("the Hub needs huggingface_hub; install it with `pip install 'gradwell[hub]'`") from None
    return HfApi(endpoint, token, library_name="gradwell", library_version=gradwell.__version__)


@contextmanager
def plainly(repo: str, what: str) -> Iterator[None]:
    """One clear sentence for whatever goes wrong between here and the Hub."""
    try:
        yield
    except GradwellError:
        raise
    except Exception as error:  # noqa: BLE001 - the library and those below it raise errors of many families
        raise ModelFileError(f"{repo} cannot {what}: {reason(error)}") from None


def reason(error: Exception) -> str:
    """Why the Hub did not do it."""
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        return f"its owner must let you in first; {LOGIN}"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"the Hub has no such repository, or it is private; {LOGIN}"
    if isinstance(error, errors.RevisionNotFoundError):
        return "the repository has no such revision"
    if status in (401, 403):
        return f"the Hub does not let you; {LOGIN}"
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    below = reason(error.__cause__) if isinstance(error.__cause__, Exception) else ""
    return said if below in said else f"{said} {below}"


@contextmanager
def naming(repo: str) -> Iterator[None]:
    """Begin what is wrong with a model's files with the name that they were asked for by."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(f"{repo}: {error}") from None
