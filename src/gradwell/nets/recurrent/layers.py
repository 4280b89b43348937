"""Our own LSTM, GRU and RNN; the equations stand in `cells.py`, the options they share in `layer.py`."""

from __future__ import annotations

from typing import Any

from gradwell.errors import OptionError
from gradwell.nets.recurrent.layer import Recurrent, rate
from gradwell.nets.recurrent.sweeps import Mode

MODES: dict[str, Mode] = {"tanh": "RNN_TANH", "relu": "RNN_RELU"}


class LSTM(Recurrent):
    """A long short-term memory: its cell is added to, not rewritten, so an open forget gate carries memory and gradient far.

    forget_bias: what the forget gate's two biases add up to at the start; a high one opens the gate. None leaves it at 0.
    zoneout acts on h, cell_zoneout on c. With layer_norm, c is normalised, too, on its way to h. The rest: see Recurrent.
    """

    mode = "LSTM"

    def __init__(self, *sizes: Any, cell_zoneout: float = 0.0, forget_bias: float | None = 1.0, **options: Any) -> None:
        self.cell_zoneout, self.forget_bias = rate("cell_zoneout", cell_zoneout), forget_bias
        super().__init__(*sizes, **options)

    def shapes(self, columns: int) -> dict[str, tuple[int, ...]]:
        """The names and shapes of the weights; the normalisation of the cell adds two."""
        shapes = super().shapes(columns)
        if self.layer_norm:
            shapes |= {"gain_c": (self.hidden_size,)} | ({"bias_c": (self.hidden_size,)} if self.bias else {})
        return shapes


class GRU(Recurrent):
    """A gated recurrent unit: one gate says how far the state moves, another how much of it the new candidate sees.

    The options: see Recurrent.
    """

    mode = "GRU"


class RNN(Recurrent):
    """A plain recurrent network, h_t = tanh(W x_t + W h_(t-1) + b), or relu: the cell in which gradients vanish and explode.

    nonlinearity: "tanh" or "relu". The other options: see Recurrent.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", *more: Any, **options: Any
    ) -> None:
        if nonlinearity not in MODES:
            raise OptionError(f"nonlinearity is {nonlinearity!r}; it can be {' or '.join(map(repr, MODES))}")
        self.mode, self.nonlinearity = MODES[nonlinearity], nonlinearity
        super().__init__(input_size, hidden_size, num_layers, *more, **options)

    def shapes(self, columns: int) -> dict[str, tuple[int, ...]]:
        """The names and shapes of the weights; only the whole sum is normalised."""
        shapes = super().shapes(columns)
        shapes.pop("gain_ih", None)
        return shapes
