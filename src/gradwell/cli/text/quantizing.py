"""`gradwell text quantize`: write MODEL.bin again as MODEL.ftz, in few bytes."""

from __future__ import annotations

import dataclasses

from gradwell.cli.text import flags
from gradwell.cli.text.command import Command, Flag, Given
from gradwell.cli.text.streams import readable, writable
from gradwell.cli.text.training import NATIVE
from gradwell.errors import OptionError
from gradwell.text.options import SUPERVISED

DEFAULTS = dataclasses.replace(SUPERVISED, lr=0.05)  # as in fastText (args.cc), where quantize does not know the model's kind
USED = ("epoch", "lr", "thread", "verbose")
NOTES = "Reads MODEL.bin and writes MODEL.ftz. fastText asks for -input always; here only -retrain needs it."


def command(name: str, summary: str) -> Command:
    """The command."""
    groups = {
        "required": (Flag("output", "the model without its ending", metavar="MODEL"),),
        "quantisation": flags.QUANTIZE,
        "training again": (Flag("input", "the text to train with", metavar="FILE"), *flags.flags(DEFAULTS, *USED)),
    }
    rest = [option for option in (*flags.TRAINING, *flags.DICTIONARY) if option not in USED]
    ignored = (*flags.flags(DEFAULTS, *rest), flags.SAVE_OUTPUT, *flags.AUTOTUNE)
    return Command(name, summary + ".", quantize, groups=groups, ignored=ignored, required=("output",), notes=NOTES)


def quantize(_: list[str], given: Given) -> int:
    """Quantise as asked."""
    from gradwell.text import files, quantization

    output, source = given["output"], given.get("input")
    base = output.removesuffix(NATIVE)
    if given.get("retrain") and not source:
        raise OptionError("-retrain needs -input FILE (the text to train with)")
    if source:
        readable(source, "the training text")
    writable(base + ".ftz", "a model")
    model = files.load(output if output.endswith(NATIVE) else base + ".bin")
    settings = {flag.name: given.get(flag.name, flag.default) for flag in flags.flags(DEFAULTS, *USED)}
    small = quantization.quantize(
        model, source, qout=given.get("qout", False), cutoff=given.get("cutoff", 0), retrain=given.get("retrain", False),
        dsub=given.get("dsub", 2), qnorm=given.get("qnorm", False), **settings,
    )
    files.save(small, base + ".ftz")
    return 0
