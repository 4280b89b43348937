"""What `temporal_gradients` finds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gradwell.nets.recurrent.sequences import Inputs


@dataclass(frozen=True)
class LayerGradients:
    """The gradients of one layer in one direction; steps are in the order of the input.

    h, c: dL/dh_t and, for an LSTM, dL/dc_t of every step, (time, batch, hidden).
    whole: each weight's gradient, from all lags.
    by_lag: for each weight, the part of its gradient that comes from each lag, (lags, *weight's shape).
    by_step: for each matrix, the size (Frobenius norm) of what each step adds to its gradient, (time,).
    weight_hh: the recurrent weights as they were, (G * hidden, hidden).
    """

    h: Tensor
    c: Tensor | None
    whole: dict[str, Tensor]
    by_lag: dict[str, Tensor]
    by_step: dict[str, Tensor]
    weight_hh: Tensor

    @property
    def h_norm(self) -> Tensor:
        """The size of dL/dh_t, (time,)."""
        return sizes(self.h)

    @property
    def c_norm(self) -> Tensor | None:
        """The size of dL/dc_t, (time,)."""
        return None if self.c is None else sizes(self.c)

    @property
    def lag_norms(self) -> dict[str, Tensor]:
        """For each weight, the size of what comes from each lag, (lags,)."""
        return {name: sizes(parts) for name, parts in self.by_lag.items()}

    @property
    def lag_shares(self) -> dict[str, Tensor]:
        """For each weight, how far each lag carries its gradient on the whole's own way, (lags,); over all lags it adds up to 1.

        share_k = <G_k, G> / <G, G>        below 0 where a lag works against the others
        """
        return {name: products(parts, self.whole[name]) / self.whole[name].square().sum() for name, parts in self.by_lag.items()}

    @property
    def lag_cosines(self) -> dict[str, Tensor]:
        """For each weight, the cosine of the angle between what comes from each lag and the whole gradient, (lags,)."""
        norms = self.lag_norms
        return {name: products(parts, self.whole[name]) / (norms[name] * self.whole[name].norm()) for name, parts in self.by_lag.items()}

    @property
    def spectral_radius(self) -> Tensor:
        """The largest |eigenvalue| of each gate's square block of W_hh, (G,): below 1 it shrinks what passes through it again and again."""
        size = self.weight_hh.shape[1]
        radii: Tensor = torch.linalg.eigvals(self.weight_hh.view(-1, size, size)).abs().amax(-1)
        return radii


@dataclass(frozen=True)
class TemporalGradients:
    """The gradients of a recurrent layer, taken apart in time.

    layers: one entry a layer, with one or two directions each, from the first layer to the last. inputs: dL/dx, laid out as x is.
    """

    layers: tuple[tuple[LayerGradients, ...], ...]
    inputs: Inputs

    def __getitem__(self, place: int | tuple[int, int]) -> LayerGradients:
        """The gradients of a layer (of its first direction), or of a layer and a direction."""
        layer, direction = place if isinstance(place, tuple) else (place, 0)
        return self.layers[layer][direction]


def sizes(parts: Tensor) -> Tensor:
    """The Frobenius norm of each part along the first axis."""
    norms: Tensor = torch.linalg.vector_norm(parts.flatten(1), dim=1)
    return norms


def products(parts: Tensor, whole: Tensor) -> Tensor:
    """The scalar product of each part along the first axis with the whole."""
    return parts.flatten(1) @ whole.flatten()
