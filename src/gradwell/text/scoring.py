"""What autotune looks for: a metric, by fastText's names for it, and a largest size of file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gradwell.errors import OptionError
from gradwell.text.meter import Meter
from gradwell.text.options import Options

UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3}  # args.cc: decimal, either case
POSSIBLE = "f1, f1:LABEL, precisionAtRecall:30, precisionAtRecall:30:LABEL, recallAtPrecision:30, recallAtPrecision:30:LABEL"


@dataclass(frozen=True)
class Metric:
    """One number that says how good predictions are, of all labels together or of one."""

    name: str  # as it was given
    kind: str  # f1, precisionAtRecall or recallAtPrecision
    floor: float  # the recall or precision that must be reached, 0 to 1
    label: str | None

    @classmethod
    def of(cls, name: str, options: Options, labels: list[str]) -> Metric:
        """The metric of this name; a label may leave out its prefix. Raises OptionError when there is none."""
        kind, *rest = str(name).split(":", 1)
        floor = 0.0
        if kind in ("precisionAtRecall", "recallAtPrecision") and rest:
            percent, *rest = rest[0].split(":", 1)
            if not re.fullmatch(r"\d+(\.\d*)?", percent) or float(percent) > 100:
                raise OptionError(f"autotuneMetric is {name!r}; {percent!r} must be a percentage from 0 to 100")
            floor = float(percent) / 100
        elif kind != "f1":
            raise OptionError(f"Unknown metric : {name}; it can be {POSSIBLE}")
        label = rest[0] if rest else None
        if label is not None and label not in labels:
            label = options.label + label
            if label not in labels:
                raise OptionError(f"Unknown autotune metric label {rest[0]!r}; the text has {len(labels)}, such as {', '.join(labels[:5])}")
        return cls(name, kind, floor, label)

    def score(self, meter: Meter) -> float:
        """The metric of some predictions; 0 where it is undefined."""
        if self.kind == "precisionAtRecall":
            value = meter.precision_at_recall(self.floor, self.label)
        elif self.kind == "recallAtPrecision":
            value = meter.recall_at_precision(self.floor, self.label)
        else:
            value = meter.f1(self.label)
        return value if value == value else 0.0  # not a number: the label was never predicted


def size_of(text: str | None) -> int | None:
    """The bytes that a size such as 2M stands for; None where there is no limit."""
    if text is None or text == "":
        return None
    found = re.fullmatch(r"(\d+)([kKmMgG]?)", str(text))
    if not found or int(found[1]) == 0:
        raise OptionError(f"Unable to parse model size {text!r}; it must be a number of bytes, or with k, M or G: 100k, 2M")
    return int(found[1]) * UNITS[found[2].lower()]
