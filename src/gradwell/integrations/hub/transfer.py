"""To the Hub and from it; huggingface_hub carries the files, and only those that a model of ours consists of.

Its mixin for models (PyTorchModelHubMixin) wants one nn.Module whose arguments are JSON; ours are folders with vocabularies or
dictionaries beside the weights, so a folder is what is carried.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradwell
from gradwell.errors import DependencyError, GradwellError, ModelFileError
from gradwell.folder import CONFIG, DOCTOR, WEIGHTS, ready
from gradwell.integrations.hub.packing import CARD, FILES, Where, kind_of, opened, pack

LARGEST_TEXT = 64 << 20  # bytes of a file that is no weights
LOGIN = "log in with `hf auth login`, or set HF_TOKEN"


def push_to_hub(
    model: Where, repo: str, *, test: str = "", languages: Sequence[str] = (), license: str = "", private: bool = False,
    token: str | None = None, endpoint: str | None = None,
) -> str:
    """Put a model on the Hub, as `pack` makes it, and return its address; the repository is made where it is not there.

    token, endpoint: of the Hub, where those that huggingface_hub knows are not meant.
    Raises ModelFileError when the model is damaged or the Hub does not take it, DataError when the test data cannot be read.
    """
    hub = api(token, endpoint)
    with tempfile.TemporaryDirectory() as work:
        folder = pack(model, Path(work) / "model", test, languages, license, repo)
        with plainly(repo, "be written"):
            made = hub.create_repo(repo, private=private or None, exist_ok=True)
            hub.upload_folder(repo_id=made.repo_id, folder_path=folder, commit_message="A model of Gradwell")
    return str(made)


def from_pretrained(repo: Where, *, revision: str | None = None, token: str | None = None, endpoint: str | None = None) -> Any:
    """The model in a repository of the Hub, or in a folder of this machine where there is one of this name.

    A text model has fastText's methods; a translator and an image classifier are what `gradwell.translate.load` and
    `gradwell.vision.load` give. Nothing is unpickled, and no code of the repository runs. What was fetched once is kept in
    huggingface_hub's cache. Raises ModelFileError when there is no such model, or it is damaged or of something else.
    """
    folder = Path(repo) if Path(repo).is_dir() else fetched(os.fspath(repo), revision, token, endpoint)
    with naming(os.fspath(repo)):
        return opened(folder).model


def pull(repo: str, folder: Where, *, revision: str | None = None, token: str | None = None, endpoint: str | None = None) -> Path:
    """Fetch a model into a folder, once it has proved to be whole. Raises ModelFileError as `from_pretrained` does."""
    new = not Path(folder).exists()
    to = ready(folder)
    try:
        source = fetched(repo, revision, token, endpoint)
        with naming(repo):
            kind = type(opened(source))
    except BaseException:
        if new:
            to.rmdir()
        raise
    for name in (CARD, DOCTOR, *reversed(kind.files)):  # the configuration last: a folder that has one is whole
        if (source / name).exists():
            temporary = to / f".{name}.{os.getpid()}"
            try:
                shutil.copyfile(source / name, temporary)
                temporary.replace(to / name)
            finally:
                temporary.unlink(missing_ok=True)
    return to


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
    return f"{said} {reason(error.__cause__)}" if isinstance(error.__cause__, Exception) else said


@contextmanager
def naming(repo: str) -> Iterator[None]:
    """Begin what is wrong with a model's files with the name that they were asked for by."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(f"{repo}: {error}") from None
