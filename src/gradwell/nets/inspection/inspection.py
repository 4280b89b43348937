"""What a model is made of and what it costs."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from typing import Any

from gradwell.nets.inspection.bottleneck import Bottleneck
from gradwell.nets.inspection.layer import Layer, Shape
from gradwell.nets.inspection.table import as_text

SCHEMA = 1
OF_LAYERS = ("sharing", "sparsity", "intensity", "output_shape")
OF_BOTTLENECKS = ("parameter_saving", "flop_saving")


@dataclass(frozen=True)
class Inspection:
    """A model, layer by layer in the order in which they ran; prints as tables.

    inputs: shapes with the batch. parameters: each counted once, so it is sum(p.numel() for p in model.parameters()).
    flops: what torch.utils.flop_counter counts in one forward pass: 2 for each multiplication with addition in convolutions and products
    of matrices; elementwise operations, normalisation and pooling are not counted. read, written: bytes of all layers.
    """

    model: str
    inputs: tuple[Shape, ...]
    batch: int
    layers: tuple[Layer, ...]
    bottlenecks: tuple[Bottleneck, ...]
    parameters: int
    trainable: int
    parameter_bytes: int
    buffers: int
    flops: int
    notes: tuple[str, ...] = ()

    @property
    def frozen(self) -> int:
        """Parameters that training leaves as they are."""
        return self.parameters - self.trainable

    @property
    def read(self) -> int:
        """Bytes that all layers read."""
        return sum(layer.read or 0 for layer in self.layers)

    @property
    def written(self) -> int:
        """Bytes that all layers write."""
        return sum(layer.written or 0 for layer in self.layers)

    def as_dict(self) -> dict[str, Any]:
        """Everything in values that JSON has."""
        return {
            "schema": SCHEMA, "model": self.model, "inputs": [list(shape) for shape in self.inputs], "batch": self.batch,
            "totals": {name: getattr(self, name) for name in (
                "parameters", "trainable", "frozen", "parameter_bytes", "buffers", "flops", "read", "written")},
            "layers": [plain(layer, OF_LAYERS) for layer in self.layers],
            "bottlenecks": [plain(one, OF_BOTTLENECKS) for one in self.bottlenecks],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        return as_text(self.as_dict(), width=shutil.get_terminal_size((100, 24)).columns)


def plain(one: Layer | Bottleneck, more: tuple[str, ...]) -> dict[str, Any]:
    """Fields and derived numbers of one entry, tuples as lists."""
    return {name: listed(value) for name, value in (asdict(one) | {name: getattr(one, name) for name in more}).items()}


def listed(value: Any) -> Any:
    """Tuples as lists."""
    return [listed(item) for item in value] if isinstance(value, tuple) else value
