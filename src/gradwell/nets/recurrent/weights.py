"""The shared weights of one layer in one direction, under the names that torch gives them."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor


class Weights(NamedTuple):
    """What a recurrent layer uses at every step alike; G gates are stacked, in torch's order (i, f, g, o / r, z, n).

    The last four are there when the layer normalises: its gains, and for an LSTM the shift of the cell's normalisation.
    The biases are then the shifts of the other two.
    """

    weight_ih: Tensor  # (G * hidden, inputs)
    weight_hh: Tensor  # (G * hidden, hidden)
    bias_ih: Tensor | None = None  # (G * hidden,)
    bias_hh: Tensor | None = None  # (G * hidden,)
    gain_ih: Tensor | None = None  # (G * hidden,)
    gain_hh: Tensor | None = None  # (G * hidden,)
    gain_c: Tensor | None = None  # (hidden,)
    bias_c: Tensor | None = None  # (hidden,)

    @property
    def hidden(self) -> int:
        """How many units the layer has."""
        return int(self.weight_hh.shape[1])

    @property
    def normalizes(self) -> bool:
        """Whether the layer is one with layer normalisation."""
        return self.gain_hh is not None

    @property
    def bias(self) -> Tensor | None:
        """b_ih + b_hh, where nothing stands between the two."""
        return None if self.bias_ih is None or self.bias_hh is None else self.bias_ih + self.bias_hh

    @classmethod
    def of(cls, layer: Any, k: int, backward: bool = False) -> Weights:
        """The weights of layer `k` (from 0) of a module, those of its backward direction if asked."""
        end = suffix(k, backward)
        return cls(*(getattr(layer, name + end, None) for name in cls._fields))  # type: ignore[arg-type]


def suffix(k: int, backward: bool) -> str:
    """How torch ends the names of a layer's weights: `_l0`, `_l1_reverse`."""
    return f"_l{k}_reverse" if backward else f"_l{k}"
