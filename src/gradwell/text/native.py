"""The native model file: safetensors, whose tensors are mapped into memory rather than read.

Words, labels and matrices are tensors; the options stand in the header as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gradwell.errors import DependencyError, ModelFileError, OptionError
from gradwell.text.dictionary import Dictionary
from gradwell.text.model import Epoch, Model
from gradwell.text.options import SUPERVISED, build
from gradwell.text.quantized import CENTROIDS, Quantized
from gradwell.text.tree import possible_counts
from gradwell.text.writing import replacing

FORMAT = "gradwell.text 1"
KINDS = {"F32": np.float32, "I32": np.int32, "I64": np.int64, "U8": np.uint8}
EXPANSION = 64  # times the file's bytes that its output matrix may take in memory
LARGEST_HEADER = 100_000_000  # bytes, as in safetensors itself


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Save a model as safetensors. Raises DependencyError where safetensors is not installed."""
    try:
        from safetensors.numpy import save_file
    except ImportError:
        raise DependencyError("a .safetensors file needs safetensors; install it with `pip install 'gradwell[text]'`") from None
    dictionary, options = model.dictionary, dataclasses.asdict(model.options)
    tensors: dict[str, npt.NDArray[Any]] = {"words": dictionary.blob, "word_starts": dictionary.starts, "counts": dictionary.counts}
    if dictionary.rows_of_bucket is not None:
        tensors["rows_of_bucket"] = dictionary.rows_of_bucket
    for name, matrix in (("input", model.input), ("output", model.quantized_output or model.output)):
        if isinstance(matrix, Quantized):
            tensors |= {f"{name}.codes": matrix.codes, f"{name}.centroids": matrix.centroids}
            options[f"{name}.dsub"] = matrix.dsub
            if matrix.norm_codes is not None and matrix.norm_centroids is not None:
                tensors |= {f"{name}.norm_codes": matrix.norm_codes, f"{name}.norm_centroids": matrix.norm_centroids}
        else:
            tensors[name] = np.ascontiguousarray(matrix, np.float32)
    facts: dict[str, Any] = {"format": FORMAT} | {name: getattr(dictionary, name) for name in ("nwords", "ntokens", "pruned", "zero_row")}
    facts["history"] = [dataclasses.asdict(epoch) for epoch in model.history]
    with replacing(path, "a model") as file:
        whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        save_file(whole, file.name, {"gradwell": json.dumps(facts | {"options": options})})


def load(path: Path) -> Model:
    """Load a model from a safetensors file, its tensors mapped into memory. Raises ModelFileError when it is not whole."""
    try:
        tensors, facts = mapped(path)
        return assembled(tensors, facts)
    except (KeyError, TypeError, ValueError, AttributeError, OptionError, RecursionError, OverflowError, MemoryError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path} is not a whole Gradwell model: {type(error).__name__}: {error}") from None


