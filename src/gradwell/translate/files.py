"""A translator as a folder: config.json, vocabularies in source.json and target.json, weights in model.safetensors.

alignments.json holds what some validation sentences looked like after each epoch.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradwell.errors import ModelFileError, OptionError
from gradwell.folder import CONFIG, WEIGHTS, read, write
from gradwell.translate.model import EncoderDecoder
from gradwell.translate.needs import needed
from gradwell.translate.options import Options
from gradwell.translate.vocabulary import Vocabulary
from gradwell.weights import filled

if TYPE_CHECKING:
    from gradwell.translate.translator import Translator

FORMAT, VERSION = "gradwell translator", 1
ALIGNMENTS = "alignments.json"


def start(work: Path, source: Vocabulary, target: Vocabulary) -> None:
    """Note what a training begins with."""
    work.mkdir(exist_ok=True)
    write(work / "source.json", source.dump())
    write(work / "target.json", target.dump())


def started(work: Path) -> tuple[Vocabulary, Vocabulary]:
    """What a training began with."""
    return Vocabulary.read(work / "source.json"), Vocabulary.read(work / "target.json")


def save(translator: Translator, folder: str | os.PathLike[str]) -> None:
    """Write a translator; config.json comes last, so that a folder that has one is whole."""
    where = Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in translator.model.state_dict().items()}
    weights = {name: value for name, value in weights.items() if not (translator.options.one_vocabulary and name == "encoder.embed.weight")}
    write(where / WEIGHTS, needed("safetensors.torch", "saving a translator").save(weights))
    write(where / "source.json", translator.source.dump())
    write(where / "target.json", translator.target.dump())
    if translator.alignments:
        write(where / ALIGNMENTS, json.dumps(translator.alignments, ensure_ascii=False) + "\n")
    config = {"format": FORMAT, "version": VERSION, "options": translator.options.as_dict(), "history": translator.history}
    write(where / CONFIG, json.dumps(config, indent=2) + "\n")


def load(folder: str | os.PathLike[str], bf16: bool = False) -> Translator:
    """The translator in a folder; with bf16 its weights are rounded to bfloat16, which is faster where the processor computes in it.

    Raises ModelFileError when there is none, or it is damaged or of another version.
    """
    from gradwell.translate.translator import Translator

    where = Path(folder)
    if not (where / CONFIG).exists():
        begun = (where / "training").exists()
        hint = "; its training was interrupted, and the same command goes on with it" if begun else "; `gradwell translate train` makes one"
        raise ModelFileError(f"{where} holds no translator: there is no {CONFIG}{hint}")
    options, history = config_of(where / CONFIG)
    source, target = Vocabulary.read(where / "source.json"), Vocabulary.read(where / "target.json")
    path = where / WEIGHTS
    try:
        weights: dict[str, Any] = needed("safetensors.torch", "loading a translator").load_file(path)
        if options.one_vocabulary:
            weights["encoder.embed.weight"] = weights["decoder.embed.weight"]
        if options.encoder_layers + options.decoder_layers > len(weights):
            raise ValueError(f"it states more layers than the {len(weights)} tensors that are there")
        model = filled(lambda: EncoderDecoder(options, len(source), len(target)), weights)
    except Exception as error:  # noqa: BLE001 - a damaged file may raise anything
        raise ModelFileError(f"{path} does not hold the weights that {CONFIG} describes: {str(error).splitlines()[0]}") from None
    seen = where / ALIGNMENTS
    try:
        alignments = json.loads(read(seen)) if seen.exists() else None
    except (ValueError, RecursionError):
        raise ModelFileError(f"{seen} is not JSON") from None
    return Translator(options, source, target, (model.bfloat16() if bf16 else model).eval(), history, alignments)


def config_of(path: Path) -> tuple[Options, list[dict[str, float]]]:
    """The options and history that a configuration states."""
    try:
        config = json.loads(read(path))
        form, version = config["format"], config["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ModelFileError(f"{path} is not the configuration of a translator") from None
    if form != FORMAT or version != VERSION:
        raise ModelFileError(f"{path} is a {form!r} of version {version}; this Gradwell reads {FORMAT!r} of version {VERSION}")
    try:
        return Options().with_(**config["options"]), list(config["history"])
    except (OptionError, TypeError, KeyError) as error:
        raise ModelFileError(f"{path} states options that are not possible: {error}") from None
