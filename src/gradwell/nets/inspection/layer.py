"""One layer of a model, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """What one layer holds and costs, and how it is connected; None is a number that is not known or has no meaning for the layer.

    calls: how often it ran in the one forward pass, with these shapes. 0: never; what it costs is then nothing.
    parameters: numbers that it holds; repeated: how many of them were counted at a layer above already.
    dense_parameters: what a fully connected layer between the same units would hold. local_parameters: what the layer would hold if every
        position, step and call had weights of its own. steps: at how many steps of time a recurrent layer uses each of its weights.
    connections: pairs of one input unit and one output unit with a weight between them, per example; possible: all pairs of them.
    receptive_field: the part of the model's input that one output unit depends on, for the unit that sees most; without the batch.
    flops: of the whole batch, as torch.utils.flop_counter counts. read, written: bytes of inputs and parameters, and of outputs.
    """

    path: str
    type: str
    calls: int
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    parameters: int
    trainable: int
    repeated: int = 0
    dense_parameters: int | None = None
    local_parameters: int | None = None
    steps: int | None = None
    connections: int | None = None
    possible: int | None = None
    receptive_field: Shape | None = None
    flops: int = 0
    read: int | None = None
    written: int | None = None

    @property
    def output_shape(self) -> Shape | None:
        """Shape of the first output, with the batch."""
        return self.output_shapes[0] if self.output_shapes else None

    @property
    def sharing(self) -> float | None:
        """How many places share each weight: local_parameters / parameters."""
        return self.local_parameters / self.parameters if self.local_parameters is not None and self.parameters else None

    @property
    def sparsity(self) -> float | None:
        """Share of the possible connections that the layer does without: 1 - connections / possible."""
        return 1 - self.connections / self.possible if self.connections is not None and self.possible else None

    @property
    def intensity(self) -> float | None:
        """Arithmetic for each byte moved: flops / (read + written)."""
        return self.flops / moved if (moved := (self.read or 0) + (self.written or 0)) else None
