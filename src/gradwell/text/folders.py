"""Labels for folders of tables: every table below a folder gives one of the same name below another.

A table is written whole by one worker, its rows in their order, and then noted; a job that was killed goes on with the rest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from gradwell.errors import DataError, GradwellError, ModelFileError
from gradwell.text import files, ledger, native, prediction, processes, tables, tables_in
from gradwell.text.ledger import Stamp
from gradwell.text.model import Model
from gradwell.text.options import SUPERVISED
from gradwell.text.tables import Job

MAPPED = "_model.safetensors"  # the model as workers map it, in the output folder while they work


@dataclass(frozen=True)
class Piece:
    """A table to label."""

    name: str  # below the folder
    source: str
    target: str
    stamp: Stamp


@dataclass(frozen=True)
class Outcome:
    """What became of a table."""

    piece: Piece
    rows: int = 0
    error: str = ""


Outcomes = Generator[Outcome, None, None]
Runner = Callable[[str, Sequence[Piece], Job], Outcomes]


@dataclass
class Tally:
    """How far a folder is."""

    tables: int  # to be labelled by this call
    before: int  # that earlier calls had labelled
    done: int = 0
    rows: int = 0
    failed: list[Outcome] = field(default_factory=list)


def predict(
    model: str, folder: str, output: str, job: Job, run: Runner | None = None, tell: Callable[[Tally], object] = lambda _: None
) -> Tally:
    """Label every table below a folder; each gives a table of the same name below the output folder.

    What an earlier call with the same model, folder and job has done is not done again. A table that cannot be read is
    left out and named in `failed`. run: who does it, by default processes of this machine; tell: called after every table.
    Raises DataError when the output folder belongs to another job, ModelFileError, OptionError, or DependencyError without pyarrow.
    """
    tables.sensible(job)
    found = pieces(Path(folder), Path(output))
    facts: dict[str, Any] = {"job": "gradwell text predict", "model": fingerprint(model), "input": str(Path(folder).resolve())}
    facts |= {name: getattr(job, name) for name in ("column", "k", "threshold", "label", "probability")}
    facts["keep"] = None if job.keep is None else list(job.keep)
    with ledger.opened(Path(output), facts) as book:
        left = [piece for piece in found if not (book.holds(piece.name, piece.stamp) and Path(piece.target).is_file())]
        tally = Tally(len(left), len(found) - len(left))
        tell(tally)
        sweep(left, Path(output))
        if not left:
            return tally
        try:
            with mapped(model, Path(output)) as path, closing((run or here)(path, left, job)) as outcomes:
                for outcome in outcomes:
                    if outcome.error:
                        typed = outcome.error.replace(str(Path(folder).absolute()), str(Path(folder)))
                        tally.failed.append(replace(outcome, error=typed))
                    else:
                        book.enter(outcome.piece.name, outcome.rows, outcome.piece.stamp)
                        tally.rows += outcome.rows
                    tally.done += 1
                    tell(tally)
        finally:
            sweep(left, Path(output))
    return tally


def pieces(folder: Path, output: Path) -> list[Piece]:
    """The tables below a folder; names that begin with . or _ and files of other kinds are passed over."""
    if output.exists() and not output.is_dir():
        raise DataError(f"{output} is a file; the labels of the folder {folder} need a folder")
    if output.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{output} lies in the folder to read, {folder}; name an output folder outside it")
    found: dict[str, Piece] = {}
    for where, below, names in os.walk(folder, onerror=unreadable, followlinks=True):
        below[:] = [name for name in below if name[0] not in "._" and not leads_back(Path(where, name))]
        for path in (Path(where, name) for name in names if is_table(name)):
            name = str((path.with_suffix("") if path.suffix in tables_in.OPENERS else path).relative_to(folder))
            if name in found:
                raise DataError(f"{path} and {found[name].source} would both be written to {output / name}; rename one of them")
            found[name] = Piece(name, str(path.absolute()), str((output / name).absolute()), ledger.stamp(path))
    if not found:
        raise DataError(f"{folder} holds no table; tables can be .parquet, .arrow, .feather, .csv, .tsv or .jsonl")
    return [found[name] for name in sorted(found)]


def unreadable(error: OSError) -> None:
    """Raise DataError for a folder whose tables nobody can list: to pass over it would lose them."""
    raise DataError(f"{error.filename} cannot be read: {error.strerror}") from None


def leads_back(folder: Path) -> bool:
    """Whether a folder is a link to one that it lies in, so that there would be no end."""
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())


def is_table(name: str) -> bool:
    """Whether a file of this name is a table to label."""
    with suppress(DataError):
        return bool(tables_in.kind(name)) and name[0] not in "._"
    return False


def fingerprint(path: str) -> str:
    """What tells a model file from every other. Raises ModelFileError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be opened for loading: {error.strerror}") from None


@contextmanager
def mapped(path: str, output: Path) -> Iterator[str]:
    """The path of the model as a file that all workers map into memory, which holds it once. Raises DataError where it is no classifier."""
    model = files.load(path)
    model.predict([])  # complains of word vectors
    if path.endswith(".safetensors"):
        yield str(Path(path).absolute())
        return
    where = output.absolute() / MAPPED
    try:
        native.save(model, where)
        del model
        yield str(where)
    finally:
        where.unlink(missing_ok=True)


def sweep(left: Sequence[Piece], output: Path) -> None:
    """Delete what a job that was killed has left: the model that it mapped, and what it had half written."""
    model = output.absolute() / MAPPED
    model.unlink(missing_ok=True)
    targets = {str(model), *(piece.target for piece in left)}
    for where in {os.path.dirname(target) for target in targets}:
        for path in Path(where).glob(".*.????????"):  # see `writing.replacing`
            if str(path.with_name(path.name[1:-9])) in targets:
                path.unlink(missing_ok=True)


def here(model: str, left: Sequence[Piece], job: Job) -> Outcomes:
    """Let processes of this machine do it: one for each thread that was asked for, and more threads for each where tables are few."""
    threads = SUPERVISED.with_(thread=job.threads).threads
    workers = min(threads, len(left))
    work = partial(label, model, replace(job, threads=threads // workers))
    with closing(processes.each(work, left, workers)) as results:
        for piece, result in results:
            yield Outcome(piece, error=f"{piece.source}: {result.reason}") if isinstance(result, processes.Died) else result


def label(model: str, job: Job, piece: Piece) -> Outcome:
    """Label one table, in whatever process this is; what goes wrong is told, and no reason to stop."""
    try:
        Path(piece.target).parent.mkdir(parents=True, exist_ok=True)
        return Outcome(piece, tables.predict(loaded(model, job.threads), [piece.source], piece.target, job))
    except GradwellError as error:
        return Outcome(piece, error=str(error))
    except Exception as error:  # noqa: BLE001 - one table is no reason to leave the others
        return Outcome(piece, error=f"{piece.source}: {type(error).__name__}: {error}")


def loaded(path: str, threads: int) -> Model:
    """The model, loaded once by each process, which takes no more threads than it should."""
    return kept(path, ledger.stamp(path), threads)


@lru_cache(1)
def kept(path: str, stamp: Stamp, threads: int) -> Model:  # noqa: ARG001 - a process may outlive a job, and another model get the same path
    """The model, until it is another one that is asked for."""
    tables_in.arrow().set_cpu_count(threads)
    model = files.load(path)
    model.work.pays(prediction.KERNELS_PAY + 1)  # the kernels from the first row on: a row's numbers do not depend on those before it
    return model
