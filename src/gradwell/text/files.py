"""Model files: fastText's own `.bin` and `.ftz`, and a safetensors file that maps into memory.

A model file may come from anywhere. Every length that it states is checked against the bytes that are there before
anything is read or allocated.
"""

from __future__ import annotations

import io
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from gradwell.errors import ModelFileError
from gradwell.text import native
from gradwell.text.dictionary import DROPPED, Dictionary, Floats
from gradwell.text.model import Matrix, Model
from gradwell.text.options import LOSSES, MODELS, Options
from gradwell.text.quantized import CENTROIDS, Quantized
from gradwell.text.tree import possible_counts
from gradwell.text.writing import replacing

MAGIC, VERSION = 793712314, 12  # fasttext.cc
NUMBERS = ("dim", "ws", "epoch", "minCount", "neg", "wordNgrams", "loss", "model", "bucket", "minn", "maxn", "lrUpdateRate")
ROWS_AT_ONCE = 1 << 14
WRITERS = 2  # threads that write a file
VECTORS_AT_ONCE = 1 << 12
PAGE = 4096  # bytes; a page of a file that nobody wrote takes no room
KERNELS_PAY = 200_000  # numbers to print
EXPANSION = 64  # a file may state in few bytes what takes this many times as many in memory, and no more


class Reader:
    """The bytes of a model file, read in order; asking for more than there are is an error."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self.file, self.path = file, path
        self.size = self.left = os.fstat(file.fileno()).st_size

    def complain(self, what: str) -> ModelFileError:
        """The error that says what is wrong with this file."""
        return ModelFileError(f"{self.path} is not a whole fastText model: {what}")

    def bytes(self, n: int, what: str) -> bytes:
        """The next n bytes."""
        if n < 0 or n > self.left:
            raise self.complain(f"{what} should take {n:,} bytes, and {self.left:,} are left")
        self.left -= n
        data = self.file.read(n)
        if len(data) != n:
            raise self.complain(f"it ends in {what}")
        return data

    def numbers(self, layout: str, what: str) -> tuple[Any, ...]:
        """The next few numbers, in the layout of `struct`."""
        return struct.unpack("<" + layout, self.bytes(struct.calcsize("<" + layout), what))

    def array(self, kind: type, n: int, what: str) -> Any:
        """The next n numbers of a kind, as an array."""
        size = np.dtype(kind).itemsize
        if n < 0 or n * size > self.left:
            raise self.complain(f"{what} should take {n * size:,} bytes, and {self.left:,} are left")
        self.left -= n * size
        out: Any = np.empty(n, np.dtype(kind).newbyteorder("<"))
        if n and self.file.readinto(memoryview(out).cast("B")) != n * size:  # type: ignore[attr-defined]
            raise self.complain(f"it ends in {what}")
        return out


def load(path: str | os.PathLike[str]) -> Model:
    """Load a model from a `.bin`, `.ftz` or `.safetensors` file, by what stands in it.

    Raises ModelFileError when it is missing, damaged, or of another kind.
    """
    where = Path(path)
    try:
        with where.open("rb") as file:
            start = file.read(4)
            if start != struct.pack("<i", MAGIC):
                return native.load(where)
            file.seek(0)
            return read(Reader(file, where))
    except OSError as error:
        raise ModelFileError(f"{where} cannot be opened for loading: {error.strerror}") from None
    except MemoryError:
        raise ModelFileError(f"{where} needs more memory than there is") from None


def read(reader: Reader) -> Model:
    """A model in fastText's own format (fasttext.cc: loadModel)."""
    _, version = reader.numbers("ii", "the header")
    if not 11 <= version <= VERSION:
        raise reader.complain(f"it is of version {version}; versions 11 and 12 can be read")
    values = dict(zip(NUMBERS, reader.numbers("12i", "the options"), strict=True))
    (t,) = reader.numbers("d", "the options")
    options = options_from(reader, values, t, version)
    dictionary = read_dictionary(reader, options)
    (quantized,) = reader.numbers("?", "the input matrix")
    matrix = read_quantized(reader, "the input matrix") if quantized else read_dense(reader, "the input matrix")
    if dictionary.pruned and not quantized:
        raise reader.complain("its dictionary is pruned but its matrix is not quantised; such files were made in 2017 and cannot be used")
    (qout,) = reader.numbers("?", "the output matrix")
    small = read_quantized(reader, "the output matrix") if quantized and qout else None
    if small and small.shape[0] * small.shape[1] * 4 > EXPANSION * reader.size:
        raise reader.complain(f"its output matrix states {small.shape[0]} rows of {small.shape[1]} numbers; that is out of proportion")
    output = small.rows(slice(None)) if small else read_dense(reader, "the output matrix")
    fits(reader, options, dictionary, matrix, output)
    return Model(options, dictionary, matrix, output, small)


