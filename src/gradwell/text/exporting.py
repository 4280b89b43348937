"""A text classifier for ONNX Runtime.

Where words alone are looked at, the whole of it: lines of text in, the likeliest label and all probabilities out. ONNX has no hash, so
where there are n-grams it takes numbers: the rows of the input matrix that `rows` finds for each line. Nothing here needs torch.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gradwell.errors import DataError, OptionError
from gradwell.text import sources
from gradwell.text.onnx_graph import graph
from gradwell.text.writing import replacing

if TYPE_CHECKING:
    from gradwell.text.model import Model


def export(model: Model, path: str | os.PathLike[str]) -> None:
    """Write a classifier as ONNX: `text` (lines), or `rows` (lines, width), to `label` (lines) and `probabilities` (lines, labels).

    A line without a known word, its end `</s>` included, has an empty label and probabilities of zero. Words stand between spaces.
    Quantised matrices are written out in full. Raises OptionError when the model is no classifier or too large, DependencyError when
    onnx is missing.
    """
    if not model.supervised:
        raise OptionError("this model holds word vectors; only a classifier can be exported")
    data = graph(model)
    with replacing(path, "an ONNX file") as file:
        file.write(data)


def rows(model: Model, texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """What a model with n-grams looks up for each line: (lines, width), -1 where there is no more."""
    found = [model.dictionary.line(text.encode("utf-8", "replace") + b"\n", model.options, model.options.label.encode())[0]
             for text in sources.lines_of(texts, "the texts")]
    if not found:
        raise DataError("there are no texts")
    out = np.full((len(found), max(1, *map(len, found))), -1, np.int64)
    for i, one in enumerate(found):
        out[i, : len(one)] = one
    return out
