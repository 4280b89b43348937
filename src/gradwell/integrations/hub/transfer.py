"""To the Hub and from it; huggingface_hub carries the files, and only those that a model of ours consists of.

Its mixin for models (PyTorchModelHubMixin) wants one nn.Module whose arguments are JSON; ours are folders with vocabularies or
dictionaries beside the weights, so a folder is what is carried.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradwell.folder import DOCTOR, ready
from gradwell.integrations.hub.fetching import api, fetched, naming, plainly
from gradwell.integrations.hub.packing import CARD, FILES, Where, opened, pack


def push_to_hub(
    model: Where, repo: str, *, test: str = "", languages: Sequence[str] = (), license: str = "", private: bool = False,
    token: str | None = None, endpoint: str | None = None,
) -> str:
    """Put a model on the Hub, as `pack` makes it, and return its address; the repository is made where it is not there.

    Files of an earlier model that this one has not are deleted there; files of other names stay.
    token, endpoint: of the Hub, where those that huggingface_hub knows are not meant.
    Raises ModelFileError when the model is damaged or the Hub does not take it, DataError when the test data cannot be read.
    """
    hub = api(token, endpoint)
    with tempfile.TemporaryDirectory() as work:
        folder = pack(model, Path(work) / "model", test, languages, license, repo)
        with plainly(repo, "be written"):
            made = hub.create_repo(repo, private=private or None, exist_ok=True)
            hub.upload_folder(  # what is left of an earlier model, such as the doctor's report on it, is not of this one
                repo_id=made.repo_id, folder_path=folder, commit_message="A model of Gradwell", delete_patterns=list(FILES),
            )
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