def options_from(reader: Reader, values: dict[str, Any], t: float, version: int) -> Options:
    """The options that a file holds; what it does not hold keeps its default."""
    losses, models = {number: name for name, number in LOSSES.items()}, {number: name for name, number in MODELS.items()}
    loss, model = values.pop("loss"), values.pop("model")
    if loss not in losses or model not in models:
        raise reader.complain(f"it states loss {loss} and model {model}, which do not exist")
    if version == 11 and models[model] == "supervised":
        values["maxn"] = 0  # old classifiers have no character n-grams
    ranges = (("dim", 1, 1 << 20), ("bucket", 0, 2**31 - 1), ("minn", 0, 10_000), ("maxn", 0, 10_000), ("wordNgrams", 0, 10_000))
    for name, low, high in ranges:
        if not low <= values[name] <= high:
            raise reader.complain(f"it states {name} = {values[name]}")
    options = Options(model=models[model], loss=losses[loss], t=t, **values)
    if options.hashed and not options.bucket:
        raise reader.complain("it has n-grams but no rows for them")
    return options


def read_dictionary(reader: Reader, options: Options) -> Dictionary:
    """The dictionary: counts of entries, then each entry's bytes, a zero, its count and whether it is a label."""
    size, nwords, nlabels, ntokens, pruned = reader.numbers("3i2q", "the dictionary")
    if min(size, nwords, nlabels) < 0 or nwords + nlabels != size or size * 10 > reader.left:
        raise reader.complain(f"its dictionary states {size} entries, {nwords} words and {nlabels} labels")
    if pruned < -1 or pruned > options.bucket or pruned * 8 > reader.left:
        raise reader.complain(f"it states {pruned} pruned n-grams")
    entries, counts, kinds = [], [], []
    buffer, at = b"", 0
    for _ in range(size):
        end = buffer.find(b"\0", at)
        while end < 0 or end + 10 > len(buffer):
            if reader.left == 0:
                raise reader.complain("it ends in the dictionary")
            buffer, at = buffer[at:] + reader.bytes(min(max(1 << 20, len(buffer)), reader.left), "the dictionary"), 0
            end = buffer.find(b"\0", at)
        entries.append(buffer[at:end])
        counts.append(buffer[end + 1 : end + 9])
        kinds.append(buffer[end + 9])
        at = end + 10
    reader.file.seek(at - len(buffer), os.SEEK_CUR)
    reader.left += len(buffer) - at
    if kinds != [0] * nwords + [1] * nlabels:
        raise reader.complain("its labels do not come after its words")
    rows = None
    if pruned >= 0:
        if options.bucket > max(1 << 24, EXPANSION * reader.size):
            raise reader.complain(f"it states {options.bucket:,} n-gram rows, {pruned:,} of which are left; that is out of proportion")
        pairs = reader.array(np.int32, 2 * pruned, "the pruned n-grams").reshape(-1, 2)
        rows = np.full(options.bucket, DROPPED, np.int32)
        if len(pairs) and (pairs.min() < 0 or pairs[:, 0].max() >= options.bucket or pairs[:, 1].max() >= pruned):
            raise reader.complain("a pruned n-gram lies outside its matrix")
        rows[pairs[:, 0]] = nwords + pairs[:, 1]
    return Dictionary.of(entries, np.frombuffer(b"".join(counts), "<i8"), nwords, ntokens, rows_of_bucket=rows, pruned=pruned >= 0)


