"""`gradwell text predict|predict-prob`: the most probable labels of every line of a text, or of every row of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradwell.cli.text.command import Command, Flag, Given
from gradwell.cli.text.parsing import answers, number
from gradwell.cli.text.streams import blocks, flush, put

if TYPE_CHECKING:
    from gradwell.text.dictionary import Ints

ANSWERS = 4 << 20  # labels to hold at once
POSITIONS = ("MODEL", "FILE|-", "[K]", "[THRESHOLD]")
NOTES = """
FILE holds a text in each line; - stands for stdin. The K most probable labels are printed [1; -1: all], and only
those with at least this probability [0]. Every line gets one line of output, which is empty where there is nothing
to predict from.
"""
TABLES = """
With -input, tables are read and one is written, without limit of length: Parquet, Arrow (.arrow, .feather), CSV or
JSON lines, by their endings.

    gradwell text predict model.bin -input part-*.parquet -column text -output out.parquet

Every row of the input gives one row of the output, with the columns label and probability (lists, where k is not 1).
Where -input is a folder, -output is one, too: each table below it gives a table of the same name, by as many processes
as there are threads; with -ray on a Ray cluster, whose nodes must all see both folders. A table is written whole or
not at all, and the same command again does only what is left. Exit status 1: some tables could not be labelled.

    gradwell text predict model.bin -input crawl -column text -output labels

Probabilities are exact here; those that predict-prob prints are 0.00001 larger, as fastText's are.
"""
TABLE_FLAGS = (
    Flag("input", "tables to read, one after the other, or a folder of tables", kind=list, metavar="FILE..."),
    Flag("column", "the column that holds the text", metavar="NAME"),
    Flag("output", "the table to write; its ending says its kind; or a folder", metavar="FILE"),
    Flag("model", "the model, where it does not stand as first value", metavar="MODEL"),
    Flag("k", "labels for each row; -1: all", 1, int),
    Flag("threshold", "least probability of a label", 0.0, float),
    Flag("threads", "threads; 0: one for each processor", 0, int),
    Flag("ray", "label a folder on Ray: local (started here), auto (the cluster there is) or its address", metavar="ADDRESS"),
    Flag("keep", "columns of the input to keep, with commas between; not given: all", metavar="NAMES"),
    Flag("label-column", "name of the new column of labels", "label", metavar="NAME"),
    Flag("probability-column", "name of the new column of probabilities", "probability", metavar="NAME"),
)


def command(name: str, summary: str) -> Command:
    """The command, with or without probabilities."""
    probabilities = name == "predict-prob"

    def run(positions: list[str], given: Given) -> int:
        if given:
            from gradwell.cli.text.tables import predict as predict_tables

            return predict_tables(positions, given)
        return predict(positions, probabilities)

    return Command(name, summary + ".", run, POSITIONS, {"tables": TABLE_FLAGS}, notes=NOTES + TABLES)


def predict(positions: list[str], probabilities: bool) -> int:
    """Print the labels of every line, block by block."""
    k, threshold = answers(positions, 2, 1), max(number("the threshold", positions, 3, float, 0.0), 0.0)
    import numpy as np

    from gradwell.text import files, prediction
    from gradwell.text.FastText import TINY

    with blocks(positions[1]) as text:
        model = files.load(positions[0])
        model.predict([], k, threshold)  # complains where no text could be predicted
        layouts = [label.replace(b"%", b"%%") + b" %.6g" * probabilities for label in model.dictionary.entries[model.dictionary.nwords :]]
        at_once = max(1, ANSWERS // (k if 0 < k < len(layouts) else len(layouts)))
        layouts.append(b"")  # stands at -1
        for block in text:
            data, starts = prediction.lines(np.frombuffer(block, np.uint8))
            for first in range(0, len(starts) - 1, at_once):
                some = starts[first : first + at_once + 1]
                ids, values = model.predict_bytes(data, some, k, threshold, None, model.options.threads)
                if model.options.loss != "hs":
                    values = np.minimum(values + TINY, np.float32(1))
                put(lines(layouts, ids) % (tuple(values[ids >= 0].tolist()) if probabilities else ()))
            flush()
    return 0


def lines(layouts: list[bytes], ids: Ints) -> bytes:
    """A line for each row of ids, with what stands for each label; -1 stands for none."""
    if ids.shape[1] == 1:
        return b"\n".join([layouts[i] for i in ids[:, 0].tolist()] + [b""])
    return b"\n".join([b" ".join([layouts[i] for i in row if i >= 0]) for row in ids.tolist()] + [b""])
