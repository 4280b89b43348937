"""Labels for tables: Parquet, Arrow, CSV or JSON lines in, the same rows with a label and a probability out.

Tables are read and written some thousand rows at a time, so that they may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradwell.errors import DataError, OptionError
from gradwell.text import tables_in, tables_out
from gradwell.text.model import Model
from gradwell.text.options import SUPERVISED
from gradwell.text.tables_in import Block
from gradwell.text.writing import replacing

ANSWERS = 4 << 20  # labels to hold at once


@dataclass(frozen=True)
class Job:
    """What is wanted of the tables."""

    column: str  # the one that holds the text
    k: int = 1  # labels for each row; -1: all
    threshold: float = 0.0  # least probability of a label
    threads: int = 0  # 0: one for each processor
    keep: Sequence[str] | None = None  # columns of the input that the output has, too; None: all
    label: str = "label"  # names of the new columns
    probability: str = "probability"


def check(inputs: Sequence[str], output: str, job: Job) -> None:
    """Complain about what can be seen before anything is read: kinds of files, missing files, impossible numbers."""
    sensible(job)
    if not inputs:
        raise DataError("no table was given to read")
    for path in inputs:
        if not Path(path).is_file():
            raise DataError(f"{path} {'is a folder; name it alone, or name the tables in it' if Path(path).is_dir() else 'does not exist'}")
        tables_in.kind(path)
    tables_out.kind(output)
    for path in inputs:
        if Path(output).exists() and Path(path).samefile(output):
            raise DataError(f"{output} is one of the tables to read; the output needs another name")


def sensible(job: Job) -> None:
    """Complain about what can never be done, whatever the tables."""
    tables_in.arrow()
    SUPERVISED.with_(thread=job.threads)
    if job.k != -1 and job.k < 1:
        raise OptionError(f"k is {job.k}; it must be 1 or more, or -1 for all labels")
    if job.label == job.probability:
        raise OptionError(f"both new columns would be called {job.label!r}; they need two names")


def predict(model: Model, inputs: Sequence[str], output: str, job: Job) -> int:
    """Write a table with the rows of all inputs and, for each, its most probable labels; returns the number of rows.

    k = 1: a label and its probability, null where nothing can be predicted. Otherwise lists of them. A row without a text
    (null) has neither. Raises DataError when a table cannot be read, lacks the column, or cannot be written: then no
    output is written at all. Raises OptionError for impossible options, DependencyError without pyarrow.
    """
    check(inputs, output, job)
    threads = SUPERVISED.with_(thread=job.threads).threads
    labels = tables_in.arrow().array(model.labels)
    wanted = None if job.keep is None else [job.column, *(name for name in job.keep if name != job.column)]
    model.predict([], job.k)  # complains of a model that is no classifier
    rows = at_once(job, model)
    n = 0
    with replacing(output, "a table") as file:
        writer = tables_out.writer(output, file)
        try:
            for path in inputs:
                for i, block in enumerate(tables_in.blocks(path, job.column, wanted, rows)):
                    writer.write(block, columns(block, i == 0, path, job), answers(model, labels, block, threads, job), path)
                    n += len(block.texts)
        except BaseException:
            writer.abandon()
            raise
        writer.close()
    return n


def at_once(job: Job, model: Model) -> int:
    """How many rows to label at once, so that what is said of them has room in memory."""
    labels = len(model.labels)
    return min(tables_in.ROWS, max(1, ANSWERS // (job.k if 0 < job.k < labels else labels)))


def columns(block: Block, first: bool, path: str, job: Job) -> list[str]:
    """The columns to keep of a block, checked."""
    kept = list(block.names if job.keep is None else job.keep)
    missing = [name for name in (job.column, *kept) if name not in block.names]
    if missing and first and len(block.texts):  # later rows of JSON may lack what the first have
        raise DataError(f"{path} has no column {missing[0]!r}; it has {', '.join(map(repr, block.names)) or 'none'}")
    for name in (job.label, job.probability):
        if name in kept:
            raise DataError(f"{path} already has a column {name!r}; give the new column another name, or keep only the columns you need")
    return kept


def answers(model: Model, labels: Any, block: Block, threads: int, job: Job) -> dict[str, Any]:
    """The two new columns for a block of texts."""
    import pyarrow as pa

    data, starts, missing = as_lines(block.texts)
    ids, values = model.predict_bytes(data, starts, job.k, max(job.threshold, 0.0), None, threads)
    there = ids >= 0
    there[missing] = False
    if job.k == 1:
        found = labels.take(pa.array(ids[:, 0], mask=~there[:, 0]))
        return {job.label: found, job.probability: pa.array(values[:, 0], mask=~there[:, 0])}
    offsets = pa.array(np.concatenate([[0], np.cumsum(there.sum(1))]).astype(np.int32))
    flat = {job.label: labels.take(pa.array(ids[there])), job.probability: pa.array(values[there])}
    return {name: pa.ListArray.from_arrays(offsets, column, mask=pa.array(missing)) for name, column in flat.items()}


def as_lines(texts: Any) -> tuple[Any, Any, Any]:
    """Texts (a large_binary array) as the lines that a model reads, and which of them are null; a newline inside counts as a space."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def piece(value: bytes) -> Any:
        return pa.scalar(value, pa.large_binary())

    missing = texts.is_null().to_numpy(zero_copy_only=False)
    if len(texts) == 0:
        return np.zeros(0, np.uint8), np.zeros(1, np.int64), missing
    whole = pc.fill_null(texts, piece(b""))
    if pc.any(pc.match_substring(whole, "\n")).as_py():
        whole = pc.replace_substring(whole, "\n", " ")
    lines = pc.binary_join_element_wise(whole, piece(b""), piece(b"\n"))
    _, offsets, data = lines.buffers()
    return np.frombuffer(data, np.uint8), np.frombuffer(offsets, np.int64)[lines.offset : lines.offset + len(lines) + 1], missing
