"""A model as a folder that can be shared, and back."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from gradwell.errors import ModelFileError
from gradwell.folder import CONFIG, DOCTOR, WEIGHTS, write
from gradwell.integrations.hub.kind import Shared
from gradwell.report.json import SCHEMA

KINDS = {"gradwell text": "texts.Text", "gradwell translator": "translators.Translates", "gradwell image classifier": "images.Classifies"}
CARD = "README.md"
SAID = {"steps", "learned", "overhead", "notices", "findings"}  # by the doctor
FILES = (CARD, DOCTOR, CONFIG, WEIGHTS, "source.json", "target.json", "alignments.json")  # all that are ever fetched
POSSIBLE = "it can be the folder of a translator or an image classifier, or the file of a text model (.bin, .ftz, .safetensors)"
FOLDERS = re.compile(r"\S*/(?=[^\s/]+:\d)")  # before a file's name and a line's number
Where = str | os.PathLike[str]


def kind_of(config: Path) -> type[Shared]:
    """The kind of model that a configuration states. Raises ModelFileError when it is none of ours."""
    try:
        stated: Any = json.loads(config.read_bytes())
        form = stated.get("format") if isinstance(stated, dict) else None
    except OSError as error:
        raise ModelFileError(f"{config} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ModelFileError(f"{config} is not JSON") from None
    if not isinstance(form, str) or form not in KINDS:
        said = "it states no format" if form is None else f"its format is {str(form)[:40]!r}"
        raise ModelFileError(f"{config.name} is not of a Gradwell model: {said}; it can be {', '.join(map(repr, KINDS))}")
    module, _, name = KINDS[form].partition(".")
    found: type[Shared] = getattr(import_module(f"gradwell.integrations.hub.{module}"), name)
    return found


def opened(folder: Path) -> Shared:
    """The model in a folder. Raises ModelFileError when there is none, or it is damaged."""
    return kind_of(folder / CONFIG)(folder)


def pack(model: Where, folder: Where, test: str = "", languages: Sequence[str] = (), license: str = "", name: str = "") -> Path:
    """Write into an empty folder exactly what is shared of a model: its files, and a card.

    model: the folder of a translator or an image classifier, or the file of a text model (.bin, .ftz, .safetensors).
    test: data to measure it on for the card; languages and license: what the card states; name: what it will be called on the Hub.
    Raises ModelFileError when there is no model or it is damaged, DataError when the test data cannot be read.
    """
    source, to = Path(model), Path(folder)
    to.mkdir(parents=True, exist_ok=True)
    if any(to.iterdir()):
        raise ModelFileError(f"{to} is not empty; name a new folder to pack a model into")
    if not (source / CONFIG if source.is_dir() else source).exists():
        raise ModelFileError(f"{source} is no model: {f'there is no {CONFIG}' if source.is_dir() else 'there is no such file'}; {POSSIBLE}")
    if source.is_dir():
        for file in (*kind_of(source / CONFIG).files, DOCTOR):
            if (source / file).exists():
                shutil.copyfile(source / file, to / file)
    else:
        pack_text(source, to)
    doctor = doctor_of(to)
    if doctor:
        write(to / DOCTOR, json.dumps(doctor, indent=2, ensure_ascii=False) + "\n")

    from gradwell.integrations.hub.cards import card_of

    write(to / CARD, card_of(opened(to), name or source.resolve().stem, doctor, test, languages, license))
    return to


def pack_text(file: Path, folder: Path) -> None:
    """The file of a text model, of whatever format, in Gradwell's own, and a configuration that says what it is."""
    from gradwell.text import files

    model = files.load(file)
    vectors = Path(model.options.pretrainedVectors).name  # where they lay on this machine is nobody's business
    model.options = dataclasses.replace(model.options, pretrainedVectors=vectors)
    files.save(model, folder / WEIGHTS)
    stated = {"format": "gradwell text", "options": dataclasses.asdict(model.options)}
    write(folder / CONFIG, json.dumps(stated, indent=2, ensure_ascii=False) + "\n")


def card(model: Where, test: str = "", languages: Sequence[str] = (), license: str = "", name: str = "") -> str:
    """The card that `pack` would write."""
    with tempfile.TemporaryDirectory() as folder:
        return (pack(model, folder, test, languages, license, name) / CARD).read_text(encoding="utf-8")


def doctor_of(folder: Path) -> dict[str, Any] | None:
    """What the doctor said of the training, without what it knows of the machine: of paths only the file's name is left."""
    from gradwell.integrations.hub.cards import report

    path = folder / DOCTOR
    if not path.exists():
        return None

    def named(finding: dict[str, Any]) -> dict[str, Any]:
        file = finding["where"]["file"]
        where = finding["where"] | {"file": file and Path(file).name}
        return finding | {"where": where, "explains": [named(below) for below in finding["explains"]]}

    try:
        said: dict[str, Any] = json.loads(path.read_bytes())
        if said["schema"] != SCHEMA or not said.keys() >= SAID:
            raise ValueError
        notices = [FOLDERS.sub("", notice) for notice in said["notices"]]
        said |= {"script": "", "notices": notices, "findings": [named(finding) for finding in said["findings"]]}
        list(report(said))  # a card must be able to say it
        return said
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ModelFileError(f"{path.name} is not a report of the doctor; delete it from the model's folder to share without one") from None
