"""Deep learning you can see inside."""

from gradwell.errors import DependencyError, GradwellError, RecordError, RuleError, TargetError
from gradwell.session import Session, check, check_gradients, inspect, watch

__all__ = ["DependencyError", "GradwellError", "RecordError", "RuleError", "Session", "TargetError", "__version__", "check",
           "check_gradients", "inspect", "watch"]
__version__ = "0.1.0"
