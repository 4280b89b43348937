"""`gradwell text supervised|skipgram|cbow`: train a model and write it, and its vectors, to files."""

from __future__ import annotations

import dataclasses
import os
from functools import partial
from typing import Any

import numpy as np

from gradwell.cli.text import flags
from gradwell.cli.text.command import Command, Flag, Given
from gradwell.cli.text.streams import readable, writable
from gradwell.errors import OptionError
from gradwell.text.options import NAMES, SUPERVISED, UNSUPERVISED

NATIVE = ".safetensors"
AUTOTUNE = {
    "autotune-validation": "autotuneValidationFile", "autotune-metric": "autotuneMetric", "autotune-predictions": "autotunePredictions",
    "autotune-duration": "autotuneDuration", "autotune-modelsize": "autotuneModelSize", "autotune-storage": "autotuneStorage",
    "autotune-study": "autotuneStudy",
}  # flags, and the keywords of train_supervised
EXTRAS = ("validation", "patience", "checkpoint", "deterministic")
NOTES = """
Writes MODEL.bin and the vectors as text, MODEL.vec. Where MODEL ends in .safetensors, the model is written to it
in Gradwell's own format, which is smaller and maps into memory.
"""


def command(name: str, summary: str) -> Command:
    """The command that trains such a model."""
    classifier = name == "supervised"
    defaults = SUPERVISED if classifier else dataclasses.replace(UNSUPERVISED, model=name)
    content = "each line holds its labels and its words" if classifier else "words with spaces between them"
    groups = {
        "required": (
            Flag("input", f"the text, or - for stdin: {content}", metavar="FILE"),
            Flag("output", "where to write the model; the ending is added", metavar="MODEL"),
        ),
        "training": (*flags.flags(defaults, *flags.TRAINING), flags.SAVE_OUTPUT),
        "dictionary": flags.flags(defaults, *flags.DICTIONARY),
    }
    more: tuple[Flag, ...] = (flags.CHECKPOINT, flags.START, flags.DETERMINISTIC)
    if classifier:
        groups["autotune"] = (*flags.AUTOTUNE, *flags.SHARED)
        more = (
            Flag("validation", "text to measure each epoch on; the best epoch is kept", metavar="FILE"),
            Flag("patience", "stop after so many epochs that are no better on the validation text", kind=int),
            Flag("class-weight", "how much each label counts: balanced, or LABEL=NUMBER,LABEL=NUMBER", metavar="WEIGHTS"),
            *more,
        )
    groups["beyond fastText"] = more

    def run(_: list[str], given: Given) -> int:
        return train(name, given)

    return Command(name, summary + ".", run, groups=groups, ignored=flags.QUANTIZE, required=("input", "output"), notes=NOTES)


def train(name: str, given: Given) -> int:
    """Train as asked; files are written when all is done."""
    from gradwell.text import FastText, files

    output = given["output"]
    base = output.removesuffix(NATIVE)
    if not os.path.basename(base):
        raise OptionError(f"-output is {output!r}, which names no file; give a name, such as {base}model")
    small = "autotune-validation" in given and "autotune-modelsize" in given
    path = output if output.endswith(NATIVE) else base + (".ftz" if small else ".bin")
    writable(path, "a model")
    for flag in ("validation", "autotune-validation", "pretrainedVectors"):
        if given.get(flag):
            readable(given[flag], f"-{flag}")
    if given.get("checkpoint"):
        writable(given["checkpoint"], "a checkpoint")
    for one in flags.SHARED:
        if one.name in given and "autotune-validation" not in given:
            raise OptionError(f"-{one.name} is of a search, which needs -autotune-validation")
    options: dict[str, Any] = {key: value for key, value in given.items() if key in (*NAMES, *EXTRAS)}
    options |= {key: given[flag] for flag, key in AUTOTUNE.items() if flag in given}
    options["input"] = "/dev/stdin" if given["input"] == "-" else given["input"]
    if "class-weight" in given:
        options["class_weight"] = weights(given["class-weight"])
    if "start" in given:
        options["start"] = files.load(given["start"])
    train_it = FastText.train_supervised if name == "supervised" else partial(FastText.train_unsupervised, model=name)
    model = train_it(**options).model
    files.save(model, path)
    dictionary = model.dictionary
    files.save_vectors(base + ".vec", dictionary.entries[: dictionary.nwords], model.word_vectors())
    if given.get("saveOutput"):
        outputs = dictionary.entries[dictionary.nwords :] if model.supervised else dictionary.entries[: dictionary.nwords]
        files.save_vectors(base + ".output", outputs, np.ascontiguousarray(model.output[:, : model.options.dim]))
    return 0


def weights(text: str) -> dict[str, float] | str:
    """The weight of each label, as LABEL=NUMBER,LABEL=NUMBER or in one word."""
    if text == "balanced":
        return text
    found: dict[str, float] = {}
    for part in text.split(","):
        label, _, value = part.rpartition("=")
        try:
            found[label] = float(value)
        except ValueError:
            raise OptionError(f"-class-weight is {text!r}; it can be balanced, or LABEL=NUMBER,LABEL=NUMBER") from None
    return found
