"""Translation with recurrent networks and attention that can be looked at.

`train` makes a translator from pairs of sentences, `load` takes one from its folder. `OnnxTranslator` translates without torch, which
is imported when anything else is asked for.
"""

from typing import TYPE_CHECKING

from gradwell.lazy import lazily

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
__getattr__, __dir__ = lazily(__name__, {
    "Beam": "ranking", "OnnxTranslator": "runtime", "Options": "options", "Pairs": "pairs", "Translation": "translation",
    "Translator": "translator", "load": "files", "read": "pairs", "train": "training",
})
