"""The errors a user may meet, all of one family.

GradwellError
+-- TargetError       what was to be run cannot be run
+-- RecordError       a run's record cannot be read or written
+-- RuleError         a rule or threshold that does not exist was asked for
+-- DependencyError   a package that the feature needs is missing or too old
+-- OptionError       an option or argument has a value that is not possible (also a ValueError)
+-- DataError         a text or table cannot be learned from or read (also a ValueError)
+-- ModelFileError    a model file is missing, damaged, or of another kind (also a ValueError)
+-- TrainingError     training cannot go on (also a RuntimeError)
+-- TrackerError      an experiment tracker does not answer, or takes nothing
"""


class GradwellError(Exception):
    """Something was asked of Gradwell that it cannot do; the message says what was given and what is possible."""


class TargetError(GradwellError):
    """The script, module or command to be watched does not exist or cannot be started."""


class RecordError(GradwellError):
    """A record is missing, damaged, written by something else, or cannot be written."""


class RuleError(GradwellError):
    """A rule code or a threshold was named that does not exist."""


class DependencyError(GradwellError):
    """A package that the feature needs is not installed, or too old."""


class OptionError(GradwellError, ValueError):
    """An option or argument has a value that is not possible."""


class DataError(GradwellError, ValueError):
    """A text or table cannot be learned from or read."""


class ModelFileError(GradwellError, ValueError):
    """A model file is missing, damaged, or of another kind."""


class TrainingError(GradwellError, RuntimeError):
    """Training cannot go on."""


class TrackerError(GradwellError):
    """An experiment tracker does not answer, refuses what it is sent, or has no run to write to."""