def read_dense(reader: Reader, what: str) -> Floats:
    """A matrix of float32."""
    m, n = reader.numbers("2q", what)
    if m < 0 or n < 0 or m * n * 4 > reader.left:
        raise reader.complain(f"{what} states {m} rows of {n} numbers, and {reader.left:,} bytes are left")
    values: Floats = reader.array(np.float32, m * n, what).reshape(m, n)
    return values


def read_quantized(reader: Reader, what: str) -> Quantized:
    """A matrix of codes (quantmatrix.cc)."""
    qnorm, m, n, size = reader.numbers("?2qi", what)
    if m < 0 or not 0 < n <= 1 << 20 or size < 0:
        raise reader.complain(f"{what} states {m} rows of {n} numbers in {size} codes")
    codes = reader.array(np.uint8, size, what)
    centroids, pieces, dsub = read_centroids(reader, n, what)
    if m * pieces != size:
        raise reader.complain(f"{what} states {m} rows of {pieces} codes, and holds {size}")
    norm_codes = norm_centroids = None
    if qnorm:
        norm_codes = reader.array(np.uint8, m, what)
        norm_centroids = read_centroids(reader, 1, what)[0][:, 0]
    return Quantized(codes.reshape(m, pieces), centroids, dsub, norm_codes, norm_centroids)


