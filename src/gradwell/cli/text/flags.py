"""The flags that several commands share, made from the options of training: names, meanings and defaults stand there."""

from __future__ import annotations

from typing import get_type_hints

from gradwell.cli.text.command import Flag
from gradwell.text.options import Options

MEANINGS = {name: hint.__metadata__[0] for name, hint in get_type_hints(Options, include_extras=True).items()}
METAVARS = {"loss": "LOSS", "label": "PREFIX", "pretrainedVectors": "FILE"}
TRAINING = ("lr", "lrUpdateRate", "dim", "ws", "epoch", "neg", "loss", "thread", "pretrainedVectors", "seed", "verbose")
DICTIONARY = ("minCount", "minCountLabel", "wordNgrams", "bucket", "minn", "maxn", "t", "label")
SAVE_OUTPUT = Flag("saveOutput", "also write the output matrix, as text, to MODEL.output", kind=bool)
AUTOTUNE = (
    Flag("autotune-validation", "text to judge by; the flags that are not given are tuned", metavar="FILE"),
    Flag("autotune-metric", "f1, f1:LABEL, precisionAtRecall:30[:LABEL] or recallAtPrecision:30[:LABEL]", "f1", metavar="METRIC"),
    Flag("autotune-predictions", "labels predicted for each line while judging", 1, int),
    Flag("autotune-duration", "seconds that tuning may take", 300, int, "SECONDS"),
    Flag("autotune-modelsize", "bytes that the model file may take, such as 2M; the model is then quantised", metavar="SIZE"),
)
SHARED = (
    Flag("autotune-storage", "database of trials, such as sqlite:///study.db: processes share a search, and it goes on", metavar="URL"),
    Flag("autotune-study", "name of the search in that database", "autotune", metavar="NAME"),
)
QUANTIZE = (
    Flag("cutoff", "words and n-grams to keep; 0: all", 0, int),
    Flag("retrain", "train the kept vectors again; needs -input", kind=bool),
    Flag("qnorm", "keep the vectors' lengths apart", kind=bool),
    Flag("qout", "quantise the output matrix, too", kind=bool),
    Flag("dsub", "numbers of a vector that share one byte", 2, int),
)
CHECKPOINT = Flag(
    "checkpoint", "write the state to this .safetensors file after each epoch; where it is there, training goes on from it", metavar="FILE"
)
START = Flag("start", "a model to go on training", metavar="MODEL")
DETERMINISTIC = Flag("deterministic", "the same result with any number of threads, somewhat slower", kind=bool)


def flags(defaults: Options, *names: str) -> tuple[Flag, ...]:
    """Flags for options of training."""
    values = [(name, getattr(defaults, name)) for name in names]
    return tuple(Flag(name, MEANINGS[name], value, type(value), METAVARS.get(name, "")) for name, value in values)
