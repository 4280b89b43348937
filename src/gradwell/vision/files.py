"""An image classifier as a folder: config.json, and weights in model.safetensors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradwell.errors import ModelFileError, OptionError
from gradwell.folder import CONFIG, WEIGHTS, write
from gradwell.vision.model import channels_last, network
from gradwell.vision.needs import needed
from gradwell.vision.options import Options
from gradwell.weights import filled

if TYPE_CHECKING:
    from gradwell.vision.classifier import ImageClassifier

FORMAT, VERSION = "gradwell image classifier", 1


def save(made: ImageClassifier, folder: str | os.PathLike[str]) -> None:
    """Write a classifier; config.json comes last, so that a folder that has one is whole."""
    where = Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in made.model.state_dict().items()}
    write(where / WEIGHTS, needed("safetensors.torch", "saving an image classifier").save(weights))
    config = {
        "format": FORMAT, "version": VERSION, "options": made.options.as_dict(), "classes": list(made.classes), "shape": list(made.shape),
        "history": made.history,
    }
    write(where / CONFIG, json.dumps(config, indent=2, ensure_ascii=False) + "\n")


def load(folder: str | os.PathLike[str]) -> ImageClassifier:
    """The image classifier in a folder. Raises ModelFileError when there is none, or it is damaged or of another version."""
    from gradwell.vision.classifier import ImageClassifier

    where = Path(folder)
    if not (where / CONFIG).exists():
        begun = (where / "training").exists()
        hint = "; its training was interrupted, and the same command goes on with it" if begun else "; `gradwell vision train` makes one"
        raise ModelFileError(f"{where} holds no image classifier: there is no {CONFIG}{hint}")
    config = config_of(where / CONFIG)
    try:
        options, classes, shape = Options().with_(**config["options"]), tuple(config["classes"]), tuple(config["shape"])
        if len(shape) != 3 or not all(type(side) is int and side > 0 for side in shape):
            raise ValueError(f"images of the shape {shape}")
    except (OptionError, TypeError, KeyError, ValueError) as error:
        raise ModelFileError(f"{where / CONFIG} states what is not possible: {error}") from None
    path = where / WEIGHTS
    try:
        weights: dict[str, Any] = needed("safetensors.torch", "loading an image classifier").load_file(path)
        model = channels_last(filled(lambda: network(options, shape, len(classes)), weights))
    except Exception as error:  # noqa: BLE001 - a damaged file may raise anything
        raise ModelFileError(f"{path} does not hold the weights that {CONFIG} describes: {str(error).splitlines()[0]}") from None
    return ImageClassifier(options, classes, shape, model.eval(), config.get("history"))


def config_of(path: Path) -> dict[str, Any]:
    """What a configuration states."""
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        form, version = config["format"], config["version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise ModelFileError(f"{path} is not the configuration of an image classifier") from None
    if form != FORMAT or version != VERSION:
        raise ModelFileError(f"{path} is a {form!r} of version {version}; this Gradwell reads {FORMAT!r} of version {VERSION}")
    return config
