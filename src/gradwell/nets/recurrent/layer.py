"""What our recurrent layers share: their options, and their weights under torch's names."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from gradwell.errors import DataError, OptionError
from gradwell.nets.recurrent import reference, starting
from gradwell.nets.recurrent.function import Fast, final
from gradwell.nets.recurrent.kernel import Kernel
from gradwell.nets.recurrent.sequences import Inputs, Lengths, Sequences
from gradwell.nets.recurrent.states import joined, parted
from gradwell.nets.recurrent.sweeps import GATES, Mode, Sweep
from gradwell.nets.recurrent.walk import Plan
from gradwell.nets.recurrent.weights import Weights, suffix

Implementation = Literal["auto", "fast", "reference"]
IMPLEMENTATIONS = ("auto", "fast", "reference")


class Recurrent(nn.Module):
    """A layer that reads sequences step by step, with the same weights at every step.

    The options up to `bidirectional` are torch's, and so are the names and shapes of the weights: a state_dict goes from a plain
    layer here to torch's and back, and the outputs are equal. The others torch does not have; all but `orthogonal` are off at first.

    input_dropout, recurrent_dropout: dropout of every layer's inputs, and of h_(t-1) where it meets the weights, with one mask per
        sequence that is kept for all steps (Gal, Ghahramani 2016). torch's `dropout`, between layers, draws anew for every step.
    zoneout: the probability that a unit keeps its old h for a step (Krueger et al. 2016).
    layer_norm: normalise what the input and what the state bring to the gates (Ba, Kiros, Hinton 2016).
    orthogonal: start with orthogonal recurrent weights; False: with torch's uniform ones.
    implementation: "auto" takes torch's kernels for a plain layer, and "fast" otherwise. "fast": one operation of autograd, with all
        gates kept and one product for each weight's gradient. "reference": the plain equations, step by step. All give
        the same numbers, and their gradients can be differentiated.

    The layer computes in the type of its weights, under autocast too.
    """

    mode: Mode

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False, dropout: float = 0.0,
        bidirectional: bool = False, *, input_dropout: float = 0.0, recurrent_dropout: float = 0.0, zoneout: float = 0.0,
        layer_norm: bool = False, orthogonal: bool = True, implementation: Implementation = "auto",
        device: Any = None, dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            if not isinstance(value, int) or value < 1:
                raise OptionError(f"{name} is {value!r}; it must be a whole number, 1 or more")
        if implementation not in IMPLEMENTATIONS:
            raise OptionError(f"implementation is {implementation!r}; it can be {', '.join(map(repr, IMPLEMENTATIONS))}")
        if dropout and num_layers == 1:
            raise OptionError(f"dropout is {dropout}, but it acts between layers and num_layers is 1; input_dropout acts on the first, too")
        self.input_size, self.hidden_size, self.num_layers, self.proj_size = input_size, hidden_size, num_layers, 0
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.dropout, self.input_dropout = rate("dropout", dropout), rate("input_dropout", input_dropout)
        self.recurrent_dropout, self.zoneout = rate("recurrent_dropout", recurrent_dropout), rate("zoneout", zoneout)
        self.layer_norm, self.orthogonal, self.implementation = layer_norm, orthogonal, implementation
        for k in range(num_layers):
            columns = input_size if k == 0 else hidden_size * (2 if bidirectional else 1)
            for backward in (False, True)[: 2 if bidirectional else 1]:
                for name, shape in self.shapes(columns).items():
                    self.register_parameter(name + suffix(k, backward), nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def shapes(self, columns: int) -> dict[str, tuple[int, ...]]:
        """The names and shapes of the weights of one layer in one direction that takes so many columns."""
        gates = GATES[self.mode] * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, columns), "weight_hh": (gates, self.hidden_size)}
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if self.layer_norm:
            shapes |= {"gain_ih": (gates,), "gain_hh": (gates,)}
        return shapes

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        for k in range(self.num_layers):
            for backward in (False, True)[: 2 if self.bidirectional else 1]:
                starting.start(Weights.of(self, k, backward), self.orthogonal, getattr(self, "forget_bias", None))

    def forward(self, inputs: Inputs, state: Any = None, lengths: Lengths = None) -> tuple[Inputs, Any]:
        """Outputs and last state, as torch's layers give them.

        inputs: (time, batch, inputs), or batch first if the layer is, or (time, inputs), or a PackedSequence. lengths: (batch,), where
        the inputs are padded; the outputs are zeros there, and the state is that of each sequence's own last step.
        """
        plan = Plan.of(self, self.training)
        weight = Weights.of(self, 0).weight_ih
        kind = inputs.data if not isinstance(inputs, Tensor) else inputs
        if torch.is_autocast_enabled(kind.device.type) and kind.is_floating_point():
            with torch.autocast(kind.device.type, enabled=False):
                return self.forward(inputs.to(weight.dtype), state, lengths)
        if kind.dtype != weight.dtype:
            raise DataError(f"inputs are {kind.dtype} and the weights are {weight.dtype}; convert one of them with .to(...)")
        sequences = Sequences.of(inputs, self.batch_first, lengths, self.input_size)
        states = parted(state, self.num_layers * plan.directions, sequences.x, self.hidden_size, plan.has_cell, sequences.single)

        def read(s: Sweep) -> tuple[Tensor, Tensor, Tensor | None]:
            return self.read(s, sequences.last)

        y, last, _ = plan.walk(sequences, states, read)
        return sequences.as_given(y), joined(last, plan.has_cell, sequences.single)

    def read(self, s: Sweep, last: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """One layer in one direction: h_t of every step, and the last h and c of each sequence."""
        plain = s.noise.silent and not s.w.normalizes
        if self.implementation == "auto" and plain and (last is None or s.c is None):
            y, h, c = Kernel.apply(s.mode, s.x, s.h, s.c, *s.w)  # type: ignore[no-untyped-call]
            return y, h if last is None else final(y, last), c
        if self.implementation == "reference" or torch.compiler.is_compiling():  # exporters know no operation of ours
            y, c = reference.read(s)
            return y, final(y, last), None if c is None else final(c, last)
        return Fast.apply(s.mode, last, s.noise, s.x, s.h, s.c, *s.w)  # type: ignore[no-untyped-call, no-any-return]

    def extra_repr(self) -> str:
        """The options that are not as they are by default."""
        names = ("num_layers", "bias", "batch_first", "dropout", "bidirectional", "input_dropout", "recurrent_dropout", "zoneout",
                 "cell_zoneout", "layer_norm", "forget_bias", "orthogonal", "implementation", "nonlinearity")
        defaults = (1, True, False, 0.0, False, 0.0, 0.0, 0.0, 0.0, False, 1.0, True, "auto", "tanh")
        changed = [f"{n}={getattr(self, n)}" for n, d in zip(names, defaults, strict=True) if getattr(self, n, d) != d]
        return ", ".join([str(self.input_size), str(self.hidden_size), *changed])


def rate(name: str, value: float) -> float:
    """A probability."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise OptionError(f"{name} is {value!r}; it must be a probability, from 0 to 1")
    return float(value)
