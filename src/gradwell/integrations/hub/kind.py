"""What a kind of model must tell so that it can be shared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from gradwell.folder import CONFIG, WEIGHTS

SHOWN = 20  # classes or labels that a card names


@dataclass(frozen=True)
class Score:
    """One number that says how good a model is."""

    name: str  # as the Hub calls it: accuracy, bleu ...
    value: float
    on: str  # what it was measured on
    how: str = ""  # what must be alike for two of them to be compared


class Shared(ABC):
    """A model in a folder as it is shared: a configuration in JSON, weights as safetensors, and what else its kind needs."""

    form: ClassVar[str]  # what its configuration states as `format`
    extra: ClassVar[str]  # of Gradwell, which must be installed to use it
    unwatched: ClassVar[str] = "No report of the doctor came with this model: its training was not watched."
    files: ClassVar[tuple[str, ...]] = (CONFIG, WEIGHTS)  # those that it consists of; of these only are any fetched
    model: Any

    def __init__(self, folder: Path) -> None:
        """Load the model. Raises ModelFileError when it is damaged."""
        self.model = self.load(folder)

    @staticmethod
    @abstractmethod
    def load(folder: Path) -> Any:
        """The model, with the methods that it has elsewhere."""

    @property
    @abstractmethod
    def task(self) -> str:
        """What it does, as the Hub calls it."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """What it is, in a sentence."""

    @property
    @abstractmethod
    def options(self) -> Any:
        """The choices it was made with, a dataclass."""

    @property
    @abstractmethod
    def history(self) -> Sequence[dict[str, Any]]:
        """The figures of each epoch, with its loss and its seconds."""

    @property
    @abstractmethod
    def learned(self) -> list[Score]:
        """What was measured while it was trained."""

    @abstractmethod
    def measured(self, data: str) -> list[Score]:
        """What is measured now, on data such as it was trained on."""

    @abstractmethod
    def usage(self, name: str) -> tuple[str, str]:
        """How it is used that bears this name on the Hub: in Python, and on the command line after it was pulled to `model`."""


def some(names: Sequence[str]) -> str:
    """The names, or the first of many."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
