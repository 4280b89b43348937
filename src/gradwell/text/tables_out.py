"""Writing tables a block of rows at a time: Parquet, Arrow IPC (Feather), CSV and TSV, JSON lines."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import IO, Any, Protocol

from gradwell.errors import DataError
from gradwell.text import tables_in
from gradwell.text.tables_in import Block, arrow

GROUP = 131_072  # rows of a Parquet row group, at least


class Writer(Protocol):
    """Something that rows can be written to."""

    def write(self, block: Block, kept: Sequence[str], new: Mapping[str, Any], path: str) -> None:
        """Write some rows of the table at `path`: the columns kept of it, and the new ones."""

    def close(self) -> None:
        """Write what is left."""

    def abandon(self) -> None:
        """Let go of the file, which will be deleted."""


def kind(path: str) -> str:
    """The kind of table to write, by the ending of the name."""
    found = tables_in.kind(path)
    if any(path.endswith(ending) for ending in tables_in.OPENERS):
        raise DataError(f"{path} is to be written packed, which only reading can do; leave out the last ending")
    return found


def writer(path: str, file: IO[bytes]) -> Writer:
    """What writes to a file."""
    return JsonLines(file) if kind(path) == ".jsonl" else Arrow(kind(path), file)


class JsonLines:
    """A JSON object in each line; rows need not have the same columns."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def write(self, block: Block, kept: Sequence[str], new: Mapping[str, Any], path: str) -> None:  # noqa: ARG002 - as Arrow's
        """Write some rows."""
        rows = block.rows if block.rows is not None else block.batch.select(list(kept)).to_pylist()
        fresh = zip(*(rounded(column.to_pylist()) for column in new.values()), strict=True)
        for row, values in zip(rows, fresh, strict=True):
            out = {name: row[name] for name in kept if name in row} | dict(zip(new, values, strict=True))
            self.file.write(encoded(out) + b"\n")

    def close(self) -> None:
        """Nothing is left."""

    def abandon(self) -> None:
        """Nothing is left."""


def rounded(values: list[Any]) -> list[Any]:
    """Numbers of 32 bits with the seven digits that they have."""
    return [float(f"{value:.7g}") if isinstance(value, float) else rounded(value) if isinstance(value, list) else value for value in values]


def encoded(row: dict[str, Any]) -> bytes:
    """A row as JSON; what JSON has no word for becomes text."""
    try:
        return json.dumps(row, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:  # half a character, as "\ud800"
        return json.dumps(row, default=str).encode()


class Arrow:
    """A table whose columns are those of the first block."""

    def __init__(self, kind: str, file: IO[bytes]) -> None:
        self.kind, self.file = kind, file
        self.schema: Any = None
        self.sink: Any = None
        self.waiting: list[Any] = []
        self.nothing: Any = None  # the new columns of a table without rows or columns

    def write(self, block: Block, kept: Sequence[str], new: Mapping[str, Any], path: str) -> None:
        """Write some rows."""
        pa = arrow()
        if self.kind in (".csv", ".tsv"):
            new = {name: flat(values) for name, values in new.items()}
        if block.rows == []:
            self.nothing = pa.RecordBatch.from_pydict(dict(new))
            return
        try:
            if self.schema is not None:
                kept = self.same(kept, block, len(new), path)
            batch = pa.RecordBatch.from_pydict({name: column(block, name) for name in kept} | dict(new))
            if self.schema is None:
                self.open(batch.schema, path)
            fitting = [batch.column(field.name).cast(field.type) for field in self.schema]
            self.waiting.append(pa.RecordBatch.from_arrays(fitting, schema=self.schema))
        except (pa.ArrowException, UnicodeError, OverflowError) as error:
            before = ", ".join(f"{field.name}: {field.type}" for field in self.schema or [])
            raise DataError(f"{path} has rows that do not fit those before{f' ({before})' if before else ''}: {error}") from None
        if self.kind != ".parquet" or sum(part.num_rows for part in self.waiting) >= GROUP:
            self.flush()

    def same(self, kept: Sequence[str], block: Block, new: int, path: str) -> list[str]:
        """The columns of the first block, if this one has no others: their values would be lost."""
        names: list[str] = self.schema.names[:-new]
        more = [name for name in kept if name not in names]
        less = [name for name in names if name not in kept] if block.rows is None else []
        if more or less:
            what = f"has the column {more[0]!r}, and" if more else f"has no column {less[0]!r};"
            before = ", ".join(map(repr, names)) or "none"
            raise DataError(f"{path} {what} the rows before have {before}; name the columns to keep, or write .jsonl")
        return names

    def open(self, schema: Any, path: str) -> None:
        """Begin a table with these columns; one that has held nothing but null so far is taken for text."""
        pa = arrow()
        self.schema = pa.schema([field.with_type(self.kept_type(field.type)) for field in schema])
        if self.kind == ".parquet":
            from pyarrow import parquet

            self.sink = parquet.ParquetWriter(self.file, self.schema)
        elif self.kind == ".feather":
            self.sink = pa.ipc.new_file(self.file, self.schema)
        else:
            from pyarrow import csv

            nested = [field.name for field in self.schema if pa.types.is_nested(field.type)]
            if nested:
                raise DataError(f"{path}: CSV cannot hold the lists of the column {nested[0]!r}; keep others, or write .parquet or .jsonl")
            options = csv.WriteOptions(delimiter="\t" if self.kind == ".tsv" else ",")
            self.sink = csv.CSVWriter(self.file, self.schema, write_options=options)

    def kept_type(self, given: Any) -> Any:
        """The type that a column has in the output."""
        pa = arrow()
        if pa.types.is_null(given):
            return pa.string()
        return given.value_type if pa.types.is_dictionary(given) and self.kind != ".parquet" else given

    def flush(self) -> None:
        """Write the blocks that wait."""
        if self.waiting:
            self.sink.write_table(arrow().Table.from_batches(self.waiting))
            self.waiting = []

    def close(self) -> None:
        """Write what is left, and the end of the table."""
        if self.schema is None:
            self.open(self.nothing.schema, "")
        self.flush()
        self.sink.close()

    def abandon(self) -> None:
        """Let go of the file, which will be deleted."""
        with contextlib.suppress(Exception):
            self.sink.close()


def column(block: Block, name: str) -> Any:
    """A column of a block."""
    return block.batch.column(name) if block.rows is None else arrow().array([row.get(name) for row in block.rows])


def flat(values: Any) -> Any:
    """Lists as words with spaces between, as CSV has no lists."""
    pa = arrow()
    if not pa.types.is_list(values.type):
        return values
    import pyarrow.compute as pc

    return pc.binary_join(values.cast(pa.list_(pa.string())), " ")
