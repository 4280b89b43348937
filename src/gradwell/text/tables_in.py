"""Reading tables a block of rows at a time: Parquet, Arrow IPC (Feather), CSV and TSV, JSON lines."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from gradwell.errors import DataError, DependencyError

ROWS = 16_384  # rows of a block, at most
BYTES = 16 << 20  # bytes of a block of CSV or JSON lines; no row may be longer in CSV
OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


@dataclass(frozen=True)
class Block:
    """Some rows of a table: as Arrow, or, from JSON lines, each as a dict."""

    names: list[str]  # of all columns that were read
    texts: Any  # a pyarrow array of type large_binary
    batch: Any = None
    rows: list[dict[str, Any]] | None = None


def arrow() -> Any:
    """The package pyarrow, with which tables are read and written."""
    try:
        import pyarrow as pa
    except ImportError:
        raise DependencyError("tables need pyarrow; install it with `pip install 'gradwell[arrow]'`") from None
    return pa


def blocks(path: str, column: str, wanted: Sequence[str] | None, rows: int = ROWS) -> Iterator[Block]:
    """The rows of a file; at least one block, so that an empty table keeps its columns. Raises DataError when it cannot be read.

    column: the one with the text; wanted: the columns to read, None for all; rows: of a block, at most.
    """
    pa = arrow()
    try:
        if kind(path) == ".jsonl":
            yield from json_lines(path, column, wanted, rows)
            return
        for batch in READERS[kind(path)](path, wanted):
            for start in range(0, max(batch.num_rows, 1), rows):
                part = batch.slice(start, rows)
                yield Block(part.schema.names, texts(part, column, path), part)
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, EOFError, lzma.LZMAError) as error:
        raise DataError(f"{path} cannot be read as a {kind(path)} table: {str(error) or type(error).__name__}") from None


def kind(path: str) -> str:
    """The kind of a table, by the ending of its name."""
    name = Path(path)
    ending = (name.with_suffix("") if name.suffix in OPENERS else name).suffix.lower()
    ending = {".pq": ".parquet", ".arrow": ".feather", ".ipc": ".feather", ".ndjson": ".jsonl", ".json": ".jsonl"}.get(ending, ending)
    if ending not in (*READERS, ".jsonl"):
        what = f"ends in {name.suffix!r}" if name.suffix else "is no name of a table"
        raise DataError(f"{path} {what}; tables can be .parquet, .arrow, .feather, .csv, .tsv or .jsonl")
    return ending


def texts(batch: Any, column: str, path: str) -> Any:
    """The column of texts as bytes."""
    pa = arrow()
    if column not in batch.schema.names:
        raise DataError(f"{path} has no column {column!r}; it has {', '.join(map(repr, batch.schema.names)) or 'none'}")
    found = batch.column(column)
    if pa.types.is_dictionary(found.type):
        found = found.dictionary_decode()
    bare = found.type
    tests = ("is_string", "is_large_string", "is_string_view", "is_binary", "is_large_binary", "is_binary_view", "is_null")
    if not any(getattr(pa.types, test)(bare) for test in tests):
        raise DataError(f"{path}: the column {column!r} holds {bare}; it must hold text")
    return found.cast(pa.large_binary())


def parquet(path: str, wanted: Sequence[str] | None) -> Iterator[Any]:
    """The batches of a Parquet file."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        names = None if wanted is None else present(wanted, schema.names, path)
        empty = True
        for batch in file.iter_batches(ROWS, columns=names):
            empty = False
            yield batch if names is None else batch.select(names)
        if empty:
            yield nothing(schema, names)


def nothing(schema: Any, names: list[str] | None) -> Any:
    """A batch of no rows."""
    pa = arrow()
    fields = list(schema) if names is None else [schema.field(name) for name in names]
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in fields], schema=pa.schema(fields))


def feather(path: str, wanted: Sequence[str] | None) -> Iterator[Any]:
    """The batches of an Arrow IPC file or stream."""
    pa = arrow()
    with pa.memory_map(path) as source:
        try:
            file = pa.ipc.open_file(source)
            found = (file.get_batch(i) for i in range(file.num_record_batches))
        except pa.ArrowInvalid:
            source.seek(0)
            found = file = pa.ipc.open_stream(source)
        names = None if wanted is None else present(wanted, file.schema.names, path)
        empty = True
        for batch in found:
            empty = False
            yield batch if names is None else batch.select(names)
        if empty:
            yield nothing(file.schema, names)


def csv(path: str, wanted: Sequence[str] | None) -> Iterator[Any]:
    """The batches of a CSV file. Every column is text, so that nothing in it changes; an empty field without quotes is null."""
    pa = arrow()
    from pyarrow import csv as pc

    parse = pc.ParseOptions(delimiter="\t" if kind(path) == ".tsv" else ",", newlines_in_values=True)
    read = pc.ReadOptions(block_size=BYTES)
    with pc.open_csv(pa.input_stream(path), read, parse) as file:
        names = file.schema.names
    if wanted is not None:
        names = present(wanted, names, path)
    convert = pc.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
        include_columns=names if wanted is not None else [],
    )
    with pc.open_csv(pa.input_stream(path), read, parse, convert) as file:
        empty = True
        for batch in file:
            empty = False
            yield batch
        if empty:
            yield nothing(file.schema, None)


READERS = {".parquet": parquet, ".feather": feather, ".csv": csv, ".tsv": csv}


def present(wanted: Sequence[str], names: list[str], path: str) -> list[str]:
    """The wanted columns, if they are all there."""
    for name in wanted:
        if name not in names:
            raise DataError(f"{path} has no column {name!r}; it has {', '.join(map(repr, names)) or 'none'}")
    return list(wanted)


def json_lines(path: str, column: str, wanted: Sequence[str] | None, most: int) -> Iterator[Block]:
    """The rows of a file with a JSON object in each line; empty lines are none."""
    with opened(path) as file:
        rows: list[dict[str, Any]] = []
        size, first = 0, True
        for number, line in enumerate(file, 1):
            if line.strip():
                rows.append(json_row(line, f"{path}, line {number},", column, wanted))
                size += len(line)
            if len(rows) == most or size >= BYTES:
                yield json_block(rows, column)
                rows, size, first = [], 0, False
        if rows or first:
            yield json_block(rows, column)


def json_row(line: bytes, where: str, column: str, wanted: Sequence[str] | None) -> dict[str, Any]:
    """The object in a line."""
    try:
        row = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON: {error}") from None
    if not isinstance(row, dict):
        raise DataError(f"{where} is not a JSON object, such as {{{json.dumps(column)}: ...}}")
    if not isinstance(row.get(column), str | None):
        raise DataError(f"{where} has {row[column]!r} as {column!r}; it must be text, or null")
    return row if wanted is None else {name: row[name] for name in wanted if name in row}


def json_block(rows: list[dict[str, Any]], column: str) -> Block:
    """Rows with the names of all their columns."""
    pa = arrow()
    given = (row.get(column) for row in rows)
    found = pa.array([None if text is None else text.encode("utf-8", "replace") for text in given], pa.large_binary())
    return Block(list(dict.fromkeys(name for row in rows for name in row)), found, rows=rows)


def opened(path: str) -> IO[bytes]:
    """A file, unpacked while it is read."""
    packed = Path(path).suffix
    return OPENERS[packed](path, "rb") if packed in OPENERS else open(path, "rb")
