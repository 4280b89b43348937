"""What an experiment is: a claim, the knobs it depends on, how it is measured, and how the measurement is judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from gradwell.lab.rows import Row


@dataclass(frozen=True)
class Verdict:
    """Whether a claim holds by what was measured, and because of which numbers: in English, and the same in Chinese."""

    holds: bool
    because: str
    zh: str = ""

    def __post_init__(self) -> None:
        """A full-width bracket needs no space after it; a number alone would."""
        object.__setattr__(self, "zh", self.zh.replace("） ", "）"))

    @property
    def word(self) -> str:
        """The verdict in a word."""
        return "holds" if self.holds else "fails"


@dataclass(frozen=True)
class Chart:
    """How the rows are drawn: `y` against `x`, one line for each value of `by`, each point the median over the seeds.

    Where `x` is text there is a bar for each value. Rows that lack `x` or `y` are left out. `zh` is the title in Chinese.
    """

    title: str
    x: str
    y: str
    by: str = ""
    log_x: bool = False
    log_y: bool = False
    zh: str = ""


@dataclass(frozen=True)
class Experiment(ABC):
    """One claim of deep learning. Its fields are its knobs, each with its unit; its docstring's first sentence is the claim.

    `quick` are knobs under which it takes a second or two and comes to the same verdict. `control` are knobs that remove the cause:
    under them the verdict must be the other one, or the experiment shows nothing. Both are laid over the defaults, control over quick.
    `textbook` says what is commonly taught where the measurement disagrees with it. `timed` tells that the verdict rests on a clock.
    `rules` are the doctor's codes that catch the same failure in a user's script. `zh` is the claim in Chinese, `textbook_zh` the same
    of `textbook`.
    """

    id: ClassVar[str]
    question: ClassVar[int]  # of the field guide, 1 to 14
    source: ClassVar[str]
    quick: ClassVar[Mapping[str, Any]]
    control: ClassVar[Mapping[str, Any]]
    charts: ClassVar[tuple[Chart, ...]]
    rules: ClassVar[tuple[str, ...]] = ()
    textbook: ClassVar[str] = ""
    zh: ClassVar[str] = ""
    textbook_zh: ClassVar[str] = ""
    timed: ClassVar[bool] = False

    @abstractmethod
    def measure(self, seed: int) -> Iterator[Row]:
        """Measure once. Everything random comes from the seed; rows come as they are known, so that a run can be watched."""

    @abstractmethod
    def judge(self, rows: Sequence[Row]) -> Verdict:
        """Judge what was measured over all seeds, by the rows alone; each bears its `seed`."""

    @classmethod
    def claim(cls) -> str:
        """The docstring's first sentence."""
        return (cls.__doc__ or "").strip().split("\n")[0]