def read_centroids(reader: Reader, dim: int, what: str) -> tuple[Floats, int, int]:
    """The 256 centroids of each piece, side by side; the last piece may be narrower (productquantizer.cc)."""
    stated, pieces, dsub, last = reader.numbers("4i", what)
    if stated != dim or dsub < 1 or pieces != -(-dim // dsub) or last != dim - (pieces - 1) * dsub:
        raise reader.complain(f"{what} states {pieces} pieces of {dsub} and {last} columns for {stated} of {dim}")
    values = reader.array(np.float32, dim * CENTROIDS, what)
    out = np.empty((CENTROIDS, dim), np.float32)
    for m in range(pieces):
        width = dsub if m < pieces - 1 else last
        at = m * CENTROIDS * dsub
        out[:, m * dsub : m * dsub + width] = values[at : at + CENTROIDS * width].reshape(CENTROIDS, width)
    return out, pieces, dsub


def fits(reader: Reader, options: Options, dictionary: Dictionary, matrix: Matrix, output: Floats) -> None:
    """Complain unless the parts of a model belong together."""
    buckets = dictionary.rows_of_bucket
    rows = dictionary.nwords + (options.bucket if buckets is None else max(0, int(buckets.max(initial=-1)) + 1 - dictionary.nwords))
    outputs = dictionary.nlabels if options.model == "supervised" else dictionary.nwords
    if matrix.shape[1] != options.dim or output.shape[1] != options.dim:
        raise reader.complain(f"its vectors have {matrix.shape[1]} and {output.shape[1]} numbers, and it states {options.dim}")
    if (matrix.shape[0] < rows and options.hashed) or matrix.shape[0] < dictionary.nwords:
        raise reader.complain(f"its input matrix has {matrix.shape[0]} rows for {rows} words and n-grams")
    if output.shape[0] != outputs:
        raise reader.complain(f"its output matrix has {output.shape[0]} rows for {outputs} outputs")
    if options.loss == "hs" and not possible_counts(dictionary.counts):
        raise reader.complain("its counts are negative or too large to build the tree of hierarchical softmax")


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Save a model: as safetensors where the name ends so, else in fastText's own format."""
    if os.fspath(path).endswith(".safetensors"):
        native.save(model, path)
        return
    with replacing(path, "a model") as file:
        write(model, file)


def write(model: Model, file: IO[bytes]) -> None:
    """A model in fastText's own format (fasttext.cc: saveModel)."""
    options, dictionary = model.options, model.dictionary
    values = [{"loss": LOSSES.get, "model": MODELS.get}.get(name, lambda value: value)(getattr(options, name)) for name in NUMBERS]
    file.write(struct.pack("<2i12id", MAGIC, VERSION, *values, options.t))
    buckets = dictionary.rows_of_bucket
    used = dictionary.used_buckets
    pruned = len(used) if dictionary.pruned else -1
    file.write(struct.pack("<3i2q", dictionary.size, dictionary.nwords, dictionary.nlabels, dictionary.ntokens, pruned))
    kinds = [b"\0"] * dictionary.nwords + [b"\1"] * dictionary.nlabels
    counts = dictionary.counts.astype("<i8").tobytes()
    for start in range(0, dictionary.size, ROWS_AT_ONCE):
        some = range(start, min(start + ROWS_AT_ONCE, dictionary.size))
        file.write(b"".join(dictionary.entries[i] + b"\0" + counts[8 * i : 8 * i + 8] + kinds[i] for i in some))
    if dictionary.pruned and buckets is not None:
        file.write(np.stack([used, buckets[used] - dictionary.nwords], 1).astype("<i4").tobytes())
    small = isinstance(model.input, Quantized)
    file.write(struct.pack("<?", small))
    if isinstance(model.input, Quantized):
        write_quantized(model.input, file)
    else:
        write_rows(model, file)
    file.write(struct.pack("<?", model.quantized_output is not None))
    if model.quantized_output is not None:
        write_quantized(model.quantized_output, file)
    else:
        dim = options.dim
        file.write(struct.pack("<2q", len(model.output), dim) + np.ascontiguousarray(model.output[:, :dim], "<f4").tobytes())


def write_rows(model: Model, file: IO[bytes]) -> None:
    """The input matrix, a row for each word and each bucket; where few buckets are in use, the pages between them are left as holes."""
    dictionary, dim = model.dictionary, model.options.dim
    assert not isinstance(model.input, Quantized)
    buckets, known = dictionary.rows_of_bucket, dictionary.nwords
    rows = known + model.options.bucket
    rows = rows if buckets is not None else min(len(model.input), rows)
    file.write(struct.pack("<2q", rows, dim))
    start, used = file.tell(), dictionary.used_buckets
    file.truncate(start + rows * dim * 4)
    if buckets is None:
        put_rows(file, start, model.input, np.arange(rows), dim)
    elif not isinstance(file, io.BytesIO) and len(used) * PAGE < 0.2 * len(buckets) * dim * 4:  # then there are pages without a row
        put_rows(file, start, model.input, np.arange(known), dim)
        if len(used):
            file.flush()
            values: Any = np.memmap(file, "<f4", "r+", start + known * dim * 4, (len(buckets), dim))
            values[used] = model.input[buckets[used], :dim]
            del values
    else:
        source = np.concatenate([np.arange(known), np.where(buckets == dictionary.zero_row, -1, buckets)])
        put_rows(file, start, model.input, source, dim)
    file.seek(0, os.SEEK_END)


def put_rows(file: IO[bytes], start: int, matrix: Floats, source: npt.NDArray[np.int64], dim: int) -> None:
    """Write rows of a matrix from `start` on, zeros where source is -1."""
    gather: Any = plain_gather
    if source.size * dim > KERNELS_PAY * 10:
        from gradwell.text.kernels.matrices import gather

    def put_at(at: int, out: Floats) -> None:
        if isinstance(file, io.BytesIO):
            file.seek(at)
            file.write(out.data)
            return
        data = memoryview(out).cast("B")  # type: ignore[arg-type]
        while data:
            done = os.pwrite(file.fileno(), data, at)
            data, at = data[done:], at + done

    def block(first: int) -> None:
        some = source[first : first + ROWS_AT_ONCE]
        out = np.empty((len(some), dim), "<f4")
        gather(matrix, some, out)
        put_at(start + first * dim * 4, out)

    file.flush()
    with ThreadPoolExecutor(1 if isinstance(file, io.BytesIO) else WRITERS) as pool:
        list(pool.map(block, range(0, len(source), ROWS_AT_ONCE)))


def plain_gather(matrix: Floats, source: npt.NDArray[np.int64], out: Floats) -> None:
    """Copy rows of a matrix, zeros where source is -1."""
    out[:] = 0
    there = source >= 0
    out[there] = matrix[source[there], : out.shape[1]]


def write_quantized(matrix: Quantized, file: IO[bytes]) -> None:
    """A matrix of codes (quantmatrix.cc)."""
    m, n = matrix.shape
    file.write(struct.pack("<?2qi", matrix.norm_codes is not None, m, n, matrix.codes.size) + matrix.codes.tobytes())
    write_centroids(matrix.centroids, matrix.dsub, file)
    if matrix.norm_codes is not None and matrix.norm_centroids is not None:
        file.write(matrix.norm_codes.tobytes())
        write_centroids(matrix.norm_centroids[:, None], 1, file)


def write_centroids(centroids: Floats, dsub: int, file: IO[bytes]) -> None:
    """The 256 centroids of each piece (productquantizer.cc)."""
    dim = centroids.shape[1]
    pieces = -(-dim // dsub)
    file.write(struct.pack("<4i", dim, pieces, dsub, dim - (pieces - 1) * dsub))
    file.write(b"".join(np.ascontiguousarray(centroids[:, m * dsub : (m + 1) * dsub], "<f4").tobytes() for m in range(pieces)))


def save_vectors(path: str | os.PathLike[str], words: list[bytes], vectors: Floats) -> None:
    """A text file of vectors: `N dim`, then a line for each word, five significant digits."""
    with replacing(path, "vectors") as file:
        file.write(f"{len(words)} {vectors.shape[1]}\n".encode())
        for first in range(0, len(words), VECTORS_AT_ONCE):
            some = vectors[first : first + VECTORS_AT_ONCE]
            lines = printed(some)
            file.write(b"".join(word + b" " + line + b"\n" for word, line in zip(words[first : first + len(some)], lines, strict=True)))


def printed(vectors: Floats) -> list[bytes]:
    """Each row as text: five significant digits, each number followed by a space."""
    layout = "%.5g " * vectors.shape[1]
    if vectors.size < KERNELS_PAY:
        return [(layout % tuple(row)).encode() for row in vectors.tolist()]
    from gradwell.text.kernels import printing

    out, lengths = np.empty(vectors.size * printing.ROOM, np.uint8), np.empty(len(vectors), np.int64)
    size = printing.rows(np.ascontiguousarray(vectors, np.float32), 0, len(vectors), out, lengths)
    text, at, lines = out[:size].tobytes(), 0, []
    for i, n in enumerate(lengths.tolist()):
        lines.append(text[at : at + n] if n >= 0 else (layout % tuple(vectors[i].tolist())).encode())
        at += max(n, 0)
    return lines


def load_vectors(path: str | os.PathLike[str], dim: int) -> tuple[list[bytes], Floats]:
    """The words and vectors of a `.vec` file. Raises ModelFileError when it is damaged or of another dimension."""
    where = Path(path)
    try:
        with where.open("rb") as file:
            head = file.readline(200).split()
            if len(head) != 2 or not all(part.isdigit() for part in head):
                raise ModelFileError(f"{where} is not a .vec file: its first line must be the number of words and of dimensions")
            n, width = int(head[0]), int(head[1])
            if width != dim:
                raise ModelFileError(f"Dimension of pretrained vectors ({width}) does not match dimension ({dim})!")
            if n * (2 * dim + 2) > where.stat().st_size:
                raise ModelFileError(f"{where} states {n:,} vectors, which do not fit in {where.stat().st_size:,} bytes")
            words, vectors = [], np.empty((n, dim), np.float32)
            for i in range(n):
                parts = file.readline().rstrip(b"\n").rstrip(b" ").split(b" ")
                if len(parts) != dim + 1:
                    raise ModelFileError(f"{where}, line {i + 2}, holds {len(parts) - 1} numbers; there must be {dim}")
                words.append(parts[0])
                try:
                    vectors[i] = [float(part) for part in parts[1:]]
                except ValueError:
                    raise ModelFileError(f"{where}, line {i + 2}: not a number among {dim}") from None
    except OSError as error:
        raise ModelFileError(f"{where} cannot be opened for loading: {error.strerror}") from None
    return words, vectors
