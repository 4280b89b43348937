"""All kinds of attention by name."""

from __future__ import annotations

import inspect
from typing import Any

from gradwell.errors import OptionError
from gradwell.nets.attention.additive import AdditiveAttention
from gradwell.nets.attention.base import Attention
from gradwell.nets.attention.coverage import CoverageAttention
from gradwell.nets.attention.dot import DotAttention
from gradwell.nets.attention.general import GeneralAttention
from gradwell.nets.attention.local import LocalAttention
from gradwell.nets.attention.location import LocationAttention
from gradwell.nets.attention.multihead import MultiHeadAttention
from gradwell.nets.attention.scaled_dot import ScaledDotAttention

KINDS: dict[str, type[Attention]] = {
    "additive": AdditiveAttention,
    "dot": DotAttention,
    "scaled-dot": ScaledDotAttention,
    "general": GeneralAttention,
    "location": LocationAttention,
    "local-p": LocalAttention,
    "multi-head": MultiHeadAttention,
    "coverage": CoverageAttention,
}


def attention(kind: str, query_size: int, key_size: int, **options: Any) -> Attention:
    """The attention of this name: "additive", "dot", "scaled-dot", "general", "location", "local-p", "multi-head" or "coverage".

    options: `value_size` for all; `size` and `bias` (additive), `size` (coverage), `longest` (location), `window` (local-p),
    `size`, `heads` and `bias` (multi-head). Raises OptionError where the kind, or the option, does not exist.
    """
    if kind not in KINDS:
        raise OptionError(f"{kind!r} is no kind of attention; the kinds are {', '.join(KINDS)}")
    known = options_of(kind)
    for name in options:
        if name not in known:
            raise OptionError(f"{kind} attention has no option {name!r}; its options are {', '.join(known)}")
    return KINDS[kind](query_size, key_size, **options)


def options_of(kind: str) -> list[str]:
    """The names of the options that a kind has."""
    return [name for name in inspect.signature(KINDS[kind]).parameters if name not in ("query_size", "key_size")]
