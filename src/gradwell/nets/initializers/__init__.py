"""First weights: by fan-in and activation for a whole model with `initialize`, or from one batch with `initialize_on`."""

from gradwell.nets.initializers.initialize import initialize
from gradwell.nets.initializers.schemes import SCHEMES
from gradwell.nets.initializers.started import Start, Started
from gradwell.nets.initializers.unitvariance import initialize_on

__all__ = ["SCHEMES", "Start", "Started", "initialize", "initialize_on"]
