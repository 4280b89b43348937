"""Quantisation: a classifier in a hundredth of the bytes.

Each row of a matrix is cut into pieces of `dsub` columns, and each piece is replaced by the nearest of 256 centroids,
one byte. Sources: Jegou, Douze, Schmid 2011 (product quantisation); Joulin et al. 2016 (FastText.zip).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from gradwell.errors import DataError, OptionError
from gradwell.text import corpus as corpora
from gradwell.text.corpus import Labels, Scan
from gradwell.text.dictionary import Dictionary, Floats
from gradwell.text.model import Model
from gradwell.text.options import Options, checked, converted
from gradwell.text.pruning import PAIR, Used, cut, row_bytes
from gradwell.text.quantized import CENTROIDS, Quantized
from gradwell.text.showing import Show
from gradwell.text.sources import bytes_of
from gradwell.text.training import Run, State

SEED = 1234  # productquantizer.h: seed_
MOST_POINTS = 65_536  # rows that centroids are learned from (productquantizer.h: max_points_)
OUTPUT_DSUB = 2
Again = Callable[[Options, Dictionary, Floats, Floats], tuple[Floats, Floats]]


def quantize(
    model: Model, input: Any = None, *, qout: bool = False, cutoff: int = 0, retrain: bool = False, epoch: int | None = None,
    lr: float | None = None, thread: int | None = None, verbose: int | None = None, dsub: int = 2, qnorm: bool = False,
) -> Model:
    """A classifier whose matrices are kept in few bytes; the one given stays as it is.

    cutoff: keep only so many words and n-grams, those with the longest vectors; with retrain, what is left learns once more
    from `input`, for `epoch` epochs at `lr` (as in fastText, nothing happens without a cutoff that cuts). dsub: columns
    that share a byte. qnorm: keep each row's length apart, one byte more. qout: do the same to the output matrix,
    always with dsub 2. The result depends on nothing but the model and these options, whatever the number of threads.

    n-grams that no training text had are zeros in an unquantised model, and most buckets are theirs. Without a cutoff
    they are left out where that makes the file smaller: it is then marked as pruned and lists the buckets that are used.
    A mean no longer counts the n-grams that were left out, so that it is longer, and probabilities of lines with unseen
    n-grams are closer to 0 and 1; which label comes first stays the same. It does not with loss hs, whose file therefore
    keeps a row for every bucket. Measured: TREC questions, 3-grams, 1.5 MB against 20 MB, both 0.90 right; cooking, hs,
    2.7 MB against 51 MB, 0.50 against 0.52 right.

    Raises OptionError or DataError with what is wrong and what is possible.
    """
    if not model.supervised:
        raise DataError("For now we only support quantization of supervised models; this one holds word vectors")
    if isinstance(model.input, Quantized):
        raise DataError("this model is quantised already; quantise the one that it was made from")
    cutoff, dsub = converted("cutoff", cutoff, int), converted("dsub", dsub, int)
    if cutoff < 0:
        raise OptionError(f"cutoff is {cutoff}; it must be 0 (keep all rows) or the number of rows to keep")
    if dsub < 1:
        raise OptionError(f"dsub is {dsub}; it must be 1 or more, the columns that share a byte")
    if retrain and (input is None or (isinstance(input, str) and not input)):
        raise OptionError("Need input file path if retraining: give the text that the model was trained on as input")
    given = {"epoch": epoch, "lr": lr, "thread": thread, "verbose": verbose}
    changes = {name: converted(name, value, float if name == "lr" else int) for name, value in given.items() if value is not None}
    options = dataclasses.replace(model.options, **changes)
    checked(options)
    again: Again | None = None
    if retrain:
        with Show(options.verbose) as show:
            found = corpora.scan(bytes_of(input, "the text to retrain on"), show.reading)
            again = partial(retrained, found=found, show=show)
            return compressed(model, options, cutoff, dsub, qnorm, qout, again)
    return compressed(model, options, cutoff, dsub, qnorm, qout)


def compressed(
    model: Model, options: Options, cutoff: int, dsub: int, qnorm: bool, qout: bool, again: Again | None = None, small: bool = False
) -> Model:
    """A model cut, trained `again` where it was cut, and coded; `small`: so that its file is as small as can be."""
    assert not isinstance(model.input, Quantized)
    dim = options.dim
    output = np.ascontiguousarray(model.output[:, :dim], np.float32)
    if qout and len(output) < CENTROIDS:
        raise OptionError(f"qout needs {CENTROIDS} labels or more, to choose {CENTROIDS} centroids among; this model has {len(output)}")
    used, dsub = Used.of(model), min(dsub, dim)
    if cutoff and cutoff < len(used.rows):
        dictionary, matrix = cut(model, used, used.by_length(model)[:cutoff])
        enough(matrix)
        if again is not None:
            matrix, output = again(options, dictionary, matrix, output)
        else:
            options = model.options
        codes = coded(matrix, dsub, qnorm, options.threads)
    else:
        options = model.options
        dictionary, codes = uncut(model, used, dsub, qnorm, small)
    last = coded(output, OUTPUT_DSUB, qnorm, options.threads) if qout else None
    return Model(options, dictionary, codes, last.rows(slice(None)) if last else output, last, model.history, model.tuned)


def uncut(model: Model, used: Used, dsub: int, qnorm: bool, small: bool) -> tuple[Dictionary, Quantized]:
    """All rows that are used: those alone, or, where that takes fewer bytes or predicts better, a row for every bucket."""
    assert not isinstance(model.input, Quantized)
    bucket, each = model.options.bucket, row_bytes(model.options.dim, dsub, qnorm)
    if len(used.buckets) * (each + PAIR) < bucket * each and (small or model.options.loss != "hs"):
        dictionary, matrix = cut(model, used, np.arange(len(used.rows)))
        enough(matrix)
        return dictionary, coded(matrix, dsub, qnorm, model.options.threads)
    matrix = np.zeros((len(used.rows) + 1, model.options.dim), np.float32)  # the last row is that of every unused bucket
    matrix[:-1] = model.input[used.rows, : model.options.dim]
    enough(matrix[:-1])
    some = coded(matrix, dsub, qnorm, model.options.threads, zero=True)
    place = np.full(used.nwords + bucket, len(used.rows))
    place[np.concatenate([np.arange(used.nwords), used.nwords + used.buckets])] = np.arange(len(used.rows))
    norm_codes = None if some.norm_codes is None else some.norm_codes[place]
    dictionary = dataclasses.replace(model.dictionary, rows_of_bucket=None, pruned=False, zero_row=-1, _cache={})
    return dictionary, dataclasses.replace(some, codes=some.codes[place], norm_codes=norm_codes)


def enough(matrix: Floats) -> None:
    """Complain when there are fewer rows than centroids."""
    if len(matrix) < CENTROIDS:
        raise DataError(f"Matrix too small for quantization, must have at least {CENTROIDS} rows; it has {len(matrix)} words and n-grams")


def coded(matrix: Floats, dsub: int, qnorm: bool, threads: int, zero: bool = False) -> Quantized:
    """A matrix as codes, each piece learned on a thread of its own; `zero`: a row of zeros stays exactly that."""
    dim = matrix.shape[1]
    norms = None
    if qnorm:
        lengths = np.linalg.norm(matrix, axis=1)
        norms = coded(lengths[:, None], 1, False, 1, zero)
        matrix = (matrix / np.where(lengths > 0, lengths, 1)[:, None]).astype(np.float32, copy=False)
    pieces = -(-dim // dsub)
    rng = np.random.default_rng(SEED)
    sample = matrix[rng.permutation(len(matrix))[:MOST_POINTS]]
    seeds = rng.integers(2**63, size=pieces, dtype=np.uint64)
    codes, centroids = np.empty((len(matrix), pieces), np.uint8), np.empty((CENTROIDS, dim), np.float32)

    def piece(m: int) -> None:
        from gradwell.text.kernels import quantizing

        columns = slice(m * dsub, min((m + 1) * dsub, dim))
        points = standing(sample[:, columns])
        middles = points[:, :CENTROIDS].T.copy()
        quantizing.cluster(points, middles, np.empty(points.shape[1], np.uint8), seeds[m])
        if zero and not qnorm:
            middles[np.square(middles).sum(1).argmin()] = 0
        mine = np.empty(len(matrix), np.uint8)
        quantizing.assign(standing(matrix[:, columns]), middles, mine)
        codes[:, m], centroids[:, columns] = mine, middles[:, : columns.stop - columns.start]

    with ThreadPoolExecutor(min(threads, pieces)) as pool:
        list(pool.map(piece, range(pieces)))
    return Quantized(codes, centroids, dsub, norms.codes[:, 0].copy() if norms else None, norms.centroids[:, 0].copy() if norms else None)


def standing(points: Floats) -> Floats:
    """Points as columns, of two numbers or more: a zero is added to a single one."""
    out = np.zeros((max(2, points.shape[1]), len(points)), np.float32)
    out[: points.shape[1]] = points.T
    return out


def retrained(
    options: Options, dictionary: Dictionary, matrix: Floats, output: Floats, *, found: Scan, show: Show, given: Labels | None = None,
    sample_weight: Any = None, class_weight: Any = None, deterministic: bool = False,
) -> tuple[Floats, Floats]:
    """The matrices after some more epochs over a text; words and n-grams that were cut are not learned from."""
    corpus = corpora.pack(found, dictionary, options, given, sample_weight)
    if not len(corpus.lines):
        raise DataError("the text to retrain on has no line with both a label and a word that the model knows")
    state = State.zeros(len(matrix) + 1, len(output), options)
    state.matrix[:-1, : options.dim], state.output[:, : options.dim] = matrix, output
    run = Run(corpus, options, state, class_weight, deterministic)
    for _ in range(options.epoch):
        run.epoch(show.training)
    return np.ascontiguousarray(state.matrix[:-1, : options.dim]), np.ascontiguousarray(state.output[:, : options.dim])
