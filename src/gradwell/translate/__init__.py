"""Translation with recurrent networks and attention that can be looked at.

`train` makes a translator from pairs of sentences, `load` takes one from its folder.
"""

from gradwell.translate.beam import Beam
from gradwell.translate.files import load
from gradwell.translate.options import Options
from gradwell.translate.pairs import Pairs, read
from gradwell.translate.training import train
from gradwell.translate.translator import Translation, Translator

__all__ = ["Beam", "Options", "Pairs", "Translation", "Translator", "load", "read", "train"]