def mapped(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """The tensors of a safetensors file, mapped into memory, and what Gradwell wrote into its header."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or not 2 <= length <= min(LARGEST_HEADER, size - 8):
            raise ModelFileError(f"{path} is not a model: it is neither a fastText nor a safetensors file")
        header = json.loads(file.read(length))
    facts = json.loads(header.pop("__metadata__")["gradwell"])
    if facts["format"] != FORMAT:
        raise ModelFileError(f"{path} has the format {facts['format']!r}; this version reads {FORMAT!r}")
    room = size - 8 - length
    tensors = {}
    for name, entry in header.items():
        kind, shape, (start, stop) = np.dtype(KINDS[entry["dtype"]]), tuple(entry["shape"]), entry["data_offsets"]
        numbers = 1
        for side in shape:
            if type(side) is not int or not 0 <= side <= room:
                raise ValueError(f"the tensor {name} has the shape {shape}")
            numbers = min(numbers * side, room + 1)
        if type(start) is not int or type(stop) is not int or not 0 <= start <= stop <= room or stop - start != numbers * kind.itemsize:
            raise ValueError(f"the tensor {name} lies outside the file")
        tensors[name] = np.memmap(path, kind, "r", 8 + length + start, shape) if numbers else np.zeros(shape, kind)
    return tensors, facts


def assembled(tensors: dict[str, npt.NDArray[Any]], facts: dict[str, Any]) -> Model:
    """A model of its parts, each checked against the others."""
    stored = dict(facts["options"])
    dsubs = {name: stored.pop(f"{name}.dsub") for name in ("input", "output") if f"{name}.dsub" in stored}
    options = build(SUPERVISED, **stored)
    starts, counts, nwords, ntokens = np.array(tensors["word_starts"]), np.array(tensors["counts"]), facts["nwords"], facts["ntokens"]
    whole = type(nwords) is int and type(ntokens) is int and counts.ndim == 1 and 0 <= nwords <= len(counts) == len(starts) - 1
    expect(whole, "the dictionary")
    whole = starts.dtype == np.int64 and counts.dtype == np.int64 and starts[0] == 0 and bool((np.diff(starts) >= 0).all())
    expect(whole, "the dictionary")
    expect(tensors["words"].dtype == np.uint8 and tensors["words"].shape == (starts[-1],), "the dictionary")
    matrix = part(tensors, "input", dsubs.get("input"), options.dim)
    small = part(tensors, "output", dsubs.get("output"), options.dim)
    outputs = len(counts) - nwords if options.model == "supervised" else nwords
    expect(small.shape[0] == outputs, "the output matrix")
    if isinstance(small, Quantized):
        stored_bytes = sum(tensor.nbytes for tensor in tensors.values())
        expect(small.shape[0] * small.shape[1] * 4 <= EXPANSION * stored_bytes, "the output matrix, out of all proportion to the file,")
    output = small.rows(slice(None)) if isinstance(small, Quantized) else small
    buckets = tensors.get("rows_of_bucket")
    if buckets is None:
        rows = nwords + options.bucket
    else:
        expect(buckets.dtype == np.int32 and buckets.shape == (options.bucket,), "the table of n-grams")
        rows = max(nwords, int(buckets.max(initial=-1)) + 1)
        expect(int(buckets.min(initial=-1)) >= -1, "the table of n-grams")
    expect(matrix.shape[0] >= rows, "the input matrix")
    expect(options.loss != "hs" or possible_counts(counts), "the counts")
    width = matrix.shape[1]
    if output.shape[1] < width:
        output = np.pad(output, ((0, 0), (0, width - output.shape[1])))
    words = Dictionary(np.array(tensors["words"]), starts, counts, nwords, ntokens, buckets, bool(facts["pruned"]), int(facts["zero_row"]))
    history = [Epoch(**epoch) for epoch in facts["history"]]
    return Model(options, words, matrix, output[:, :width], small if isinstance(small, Quantized) else None, history)


def part(tensors: dict[str, npt.NDArray[Any]], name: str, dsub: Any, dim: int) -> Any:
    """One matrix, dense or quantised."""
    if dsub is None:
        matrix = tensors[name]
        expect(matrix.dtype == np.float32 and matrix.ndim == 2 and matrix.shape[1] >= dim, f"the {name} matrix")
        return matrix
    codes, centroids = tensors[f"{name}.codes"], tensors[f"{name}.centroids"]
    expect(type(dsub) is int and dsub >= 1 and centroids.dtype == np.float32 and centroids.shape == (CENTROIDS, dim), f"the {name} matrix")
    expect(codes.dtype == np.uint8 and codes.ndim == 2 and codes.shape[1] == -(-dim // dsub), f"the {name} matrix")
    norms, lengths = tensors.get(f"{name}.norm_codes"), tensors.get(f"{name}.norm_centroids")
    if norms is not None:
        expect(norms.dtype == np.uint8 and norms.shape == (len(codes),) and lengths is not None, f"the {name} matrix")
        expect(lengths is not None and lengths.dtype == np.float32 and lengths.shape == (CENTROIDS,), f"the {name} matrix")
    return Quantized(codes, centroids, dsub, norms, lengths)


def expect(true: bool, what: str) -> None:
    """Complain about a part that does not fit."""
    if not true:
        raise ValueError(f"{what} does not fit the rest")
