"""Models looked into: what each layer holds, how it is connected, what it sees of the input and what it costs."""

from gradwell.nets.inspection.bottleneck import Bottleneck
from gradwell.nets.inspection.inspect import inspect
from gradwell.nets.inspection.inspection import Inspection
from gradwell.nets.inspection.layer import Layer

__all__ = ["Bottleneck", "Inspection", "Layer", "inspect"]
