"""The calls of `fasttext.util`, with their names, positions and answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gradwell.errors import DataError, GradwellError, OptionError
from gradwell.text.dictionary import Floats
from gradwell.text.model import Model
from gradwell.text.quantized import Quantized

if TYPE_CHECKING:
    from gradwell.text.FastText import _FastText

MOST_ROWS = 100_000  # rows of the input matrix that the directions are found from


def test(predictions: Iterable[Collection[str]], labels: Iterable[Collection[str]], k: int = 1) -> tuple[float, float]:  # noqa: PT028 - fastText's name
    """Precision and recall of k predicted labels a line against the true labels of each line."""
    right = lines = truths = 0
    for predicted, true in zip(predictions, labels, strict=False):
        right += sum(label in true for label in predicted)
        lines += 1
        truths += len(true)
    if not (k * lines and truths):
        raise DataError(f"{lines} lines with {truths} labels, and k={k}: there is nothing to divide by")
    return right / (k * lines), right / truths


def find_nearest_neighbor(
    query: npt.NDArray[Any], vectors: npt.NDArray[Any], ban_set: Collection[int], cossims: npt.NDArray[Any] | None = None
) -> int:
    """The row of `vectors` with the largest dot product with the query, those in ban_set left out; fills `cossims` if given."""
    scores = np.matmul(vectors, query, out=cossims)
    allowed = np.ones(len(scores), np.bool_)
    allowed[list(ban_set)] = False
    if not allowed.any():
        raise DataError(f"all {len(scores)} vectors are in ban_set; none is left to be the nearest")
    return int(np.where(allowed, scores, -np.inf).argmax())


def directions(matrix: npt.NDArray[Any], dim: int) -> Floats:
    """The directions in which the rows differ most (principal components), one a column, the strongest first."""
    x = np.asarray(matrix[:MOST_ROWS], np.float64)
    x = x - x.mean(0)
    covariance = x.T @ x / max(len(x) - 1, 1)
    _, vectors = np.linalg.eigh(covariance)  # from the weakest to the strongest
    return np.ascontiguousarray(vectors[:, ::-1][:, :dim], np.float32)


def reduce_model(ft_model: _FastText, target_dim: int) -> _FastText:
    """Shorten all vectors of a model to target_dim numbers, in place, with as little loss as possible; returns the model.

    Both matrices are turned by the same directions, so that scores change little. The directions are found from the
    rows in use (fastText: from the first 100,000 rows, used or not).
    """
    ft_model._model = reduced(ft_model.model, target_dim)
    if hasattr(ft_model, "dim"):
        ft_model.dim = target_dim
    return ft_model


def reduced(model: Model, dim: int) -> Model:
    """The model with shorter vectors."""
    old = model.options.dim
    if not 1 <= dim <= old:
        raise OptionError(f"target_dim is {dim}; the model has {old} dimensions, so it must be from 1 to {old}")
    if isinstance(model.input, Quantized):
        raise DataError("a quantised model cannot be reduced; reduce the model that it was made from, then quantise")
    matrix, output = model.input[:, :old], model.output[:, :old]
    in_use = matrix[: model.dictionary.zero_row] if model.dictionary.zero_row >= 0 else matrix
    turn = directions(in_use, dim)
    words = dataclasses.replace(model.dictionary, _cache={})
    return Model(model.options.with_(dim=dim), words, matrix @ turn, output @ turn, None, model.history)


def download_model(lang_id: str, if_exists: str = "strict", dimension: int | None = None) -> str:  # noqa: ARG001
    """Say where the model of a language is; Gradwell downloads nothing."""
    name = f"cc.{lang_id}.300.bin"
    raise GradwellError(
        f"Gradwell downloads nothing. {name}.gz is at https://dl.fbaipublicfiles.com/fasttext/vectors-crawl/{name}.gz "
        f"(all languages: https://fasttext.cc/docs/en/crawl-vectors.html); unpack it with gunzip, then load_model({name!r})"
    )
