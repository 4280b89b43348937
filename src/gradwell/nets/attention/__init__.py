"""Attention: how a decoder looks at what was read. One interface for all kinds; `attention(kind, ...)` makes one."""

from gradwell.nets.attention.additive import AdditiveAttention
from gradwell.nets.attention.base import Attention
from gradwell.nets.attention.coverage import CoverageAttention
from gradwell.nets.attention.dot import DotAttention
from gradwell.nets.attention.general import GeneralAttention
from gradwell.nets.attention.kinds import KINDS, attention, options_of
from gradwell.nets.attention.local import LocalAttention
from gradwell.nets.attention.location import LocationAttention
from gradwell.nets.attention.memory import Memory
from gradwell.nets.attention.multihead import MultiHeadAttention
from gradwell.nets.attention.scaled_dot import ScaledDotAttention
from gradwell.nets.attention.scoring import additive_score
from gradwell.nets.attention.softmax import masked_softmax

__all__ = [
    "KINDS",
    "AdditiveAttention",
    "Attention",
    "CoverageAttention",
    "DotAttention",
    "GeneralAttention",
    "LocalAttention",
    "LocationAttention",
    "Memory",
    "MultiHeadAttention",
    "ScaledDotAttention",
    "additive_score",
    "attention",
    "masked_softmax",
    "options_of",
]
