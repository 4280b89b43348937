"""Translation with recurrent networks and attention that can be looked at.

`train` makes a translator from pairs of sentences, `load` takes one from its folder. `OnnxTranslator` translates without torch, which
is imported when anything else is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradwell.translate.files import load
    from gradwell.translate.options import Options
    from gradwell.translate.pairs import Pairs, read
    from gradwell.translate.ranking import Beam
    from gradwell.translate.runtime import OnnxTranslator
    from gradwell.translate.training import train
    from gradwell.translate.translation import Translation
    from gradwell.translate.translator import Translator

__all__ = ["Beam", "OnnxTranslator", "Options", "Pairs", "Translation", "Translator", "load", "read", "train"]
HOMES = {
    "Beam": "ranking", "OnnxTranslator": "runtime", "Options": "options", "Pairs": "pairs", "Translation": "translation",
    "Translator": "translator", "load": "files", "read": "pairs", "train": "training",
}


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(f"gradwell.translate.{HOMES[name]}"), name)
    raise AttributeError(f"module 'gradwell.translate' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *HOMES])
