"""A matrix in few bytes: each row is a choice among 256 pieces for every few columns (product quantisation).

Source: Jegou, Douze, Schmid 2011; Joulin et al. 2016 (FastText.zip); fastText's productquantizer.cc.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradwell.text.dictionary import Bytes, Floats

CENTROIDS = 256


@dataclass(frozen=True, eq=False)
class Quantized:
    """Rows as codes: columns m * dsub to (m + 1) * dsub of row r are those of centroids[codes[r, m]]."""

    codes: npt.NDArray[np.uint8]  # (rows, pieces)
    centroids: Floats  # (256, dim)
    dsub: int  # columns a piece
    norm_codes: Bytes | None = None  # (rows,)
    norm_centroids: Floats | None = None  # (256,)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, as of the matrix it stands for."""
        return len(self.codes), self.centroids.shape[1]

    @property
    def norms(self) -> Floats:
        """The length of each row, or nothing where lengths are not kept apart."""
        if self.norm_codes is None or self.norm_centroids is None:
            return np.empty(0, np.float32)
        return self.norm_centroids[self.norm_codes]

    def rows(self, which: npt.NDArray[np.int64] | slice) -> Floats:
        """Some rows, written out."""
        codes, dim = self.codes[which], self.centroids.shape[1]
        out = self.centroids[codes[:, np.arange(dim) // self.dsub], np.arange(dim)]
        norms = self.norms
        return out * norms[which][:, None] if len(norms) else out


def rows_of(matrix: Floats | Quantized, which: npt.NDArray[np.int64] | slice) -> Floats:
    """Some rows of a matrix of either kind."""
    return matrix.rows(which) if isinstance(matrix, Quantized) else np.asarray(matrix[which])
